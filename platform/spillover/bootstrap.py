"""Puts the platform together: the only place that names concrete adapters."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from .adapters.clock import RealClock
from .adapters.launched_pool import LaunchedPool, file_token, local_layout, read_cluster
from .adapters.ray_cluster import RayCluster
from .adapters.ray_http import RayHttp
from .adapters.seal import Sealer
from .adapters.sql_store import SqlStore
from .adapters.state_folder import first_token_file, remove_cut_uploads, sole_owner, write_server_file
from .config import AnyPool, Settings, pool_token
from .config import LaunchedPool as LaunchedSettings
from .control.assembly import Control, assemble
from .control.core import ControlSettings, Core, PoolRuntime
from .control.service import token_hash
from .domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from .domain.resources import Demand, Resources, parse_bundles
from .errors import SettingsError
from .gateway.app import build_app
from .gateway.server import GatewayServer
from .ledger.metering import Metering
from .placement.policies import Policy, make_policy
from .ports import Caller, Clock, Store

Say = Callable[[str], None]


@dataclass(frozen=True)
class Platform:
    """A running Spillover."""

    control: Control
    address: str
    token_file: Path
    state_dir: Path

    def add_user(self, user: str, team: str, role: str = "user") -> str:
        """Make a token for somebody and return it; only its hash is kept."""
        token = secrets.token_hex(32)
        core = self.control.core
        core.store.add_token(token_hash(token), Caller(user, team, role), core.clock.now())
        return token


def make_pool(name: str, raw: AnyPool) -> Pool:
    """The domain's pool from the settings'."""
    return Pool(
        name=name,
        kind=PoolKind(raw.kind),
        role=PoolRole(raw.role),
        node_types=tuple(
            NodeType(
                name=type_name,
                resources=Resources(t.resources),
                market=Market(t.market),
                price_usd_per_hour=t.price_usd_per_hour,
                max_nodes=t.max_nodes,
                labels=t.labels,
            )
            for type_name, t in raw.node_types.items()
        ),
        head_price_usd_per_hour=raw.head_price_usd_per_hour,
        region=raw.region,
        provides=raw.provides,
        max_drivers=raw.max_drivers,
        startup_s=raw.startup_s,
        idle_timeout_s=raw.idle_timeout_s,
        lease_s=raw.lease_s,
        unreachable_after_s=raw.unreachable_after_s,
        address=None if isinstance(raw, LaunchedSettings) else raw.address,
        cluster_yaml=str(raw.cluster) if isinstance(raw, LaunchedSettings) else None,
        dashboard_port=_dashboard_port(raw),
    )


def _dashboard_port(raw: AnyPool) -> int:
    if not isinstance(raw, LaunchedSettings):
        return 0
    layout = local_layout(read_cluster(raw.cluster))
    return layout.ports()["SPILLOVER_DASHBOARD_PORT"] if layout else raw.dashboard_port


def make_named_policy(settings: Settings) -> Policy:
    """The policy that the settings name. Raises SettingsError."""
    try:
        return make_policy(settings.policy.name, **settings.policy.settings)
    except (ValueError, TypeError) as error:
        raise SettingsError([f"policy: {error}"]) from None


def control_settings(settings: Settings) -> ControlSettings:
    """What control needs to know."""
    return ControlSettings(
        default_demand=Demand(parse_bundles(settings.defaults.demand)),
        default_runtime_s=settings.defaults.runtime_s,
        may_burst={name: team.may_burst for name, team in settings.teams.items()},
        package_limit_bytes=settings.packages.limit_bytes,
        stop_on_overuse=settings.on_overuse == "stop",
        max_attempts=settings.max_attempts,
        tick_s=settings.tick_s,
        metering_s=settings.metering_interval_s,
    )


def _runtime(name: str, raw: AnyPool, store: SqlStore, installation: str, folder: Path) -> PoolRuntime:
    pool = make_pool(name, raw)
    token = _token_source(raw)

    def address() -> str | None:
        if pool.address:
            return pool.address
        state = store.pool_states().get(name)
        return state.address if state else None

    cluster = RayCluster(RayHttp(name, address, token), installation)
    launcher = LaunchedPool(name, raw.cluster, folder) if isinstance(raw, LaunchedSettings) else None
    return PoolRuntime(pool, cluster, launcher)


def _token_source(raw: AnyPool) -> Callable[[], str | None]:
    if isinstance(raw, LaunchedSettings) and raw.token_file is None and raw.token_env is None:
        layout = local_layout(read_cluster(raw.cluster))
        return file_token(layout.token_file) if layout else lambda: None
    if raw.token_file is not None:
        return file_token(raw.token_file)
    return lambda: pool_token(raw)


def check_removed_pools(store: Store, settings: Settings) -> None:
    """Refuse settings that forget a pool with nodes under lease: nobody would fold it. Raises SettingsError."""
    leased = {name for name, state in store.pool_states().items() if state.lease_id}
    forgotten = sorted(leased - set(settings.pools))
    if forgotten:
        raise SettingsError(
            [
                f"pools: '{name}' is not in the settings any more, but it still has nodes under lease; "
                f"put it back, and fold it with `spillover fold {name}`"
                for name in forgotten
            ]
        )


def admit_admin(store: Store, clock: Clock, settings: Settings) -> Path:
    """Let the administrator in, as a member of `defaults.team`, and return the file with the token."""
    path = first_token_file(settings.state_dir)
    admin = Caller("admin", settings.defaults.team, "admin")
    store.add_token(token_hash(path.read_text().strip()), admin, clock.now())
    return path


@asynccontextmanager
async def platform(
    settings: Settings, *, fold_on_exit: bool = False, say: Say = lambda _: None
) -> AsyncIterator[Platform]:
    """A Spillover that serves until the block ends. With `fold_on_exit` its launched pools are taken down then."""
    state_dir = settings.state_dir
    with sole_owner(state_dir):
        policy = make_named_policy(settings)
        store, clock = SqlStore.in_folder(state_dir), RealClock()
        check_removed_pools(store, settings)
        store.release_all()  # we are alone: claims of a process that died would only hold us up
        remove_cut_uploads(state_dir)
        installation = store.installation_id()
        pools = {
            name: _runtime(name, raw, store, installation, state_dir / "clusters")
            for name, raw in settings.pools.items()
        }
        core = Core(store, clock, control_settings(settings), policy, pools, state_dir)
        metering = Metering(store, core.db, {name: runtime.launcher for name, runtime in pools.items()})
        control = assemble(core, Sealer.from_file(state_dir / "links.key").key, metering.run)
        token_file = admit_admin(store, clock, settings)
        server = GatewayServer(build_app(control.service), settings.listen.host, settings.listen.port)
        await server.start()
        core.url = server.url
        write_server_file(state_dir, server.url, token_file)
        loop = asyncio.create_task(control.loop.run())
        try:
            yield Platform(control, server.url, token_file, state_dir)
        finally:
            await server.stop()
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            if fold_on_exit:
                await fold_all(control, say)
            for runtime in pools.values():
                await runtime.cluster.close()  # type: ignore[attr-defined]  # ours
            await control.close()
            store.close()


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
        say(greeting(running))
        await stop.wait()
        say("Stopping. " + ("Folding all launched pools." if fold_on_exit else "Launched pools stay as they are."))


def greeting(running: Platform) -> str:
    """What a user must set for Ray's own clients."""
    return (
        f"Spillover serves at {running.address}\n"
        "Ray's clients take it with:\n"
        f"  export RAY_API_SERVER_ADDRESS={running.address}\n"
        "  export RAY_AUTH_MODE=token\n"
        f"  export RAY_AUTH_TOKEN_PATH={running.token_file}\n"
        "  ray job submit --working-dir . -- python train.py"
    )


def run(settings: Settings, *, fold_on_exit: bool = False, say: Say = print) -> None:
    """Serve in the foreground until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    asyncio.run(_serve(settings, fold_on_exit, say))
