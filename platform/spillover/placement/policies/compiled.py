"""A policy's rule in machine code, for replays of millions of decisions. numba is loaded when that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from inspect import getclosurevars
from types import FunctionType
from typing import Any

Rule = Callable[..., tuple[int, float]]


@cache
def compiled(rule: Rule) -> Any:
    """The rule under `numba.njit`, once a rule: what it returns is the same for the same rule.

    A rule is plain Python, and so are the functions that it calls; numba wants these to be named to it.
    """
    from numba import njit  # noqa: PLC0415 -- takes a fifth of a second, and live code never compiles

    for helper in set(_called(rule)):
        _name(helper)
    return njit(rule)


@cache
def _name(helper: FunctionType) -> None:
    from numba.extending import register_jitable  # noqa: PLC0415

    register_jitable(helper)


def _called(function: Any) -> Iterator[FunctionType]:
    """The functions of ours that it calls, and what those call: there are no cycles in them."""
    names = getclosurevars(function)
    for found in (*names.globals.values(), *names.nonlocals.values()):
        if isinstance(found, FunctionType):
            yield found
            yield from _called(found)
