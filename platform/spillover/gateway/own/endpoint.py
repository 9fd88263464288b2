"""What is said of a call of Spillover's own API: enough to serve it, and to describe it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ...domain.access import Role

ROOT = "/api/spillover/v1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Endpoint:
    """One call. The handler's docstring describes it.

    `answer` is the type of a 200's body, `query` the dataclass that its query is read into, `body` the type of its JSON
    body. `least` is the role that it takes; None: it is open to everybody.
    """

    method: str
    path: str
    handler: Handler
    answer: Any
    query: type | None = None
    body: Any = None
    least: Role | None = Role.VIEWER

    @property
    def route(self) -> web.RouteDef:
        """How aiohttp takes it."""
        return web.route(self.method, ROOT + self.path, self.handler)

    @property
    def text(self) -> str:
        """What it does."""
        return (self.handler.__doc__ or "").strip()
