"""From the settings to what the parts of the platform are made with."""

from __future__ import annotations

from ..adapters.launched_pool import local_layout, read_cluster
from ..config import AnyPool, Settings
from ..config import LaunchedPool as LaunchedSettings
from ..control.core import ControlSettings
from ..domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from ..domain.resources import Demand, Resources, parse_bundles
from ..errors import SettingsError
from ..placement.policies import Policy, make_policy

_SETTLE_S = 30.0
"""What a cloud's lists may lag behind what it does; embedded pools ask nobody and do not wait."""


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
        settle_s=_SETTLE_S if isinstance(raw, LaunchedSettings) else 0.0,
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
