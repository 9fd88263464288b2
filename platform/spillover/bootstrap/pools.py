"""What reaches each pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..adapters.launched_pool import LaunchedPool, file_token, local_layout, read_cluster
from ..adapters.ray_cluster import RayCluster
from ..adapters.ray_http import RayHttp
from ..adapters.sql_store import SqlStore
from ..config import AnyPool, pool_token
from ..config import LaunchedPool as LaunchedSettings
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

    cluster = RayCluster(RayHttp(name, address, token), installation)
    if not isinstance(raw, LaunchedSettings):
        return PoolRuntime(pool, cluster)
    provider = make_provider(read_cluster(raw.cluster), installation)
    if provider is None:
        return PoolRuntime(pool, cluster, LaunchedPool(name, raw.cluster, folder))
    from ..adapters.aws_dress import dress

    dressed = partial(dress, installation=installation)
    return PoolRuntime(pool, cluster, LaunchedPool(name, raw.cluster, folder, dressed, provider), provider)


def make_provider(cluster: Mapping[str, Any], installation: str) -> Provider | None:
    """Who rents out the machines of a cluster YAML, if we can ask it directly."""
    section = cluster.get("provider", {})
    if section.get("type") != "aws":
        return None
    from ..adapters.aws_machines import AwsMachines

    return AwsMachines(section, installation)


def _token_source(raw: AnyPool) -> Callable[[], str | None]:
    if isinstance(raw, LaunchedSettings) and raw.token_file is None and raw.token_env is None:
        layout = local_layout(read_cluster(raw.cluster))
        return file_token(layout.token_file) if layout else lambda: None
    if raw.token_file is not None:
        return file_token(raw.token_file)
    return lambda: pool_token(raw)
