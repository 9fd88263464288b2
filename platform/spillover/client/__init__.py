"""The Python SDK, and how commands and it find and ask a server.

The names of `public.py` are here too, but loaded only when asked for: a command starts in a tenth of a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .public import *  # noqa: F403  # type checkers take the names from there
else:
    _MODULES = {"arguments", "client", "connect", "metadata", "public", "reading", "refusals", "transport", "ways"}

    def __getattr__(name: str) -> object:
        # Python asks here for a module, too, before it loads it
        if name not in _MODULES and not name.startswith("_"):
            public = import_module(".public", __name__)
            if name in public.__all__:
                return getattr(public, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *import_module(".public", __name__).__all__})
