"""A running Spillover, from its state folder to its last request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..adapters.clock import RealClock
from ..adapters.seal import Sealer
from ..adapters.serve_schema import read_serve_config
from ..adapters.sql_store import SqlStore
from ..adapters.state_folder import remove_cut_uploads, sole_owner, write_server_file
from ..config import Settings
from ..control.assembly import Control, assemble
from ..control.core import Core, PoolRuntime
from ..domain.access import Caller, Role
from ..domain.provider import Listing
from ..domain.questions import TokenRequest
from ..gateway.app import build_app
from ..gateway.greeting import greeting
from ..gateway.server import GatewayServer
from ..gateway.service import Services
from ..gateway.tls import Certificates
from ..ledger.metering import Metering
from ..placement.moves import moves
from .admission import admit_admin, check_removed_pools
from .comparing import make_compare
from .dataplane import make_dataplane
from .pools import make_runtime
from .settings import control_settings, make_named_policy, make_shadow_policy

Say = Callable[[str], None]


@dataclass(frozen=True)
class Platform:
    """A running Spillover."""

    control: Control
    address: str
    token_file: Path | None
    state_dir: Path
    tls: Certificates | None = None

    async def add_user(self, user: str, team: str, role: Role = Role.USER) -> str:
        """Make a token for somebody and return it; only its hash is kept."""
        admin = Caller("spillover up", team, Role.ADMIN)
        return (await self.control.tokens.create(admin, TokenRequest(user, team, role))).secret


def make_server(settings: Settings, services: Services) -> GatewayServer:
    """The HTTP face where the settings say. Raises SpilloverError if the certificate cannot be used."""
    listen = settings.listen
    tls = Certificates(listen.tls.certificate, listen.tls.key) if listen.tls else None
    return GatewayServer(build_app(services), listen.host, listen.port, url=listen.url, tls=tls)


@asynccontextmanager
async def platform(
    settings: Settings, *, fold_on_exit: bool = False, say: Say = lambda _: None
) -> AsyncIterator[Platform]:
    """A Spillover that serves until the block ends. With `fold_on_exit` its launched pools are taken down then."""
    state_dir = settings.state_dir
    with sole_owner(state_dir):
        policy, shadow = make_named_policy(settings), make_shadow_policy(settings)
        store, clock = SqlStore.in_folder(state_dir), RealClock()
        check_removed_pools(store, settings)
        store.release_all()  # we are alone: claims of a process that died would only hold us up
        remove_cut_uploads(state_dir)
        installation = store.installation_id()
        pools = {
            name: make_runtime(name, raw, store, installation, state_dir / "clusters")
            for name, raw in settings.pools.items()
        }
        plane = make_dataplane(settings, state_dir)
        core = Core(store, clock, control_settings(settings), policy, pools, state_dir, shadow=shadow, dataplane=plane)
        metering = make_metering(core)
        link_key = Sealer.from_file(state_dir / "links.key").key
        control = assemble(core, link_key, metering.run, make_compare(core), moves, read_serve_config)
        services = services_of(control)
        token_file = admit_admin(store, clock, settings)
        server = make_server(settings, services)
        await server.start()
        core.url = server.url
        # With TLS it is the certificate's name that must be called; without, the way through a proxy is the longer one
        tls = server.tls
        local, ca_file = (server.url, tls.certificate) if tls else (server.local_url, None)
        write_server_file(state_dir, local, server.url, token_file, ca_file)
        loop = asyncio.create_task(control.loop.run())
        try:
            yield Platform(control, server.url, token_file, state_dir, tls)
        finally:
            await server.stop()
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            if fold_on_exit:
                await plane.stop()
                await fold_all(control, say)
            for runtime in pools.values():
                await runtime.cluster.close()  # type: ignore[attr-defined]  # ours
            await control.close()
            store.close()


def services_of(control: Control) -> Services:
    """What the gateway serves of control."""
    return Services(
        control.service,
        control.insight,
        control.operators,
        control.tokens,
        control.hosts,
        control.serve,
        control.keys,
    )


def make_metering(core: Core) -> Metering:
    """The meters: rented machines by what their provider says, other nodes by what their cluster shows."""
    launchers = {name: runtime.launcher for name, runtime in core.pools.items()}
    rented = {name: partial(_listed, runtime) for name, runtime in core.pools.items() if runtime.provider}
    return Metering(core.store, core.db, launchers, rented)


def _listed(runtime: PoolRuntime) -> Listing | None:
    return runtime.listed


async def fold_all(control: Control, say: Say) -> None:
    """Take every launched pool down, whatever runs there, and book what it cost."""
    with contextlib.suppress(Exception):
        await control.loop.meter_now()
    names = [name for name, runtime in control.core.pools.items() if runtime.launcher]
    await asyncio.gather(*(control.pools.fold_for_good(name, say) for name in names))
    with contextlib.suppress(Exception):
        await control.loop.meter_now()


async def _serve(settings: Settings, fold_on_exit: bool, say: Say) -> None:  # noqa: FBT001
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    async with platform(settings, fold_on_exit=fold_on_exit, say=say) as running:
        say(greeting(running.address, running.token_file, running.tls))
        await stop.wait()
        say("Stopping. " + ("Folding all launched pools." if fold_on_exit else "Launched pools stay as they are."))


def run(settings: Settings, *, fold_on_exit: bool = False, say: Say = print) -> None:
    """Serve in the foreground until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    asyncio.run(_serve(settings, fold_on_exit, say))
