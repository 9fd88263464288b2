"""Spillover: one queue in front of every Ray cluster that a team owns or rents."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .backtest.python import backtest
    from .client import Client, job_metadata
else:

    def __getattr__(name: str) -> object:
        """The SDK is loaded when asked for: the command line, and what runs on nodes, do without."""
        if name == "backtest":  # the package, which can be called
            return import_module(".backtest", __name__)
        if name not in {"Client", "job_metadata"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(".client", __name__), name)


__version__ = "0.1.0"
__all__ = ["Client", "__version__", "backtest", "job_metadata"]
