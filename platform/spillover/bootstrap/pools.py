"""What reaches each pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..adapters.aws_dress import dress
from ..adapters.aws_machines import AwsMachines
from ..adapters.launched_pool import LaunchedPool, file_token, local_layout, read_cluster
from ..adapters.ray_cluster import RayCluster
from ..adapters.ray_http import RayHttp
from ..adapters.ray_serve import RayServe
from ..adapters.sql_store import SqlStore
from ..adapters.ssh_plan import PlanFile, is_named_hosts
from ..adapters.ssh_pool import SshPool
from ..config import AnyPool, pool_token
from ..config import LaunchedPool as LaunchedSettings
from ..config.ray_defaults import as_ray_takes_it
from ..control.core import PoolRuntime
from ..ports import Provider
from .settings import make_pool


def make_runtime(name: str, raw: AnyPool, store: SqlStore, installation: str, folder: Path) -> PoolRuntime:
    pool = make_pool(name, raw)
    token = _token_source(raw)

    def address() -> str | None:
        if pool.address:
            return pool.address
        state = store.pool_states().get(name)
        return state.address if state else None

    http = RayHttp(name, address, token)
    cluster, serve = RayCluster(http, installation), RayServe(http, installation)
    if not isinstance(raw, LaunchedSettings):
        return PoolRuntime(pool, cluster, serve=serve)
    if is_named_hosts(read_cluster(raw.cluster)):
        return _of_named_hosts(raw, PoolRuntime(pool, cluster, serve=serve), store, installation, folder)
    provider = make_provider(read_cluster(raw.cluster), installation)
    if provider is None:
        return PoolRuntime(pool, cluster, LaunchedPool(name, raw.cluster, folder), serve=serve)
    dressed = partial(dress, installation=installation)
    launcher = LaunchedPool(name, raw.cluster, folder, dressed, provider)
    return PoolRuntime(pool, cluster, launcher, provider, serve=serve)


def _of_named_hosts(
    raw: LaunchedSettings, runtime: PoolRuntime, store: SqlStore, installation: str, folder: Path
) -> PoolRuntime:
    """A pool whose hosts Spillover starts one by one: Ray's own launcher has holes there."""
    pool = runtime.pool
    # Read again when it changes: what is put right in its commands helps at the next try
    plan = PlanFile(raw.cluster, lambda tree: as_ray_takes_it(dict(tree)), folder / "known_hosts", pool.max_nodes)

    def vouched() -> bool:
        state = store.pool_states().get(pool.name)
        return state is not None and (state.fenced_at or 0.0) > (state.raised_at or 0.0)

    hosts = SshPool(pool.name, plan, folder, installation, vouched)
    return replace(runtime, launcher=hosts, hosts=hosts)


def make_provider(cluster: Mapping[str, Any], installation: str) -> Provider | None:
    """Who rents out the machines of a cluster YAML, if we can ask it directly."""
    section = cluster.get("provider", {})
    if section.get("type") != "aws":
        return None
    return AwsMachines(section, installation)


def _token_source(raw: AnyPool) -> Callable[[], str | None]:
    if isinstance(raw, LaunchedSettings) and raw.token_file is None and raw.token_env is None:
        layout = local_layout(read_cluster(raw.cluster))
        return file_token(layout.token_file) if layout else lambda: None
    if raw.token_file is not None:
        return file_token(raw.token_file)
    return lambda: pool_token(raw)
