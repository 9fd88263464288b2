"""`defaults.demand`: what a job is held to need that says nothing. Some pool must be able to hold it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..config import Mistake, Parts, warn
from ..domain.job import Hints
from ..domain.pool import Pool, PoolKind, PoolStatus
from ..domain.resources import Demand, parse_bundles
from ..placement.eligibility import refusals
from ..placement.snapshot import PoolView, QueuedJob


def demand_mistakes(parts: Parts, pools: Sequence[Pool]) -> Iterator[Mistake]:
    """Placement's own answer to whether such a job could ever run."""
    if parts.defaults is None:
        return
    demand, path = parts.defaults.demand, ("defaults", "demand")
    reasons = _refusals(demand, pools, may_burst=True)
    if len(reasons) == len(pools):
        text = f"no pool can ever hold it: {'; '.join(reasons.values())}"
        # An attached cluster may have more than the settings say, and is believed
        yield Mistake(path, text, demand, warning=any(pool.kind is PoolKind.ATTACHED for pool in pools))
        return
    if len(_refusals(demand, pools, may_burst=False)) < len(pools):
        return
    for name, team in parts.teams.items():
        if not team.may_burst:
            text = f"jobs that say nothing need {demand}, which only burst pools can hold: this team's could never run"
            yield warn(("teams", name, "may_burst"), text, value=False)


def _refusals(demand: str, pools: Sequence[Pool], *, may_burst: bool) -> dict[str, str]:
    job = QueuedJob(
        submission_id="",
        user="",
        team="",
        priority=0,
        submitted_at=0.0,
        demand=Demand(parse_bundles(demand)),
        hints=Hints(),
        runtime_s=0.0,
        runtime_source="",
        may_burst=may_burst,
    )
    return refusals(job, [PoolView(pool, PoolStatus.UP) for pool in pools])
