"""Checks of a submit request: Ray's own, then those that Ray makes only when the job starts.

Each raises TypeError or ValueError whose text is what Ray's traceback would end with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .runtime_env import check_runtime_env
from .selectors import selector_mistake

_FIELDS = (
    "entrypoint",
    "submission_id",
    "job_id",
    "runtime_env",
    "metadata",
    "entrypoint_num_cpus",
    "entrypoint_num_gpus",
    "entrypoint_memory",
    "entrypoint_resources",
    "entrypoint_label_selector",
)
# Safe as a file name and as one segment of a URL; a colon would look like a mapped core job id.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# Far beyond any cluster, and small enough for a float.
_MOST = 10**18


def check_submit(fields: Mapping[str, Any]) -> None:
    """Raise for the first mistake. `fields` holds no None: Ray strips those first."""
    _check_names(fields)
    _check_types(fields)
    _check_values(fields)


def _check_names(fields: Mapping[str, Any]) -> None:
    unknown = next((name for name in fields if name not in _FIELDS), None)
    if unknown is not None:
        raise TypeError(f"JobSubmitRequest.__init__() got an unexpected keyword argument '{unknown}'")
    if "entrypoint" not in fields:
        raise TypeError("JobSubmitRequest.__init__() missing 1 required positional argument: 'entrypoint'")


def _check_types(fields: Mapping[str, Any]) -> None:
    """What `JobSubmitRequest.__post_init__` checks, in its order."""
    if not isinstance(fields["entrypoint"], str):
        raise TypeError(f"entrypoint must be a string, got {type(fields['entrypoint'])}")
    for name in ("submission_id", "job_id"):
        if not isinstance(fields.get(name, ""), str):
            raise TypeError(f"{name} must be a string if provided, got {type(fields[name])}")
    _check_dict("runtime_env", fields)
    _check_dict("metadata", fields, str, "strings")
    for name in ("entrypoint_num_cpus", "entrypoint_num_gpus"):
        if not isinstance(fields.get(name, 0), int | float):
            raise TypeError(f"{name} must be a number, got {type(fields[name])}")
    if not isinstance(fields.get("entrypoint_memory", 0), int):
        raise TypeError(f"entrypoint_memory must be an integer, got {type(fields['entrypoint_memory'])}")
    _check_dict("entrypoint_resources", fields, (int, float), "numbers")
    _check_dict("entrypoint_label_selector", fields, str, "strings")


def _check_dict(name: str, fields: Mapping[str, Any], kind: type | tuple[type, ...] = object, kinds: str = "") -> None:
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict, got {type(value)}")
    for item in value.values():
        if not isinstance(item, kind):
            raise TypeError(f"{name} values must be {kinds}, got {type(item)}")


def _check_values(fields: Mapping[str, Any]) -> None:
    """What Ray finds out after its 200, and what only Spillover asks for."""
    if not fields["entrypoint"].strip():
        raise ValueError("entrypoint is empty: say what to run, such as 'python train.py'")
    for name in ("submission_id", "job_id"):
        _check_id(name, fields.get(name, ""))
    for name, amount in _amounts(fields):
        _check_amount(name, amount)
    mistake = selector_mistake(fields.get("entrypoint_label_selector", {}))
    if mistake:
        raise ValueError(mistake)
    check_runtime_env(fields.get("runtime_env", {}))


def _check_id(name: str, value: str) -> None:
    if value and not _ID.fullmatch(value):
        raise ValueError(
            f"{name} '{value}' names files and URLs: use 1 to 128 letters, digits, '_', '-' and '.', "
            "starting with a letter, a digit or '_'"
        )


def _amounts(fields: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    for name in ("num_cpus", "num_gpus", "memory"):
        if f"entrypoint_{name}" in fields:
            yield name, fields[f"entrypoint_{name}"]
    custom = fields.get("entrypoint_resources", {})
    if "CPU" in custom or "GPU" in custom:
        raise ValueError("Use the 'num_cpus' and 'num_gpus' keyword instead of 'CPU' and 'GPU' in 'resources' keyword")
    if "memory" in custom or "object_store_memory" in custom:
        raise ValueError("The resources dictionary must not contain the key 'memory' or 'object_store_memory'")
    yield from custom.items()


def _check_amount(name: str, amount: float) -> None:
    if amount < 0:
        raise ValueError(f"The quantity of resource {name} cannot be negative")
    if not amount <= _MOST:
        raise ValueError(f"The quantity of resource {name} is no possible amount")
    if 0 < amount < 0.0001:
        raise ValueError(f"The precision of the fractional quantity of resource {name} cannot go beyond 0.0001")
    if name == "num_gpus" and amount > 1 and amount != int(amount):
        raise ValueError(
            f"GPU resource quantities >1 must be whole numbers. The specified quantity {amount} is invalid."
        )
