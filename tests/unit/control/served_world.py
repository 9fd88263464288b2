"""A whole Spillover behind its HTTP face, in a thread of its own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from world import ROOT, World, running_world

from spillover.bootstrap.serving import services_of
from spillover.domain.pool import Pool
from spillover.domain.questions import TokenRequest
from spillover.gateway.app import build_app
from spillover.gateway.server import GatewayServer


@dataclass(frozen=True)
class ServedWorld:
    """Where it is, and a token that may do everything."""

    address: str
    token: str


class Prompt:
    """Jobs of a world whose loop has run when a submit is answered: time stands still in between."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.control.service, name)

    async def submit(self, *submitted: Any) -> str:
        accepted = await self._world.control.service.submit(*submitted)
        await self._world.tick(3)
        return accepted


@contextmanager
def served_world(folder: Path, *pools: Pool, begin: Callable[[World], Awaitable[None]]) -> Iterator[ServedWorld]:
    """Serve a world in which `begin` has happened."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def open_it() -> ServedWorld:
        world = await stack.enter_async_context(running_world(folder, *pools))
        await begin(world)
        control = world.control
        token = await control.tokens.create(ROOT, TokenRequest("ann", "search", "admin"))
        services = replace(services_of(control), jobs=Prompt(world))
        server = GatewayServer(build_app(services))
        await server.start()
        stack.push_async_callback(server.stop)
        return ServedWorld(server.url, token.secret)

    try:
        yield asyncio.run_coroutine_threadsafe(open_it(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
