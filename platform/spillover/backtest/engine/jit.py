"""numba's `njit` with a cache on disk that is never stale."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])
_HERE = Path(__file__).parent
_PLACEMENT = _HERE.parents[1] / "placement"
_SOURCES = (
    *_HERE.glob("*.py"),
    *(_PLACEMENT / name for name in ("tally.py", "survival.py", "likeness.py", "policies/facts.py")),
)


def _digest() -> str:
    """Of all that goes into the machine code: numba itself looks at the file of a function alone."""
    told = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_SOURCES):
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "spillover" / "numba" / _digest()


setattr(numba.config, "CACHE_DIR", str(_cache()))  # noqa: B010 -- numba makes its settings at run time


def jit(function: _Function) -> _Function:
    """Compile at the first call, and keep it for later processes. To a reader, the function is what it was."""
    return cast("_Function", numba.njit(cache=True, error_model="numpy")(function))
