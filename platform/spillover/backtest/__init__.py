"""Replays a trace through the same decisions that run live.

The package can be called: `spillover.backtest("jobs.csv", nodes=48)` is `spillover.backtest.python.backtest`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package that is a function as well: its name is the verb that people look for."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from .python import backtest  # noqa: PLC0415  # numpy and more, which the package's other users do without

        return backtest(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
