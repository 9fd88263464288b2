"""The syntax of Ray's label selectors.

Rules and texts are those of `ray._private.label_utils` (2.60), which cannot be imported without Ray. One rule is
written anew: Ray's pattern for a key's prefix takes exponential time on keys such as `a.a.a.a.a.$/x`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LABEL = r"([a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?)"
_NAME = re.compile(_LABEL)
# Pieces without dots inside, so that there is one way to match; this refuses oddities such as `a_.b`, which Ray takes.
_PIECE = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?)?"
_PREFIX = re.compile(rf"{_PIECE}(?:\.{_PIECE})*")
_CONDITION = re.compile(rf"^!?(?:in)?\({_LABEL}(?:, ?{_LABEL})*\)$|^!?{_LABEL}$")
_SYNTAX = (
    "must be 63 chars or less beginning and ending with an alphanumeric character ([a-z0-9A-Z]) "
    "with dashes (-), underscores (_),dots (.), and alphanumerics between."
)


def selector_mistake(selector: Mapping[str, str]) -> str | None:
    """What Ray finds wrong with a selector first; None if nothing is."""
    for key, condition in selector.items():
        mistake = _key_mistake(key) or _condition_mistake(condition)
        if mistake:
            return mistake
    return None


def _key_mistake(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
        return (
            f"Invalid label key prefix `{prefix}`. Prefix must be a series of DNS labels "
            "separated by dots (.), not longer than 253 characters in total."
        )
    if not _NAME.fullmatch(name):
        return f"Invalid label key name `{name}`. Name {_SYNTAX}"
    return None


def _condition_mistake(condition: str) -> str | None:
    if condition and not _CONDITION.fullmatch(condition):
        return (
            f"Invalid label selector value `{condition}`. The label selector value should contain optional "
            f"operators and a label value. Supported operators are: ! and {{'in'}}. Value {_SYNTAX}"
        )
    return None
