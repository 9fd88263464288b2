"""When to wait and when to pay, one file a policy.

A new policy is one new module here that sets `POLICY` to a frozen dataclass with a `name` and a `judge` method
(see `base.py`). It is found by being there; its fields, made with `base.setting`, are its settings, and its docstring
is its page of the reference.
"""

from __future__ import annotations

import pkgutil
from dataclasses import MISSING, fields
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from inspect import getdoc
from typing import Any, NamedTuple

from .base import Context, Judgement, Mover, Policy, Ruled, Steered, learner, mover

__all__ = [
    "Context",
    "Judgement",
    "Mover",
    "Policy",
    "PolicySetting",
    "Ruled",
    "Steered",
    "describe",
    "learner",
    "make_policy",
    "mover",
    "policy_names",
    "policy_settings",
]

_REQUIRED = "required"


class PolicySetting(NamedTuple):
    """One setting of a policy, for people: `default` is as they write it, "" for none, or says that it is required."""

    name: str
    default: str
    meaning: str

    @property
    def required(self) -> bool:
        """Whether the policy cannot do without it."""
        return self.default == _REQUIRED


@cache
def _registry() -> dict[str, Any]:
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    classes = [module.POLICY for module in modules if hasattr(module, "POLICY")]
    return {cls.name: cls for cls in sorted(classes, key=lambda cls: str(cls.name))}


def policy_names() -> tuple[str, ...]:
    """The names of all policies, sorted."""
    return tuple(_registry())


def policy_settings(name: str) -> tuple[PolicySetting, ...]:
    """The settings that the policy of that name takes."""
    return tuple(
        PolicySetting(f.name, _REQUIRED if f.default is MISSING else f.metadata["shown"], f.metadata["meaning"])
        for f in fields(_registry()[name])
    )


def describe(name: str) -> str:
    """What the policy of that name does."""
    return getdoc(_registry()[name]) or ""


def make_policy(name: str, **settings: object) -> Policy:
    """The policy of that name with its settings. Raises ValueError for an unknown name or a wrong setting."""
    cls = _registry().get(name)
    if cls is None:
        raise ValueError(f"unknown policy '{name}'{_meant(name, policy_names())}")
    known = tuple(field.name for field in fields(cls))
    for setting in settings:
        if setting not in known:
            raise ValueError(f"policy '{name}' has no setting '{setting}'{_meant(setting, known)}")
    policy: Policy = cls(**settings)
    return policy


def _meant(word: str, known: tuple[str, ...]) -> str:
    """A hint at the nearest known word, else at all of them."""
    near = get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known are {', '.join(known)}" if known else "; it has none"
