"""From the settings to what the parts of the platform are made with."""

from __future__ import annotations

from dataclasses import replace

from ..adapters.launched_pool import local_layout, read_cluster
from ..config import AnyPool, Settings
from ..config import LaunchedPool as LaunchedSettings
from ..config import Policy as PolicySettings
from ..config.schema import DataPlace
from ..config.schema import NodeType as NodeTypeSettings
from ..control.core import ControlSettings
from ..domain.data import Place
from ..domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from ..domain.resources import Demand, Resources, parse_bundles
from ..domain.terms import (
    CLOUD_EGRESS_USD_PER_GB,
    CLOUD_STORAGE_USD_PER_GB_MONTH,
    SPOT_INTERRUPTIONS_PER_HOUR,
    Terms,
)
from ..errors import SettingsError
from ..placement.policies import Policy, make_policy

_SETTLE_S = 30.0
"""What a cloud's lists may lag behind what it does; embedded pools ask nobody and do not wait."""


def make_pool(name: str, raw: AnyPool) -> Pool:
    """The domain's pool from the settings'."""
    layout = local_layout(read_cluster(raw.cluster)) if isinstance(raw, LaunchedSettings) else None
    pool = Pool(
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
                interruptions_per_hour=_interruptions(t),
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
        dashboard_port=raw.dashboard_port if isinstance(raw, LaunchedSettings) else 0,
        egress_usd_per_gb=_rented(raw, raw.egress_usd_per_gb, CLOUD_EGRESS_USD_PER_GB),
        storage_usd_per_gb_month=_rented(raw, raw.storage_usd_per_gb_month, CLOUD_STORAGE_USD_PER_GB_MONTH),
        gbit_per_s=raw.bandwidth_gbit,
        serve_port=raw.serve_port,
    )
    if layout is None:
        return pool
    dashboard, serve = (layout.ports()[f"SPILLOVER_{what}_PORT"] for what in ("DASHBOARD", "SERVE"))
    return replace(pool, dashboard_port=dashboard, serve_port=serve, serve_host=layout.head_ip)


def _interruptions(raw: NodeTypeSettings) -> float:
    assumed = SPOT_INTERRUPTIONS_PER_HOUR if raw.market == "spot" else 0.0
    return assumed if raw.interruptions_per_hour is None else raw.interruptions_per_hour


def _rented(raw: AnyPool, said: float | None, assumed: float) -> float:
    """What was said, else what clouds charge for rented pools, and nothing for owned ones."""
    return said if said is not None else assumed if raw.role == "burst" else 0.0


def make_named_policy(settings: Settings) -> Policy:
    """The policy that the settings name. Raises SettingsError."""
    return _policy("policy", settings.policy)


def make_shadow_policy(settings: Settings) -> Policy | None:
    """The policy that is only asked, if the settings name one. Raises SettingsError."""
    return None if settings.shadow_policy is None else _policy("shadow_policy", settings.shadow_policy)


def _policy(key: str, named: PolicySettings) -> Policy:
    try:
        return make_policy(named.name, **named.settings)
    except (ValueError, TypeError) as error:
        raise SettingsError([f"{key}: {error}"]) from None


def make_terms(settings: Settings) -> Terms:
    """What is assumed of jobs and their data."""
    defaults = settings.defaults
    return Terms(
        checkpoint_every_s=defaults.checkpoint_every_s,
        checkpoint_gb=defaults.checkpoint_gb,
        restart_s=defaults.restart_s,
        move_s=defaults.move_s,
        places=tuple(_place(prefix, raw) for prefix, raw in settings.data.items()),
    )


def _place(prefix: str, raw: DataPlace) -> Place:
    egress = CLOUD_EGRESS_USD_PER_GB if raw.egress_usd_per_gb is None else raw.egress_usd_per_gb
    return Place(prefix, raw.region, egress)


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
        terms=make_terms(settings),
        move_cooldown_s=settings.move_cooldown_s,
        shadow_every_s=settings.shadow_every_s,
    )
