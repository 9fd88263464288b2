"""Whether the pools could ever run an application's replicas."""

from __future__ import annotations

from collections.abc import Sequence

from ...domain.pool import PoolRole, PoolStatus
from ...domain.serving import Application
from ...errors import BadRequest
from ...placement.eligibility import refusals
from ...placement.snapshot import PoolView
from ..core import Core, PoolRuntime
from ..intake import queued_job
from .block import demand_of
from .replicas import make_replica

_KEYS = {PoolRole.BASELINE: ("baseline", "owned"), PoolRole.BURST: ("burst", "rented")}


def check_fits(core: Core, application: Application) -> None:
    """Raises BadRequest if replicas are asked for on pools of a role of which none can ever run one."""
    mistakes = [text for role in PoolRole if (text := _why_not(core, application, role))]
    if mistakes:
        raise BadRequest(f"application '{application.name}': " + "; ".join(mistakes))


def _why_not(core: Core, application: Application, role: PoolRole) -> str:
    most = application.terms.of(role).most
    pools = [runtime for runtime in core.pools.values() if runtime.pool.role is role]
    reasons = _reasons(core, application, role, pools)
    if not most or len(reasons) < len(pools):
        return ""
    key, kind = _KEYS[role]
    said = f"up to {most} replica{'s' if most > 1 else ''} on {kind} pools"
    remedy = f"write '{key}: 0', or change what it needs"
    if not pools:
        return f"{said}, and the settings have no {kind} pool; {remedy}"
    lines = "; ".join(f"{pool}: {reason}" for pool, reason in reasons.items())
    return f"{said}, and none can ever run one, which needs {demand_of(application)}; {remedy}. {lines}"


def _reasons(core: Core, application: Application, role: PoolRole, pools: Sequence[PoolRuntime]) -> dict[str, str]:
    replica = make_replica(application, role, application.terms.pools, demand_of(application), 0.0)
    views = [PoolView(r.pool, status=PoolStatus.UP, nodes=r.seen.nodes if r.seen else ()) for r in pools]
    return refusals(queued_job(replica, core), views)
