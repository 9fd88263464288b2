"""What policies learn from: how long jobs waited that have started. The same for live jobs and for replays."""

from __future__ import annotations

from collections.abc import Iterable

from ..domain.pool import Pool, PoolStatus
from .asks import Asks
from .lane import Lane
from .snapshot import PastWait, PoolView, QueuedJob


class Prices:
    """Prices jobs by what patience is weighed by, on these pools as the settings have them; each kind of job once."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self._asks = Asks([Lane(PoolView(pool, PoolStatus.DOWN), now=0.0) for pool in pools])

    def past_wait(self, job: QueuedJob, placed_at: float, started_at: float, *, burst: bool) -> PastWait:
        """How a job waited that was placed and has started at these times (Unix seconds)."""
        usd = self._asks.of(job).on_demand_usd(job.runtime_s)
        # A pool's clock may be behind ours
        return PastWait(usd, max(0.0, placed_at - job.submitted_at), max(0.0, started_at - placed_at), burst, placed_at)
