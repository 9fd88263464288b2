"""Jobs that ask for the same thing, judged once: `Ask` is what they ask, `Fit` how one pool answers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..domain.resources import Resources
from .eligibility import why_never
from .fit import Fit
from .packing import Gang, gang_of
from .pricing import load_of
from .snapshot import QueuedJob

if TYPE_CHECKING:
    from .lane import Lane


class Ask:
    """One kind of job: the same demand and constraints, so the same answer of every pool.

    `starters` and `renters` are the owned and rented pools that may take it now; `full` says that no starter has room,
    `hopeless` that no pool can ever run it.
    """

    def __init__(self, total: Resources, fits: tuple[Fit, ...]) -> None:
        self.total = total
        self.fits = fits
        able = [fit for fit in self.fits if not fit.why]
        self.baseline = tuple(fit for fit in able if not fit.lane.burst)
        self.burst = tuple(fit for fit in able if fit.lane.burst)
        self.hopeless = not able
        self.starters = tuple(fit for fit in self.baseline if not fit.lane.closed)
        self.full = not self.starters
        self.renters = tuple(fit for fit in self.burst if not fit.lane.closed)

    def on_demand_usd_per_hour(self) -> float | None:
        """What holding the gang on new on-demand nodes costs an hour on the cheapest pool that may rent them.

        Whole nodes, whatever is free now. Where no on-demand type can hold it, the cheapest other rented way; None if
        no rented pool may run it.
        """
        return self._on_demand_usd_per_hour

    def on_demand_usd(self, runtime_s: float) -> float | None:
        """What patience is weighed by for a run of that long; None if there is nothing to choose between."""
        if not self.baseline or self._on_demand_usd_per_hour is None:
            return None
        return self._on_demand_usd_per_hour * runtime_s / 3600.0

    @cached_property
    def _on_demand_usd_per_hour(self) -> float | None:
        found = _least(fit.on_demand_usd_per_hour for fit in self.burst)
        return _least(fit.any_usd_per_hour for fit in self.burst) if found is None else found


def _least(rates: Iterable[float | None]) -> float | None:
    return min((rate for rate in rates if rate is not None), default=None)


class Asks:
    """All kinds of job in a snapshot, each looked at once."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._known: dict[object, Ask] = {}
        self._fits: dict[object, Fit] = {}

    def __iter__(self) -> Iterator[Ask]:
        """All kinds seen so far."""
        return iter(self._known.values())

    def of(self, job: QueuedJob) -> Ask:
        """What this job asks, shared with all jobs like it."""
        hints = job.hints
        # Reasons name the team that may not burst, so such teams share no answers.
        kept = "" if job.may_burst else job.team
        where = (hints.pools, hints.regions, hints.markets, hints.needs)
        key = (job.demand, *where, hints.resumable, kept, job.may_burst)
        ask = self._known.get(key)
        if ask is None:
            gang, total = gang_of(job.demand), job.demand.total()
            ask = self._known[key] = Ask(total, tuple(self._fit(job, gang, total, lane) for lane in self._lanes))
        return ask

    def _fit(self, job: QueuedJob, gang: Gang, total: Resources, lane: Lane) -> Fit:
        """How the pool answers: the same for all of that demand, markets, load, and reason against it."""
        why = why_never(job, lane.ceiling)
        load = load_of(job.hints, total, lane.pool, lane.terms)
        key = (job.demand, job.hints.markets, lane.pool.name, why, load)
        if key not in self._fits:
            self._fits[key] = Fit(len(self._fits), job, gang, total, lane, why, load)
        return self._fits[key]
