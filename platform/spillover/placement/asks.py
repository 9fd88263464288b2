"""Jobs that ask for the same thing, judged once: `Ask` is what they ask, `Fit` how one pool answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..domain.labels import selects
from ..domain.pool import Market, NodeType
from ..domain.resources import Demand
from .eligibility import allowed_types, takes_unit, why_never
from .line import Line
from .packing import DRIVER_SLOT, Free, Gang, Plan, Trial, Unit, gang_of
from .pricing import Price, main_type, price_plan
from .snapshot import QueuedJob

if TYPE_CHECKING:
    from .lane import Lane

_ANYWHERE = ""


@dataclass(frozen=True, eq=False, slots=True)
class Quote:
    """One way to run a kind of job on a pool now, whatever its run time."""

    node_type: str
    market: str
    nodes: int
    price_usd_per_hour: float
    delay_s: float
    plan: Plan
    price: Price


def cheapest(quotes: Sequence[Quote], runtime_s: float) -> Quote:
    """The quote that costs least for that run time; the sooner start decides between equals."""
    if len(quotes) == 1:
        return quotes[0]
    return min(quotes, key=lambda q: (q.price.cost(runtime_s), q.delay_s))


class Fit:
    """How one pool answers one kind of job. `why` is the hard reason against it, or ""."""

    def __init__(self, number: int, job: QueuedJob, gang: Gang, lane: Lane) -> None:
        self.number = number
        self.lane = lane
        self.why = why_never(job, lane.ceiling)
        self.types = allowed_types(job.hints, lane.ceiling)
        self.full = False
        self.tight = False
        self.share = job.demand.total().dominant_share(lane.total)
        self._demand: Demand = job.demand
        self._gang = gang
        self._where: dict[tuple[Unit, str], tuple[list[int], list[NodeType]]] = {}
        self._where_rooms = 0
        self._quotes: tuple[int, tuple[Quote, ...]] = (-1, ())
        self._spare: tuple[int, tuple[Quote, ...]] = (-1, ())
        self._idle: tuple[Price | None] | None = None
        self._idle_costs: dict[float, float | None] = {}

    def quotes(self) -> tuple[Quote, ...]:
        """The ways to run it in the room that is free now, one for each node type that can."""
        if self._quotes[0] != self.lane.version:
            self._quotes = (self.lane.version, self._all_quotes(self.lane.rooms.frees, self.lane.rooms.new))
        return self._quotes[1]

    def spare_quotes(self) -> tuple[Quote, ...]:
        """The ways that take nothing from the first blocked job, however long this one runs."""
        if self._spare[0] != self.lane.version:
            self._spare = (self.lane.version, self._all_quotes(self.lane.spare(), {}))
        return self._spare[1]

    def start_now(self, runtime_s: float) -> Quote | None:
        """How to run it on this pool now, or None if there is no room or the first blocked job would be delayed.

        EASY backfill: it must end before that job's expected start, or take only what is left over beside it.
        `full` and `tight` keep the answer no: within one pass room only shrinks.
        """
        quotes = () if self.full else self.quotes()
        if not quotes:
            self.full = True
            return None
        first = self.lane.reserved
        if first is None:
            return cheapest(quotes, runtime_s)
        early = [q for q in quotes if self.lane.now + q.delay_s + runtime_s <= first.at]
        if early:
            return cheapest(early, runtime_s)
        quotes = () if self.tight else self.spare_quotes()
        self.tight = not quotes
        return cheapest(quotes, runtime_s) if quotes else None

    def pack(self, frees: Sequence[Free]) -> Plan | None:
        """Place it on these rooms of the pool, on no new nodes."""
        return self._pack(frees, {}, None)

    def idle_price(self) -> Price | None:
        """What it costs on the pool's own nodes once live work has ended; None if not even then there is room."""
        if self._idle is None:
            plan = self.pack(self.lane.emptied())
            rooms = self.lane.rooms.rooms
            self._idle = (None if plan is None else price_plan(plan, rooms, self.lane.pool, raises_head=False),)
        return self._idle[0]

    def idle_cost(self, runtime_s: float) -> float | None:
        """US dollars for a run of that long on the pool's own nodes; None if no start is in sight."""
        if runtime_s not in self._idle_costs:
            price = self.idle_price()
            self._idle_costs[runtime_s] = None if price is None else price.cost(runtime_s)
        return self._idle_costs[runtime_s]

    @cached_property
    def _line(self) -> Line | None:
        """The line that it can stand in: none where the pool is closed, rented, or never has the room in sight."""
        lane = self.lane
        return None if lane.closed or lane.burst or self.idle_price() is None else lane.line

    def expected_start(self) -> float | None:
        """When the next job of this kind would start here (Unix seconds), behind all that wait; None: not in sight."""
        if self._line is None:
            return self.lane.comes_at
        return self._line.start_at(self.number, self.pack)

    def wait(self, job: QueuedJob) -> None:
        """Put a job of this kind in line."""
        if self._line is not None:
            start = self._line.join(self.number, self.pack, job.runtime_s, self.share)
            if start is not None:
                self.lane.reserve(job.submission_id, start)

    def quote_for(self, node_type: NodeType) -> Quote | None:
        """How to run it on nodes of that type now, if that can be."""
        return next((q for q in self.quotes() if q.node_type == node_type.name), None)

    def _all_quotes(self, frees: Sequence[Free], new: Mapping[str, int]) -> tuple[Quote, ...]:
        """One quote for each node type that can take a unit; where no single type does, one over all types."""
        found = [q for t in self.types if self.leads(t) and (q := self._quote(frees, new, t))]
        if not found and (mixed := self._quote(frees, new, None)):
            found = [mixed]
        return tuple(found)

    def leads(self, node_type: NodeType) -> bool:
        """Whether an empty node of the type can hold any part of the gang."""
        return any(takes_unit(node_type, unit, self._demand) for _, unit in self._gang)

    def _quote(self, frees: Sequence[Free], new: Mapping[str, int], lead: NodeType | None) -> Quote | None:
        plan = self._pack(frees, new, lead)
        if plan is None:
            return None
        lane, rooms = self.lane, self.lane.rooms.rooms
        most, nodes = main_type(plan, rooms)
        shown = lead or most
        price = price_plan(plan, rooms, lane.pool, raises_head=lane.raises_head)
        name, market = (shown.name, shown.market) if shown else ("head", Market.OWNED)
        per_hour = shown.price_usd_per_hour if shown else lane.pool.head_price_usd_per_hour
        return Quote(name, market.value, nodes, per_hour, lane.delay_s(plan), plan, price)

    def _pack(self, frees: Sequence[Free], new: Mapping[str, int], lead: NodeType | None) -> Plan | None:
        trial = Trial(frees, new)
        for number, unit in self._gang:
            rooms, types = self._places(unit, lead)
            if not trial.put(number, unit.need, rooms, types):
                return None
        return trial.plan()

    def _places(self, unit: Unit, lead: NodeType | None) -> tuple[list[int], list[NodeType]]:
        """Rooms and new node types for the unit: those of `lead` if it can hold it, else all allowed others."""
        if self._where_rooms != len(self.lane.rooms.rooms):
            self._where.clear()
            self._where_rooms = len(self.lane.rooms.rooms)
        key = (unit, lead.name if lead else _ANYWHERE)
        if key not in self._where:
            self._where[key] = self._find_places(unit, lead)
        return self._where[key]

    def _find_places(self, unit: Unit, lead: NodeType | None) -> tuple[list[int], list[NodeType]]:
        if unit.need and unit.need[0][0] == DRIVER_SLOT:
            return [0], []
        types = [t for t in self.types if takes_unit(t, unit, self._demand)]
        names = {t.name for t in self.types}
        if lead is not None and lead in types:
            types, names = [lead], {lead.name}
        rooms = self.lane.rooms.rooms
        found = [i for i, room in enumerate(rooms) if room.type is not None and room.type.name in names]
        if unit.pinned:
            found = [i for i in found if selects(self._demand.labels, rooms[i].labels)]
        found.sort(key=lambda i: (not rooms[i].live, rooms[i].special))
        return found, types


class Ask:
    """One kind of job: the same demand and constraints, so the same answer of every pool.

    `starters` and `renters` are the owned and rented pools that may take it now; `full` says that no starter has room,
    `hopeless` that no pool can ever run it.
    """

    def __init__(self, number: int, job: QueuedJob, lanes: Sequence[Lane]) -> None:
        gang = gang_of(job.demand)
        self.total = job.demand.total()
        self.fits = tuple(Fit(number, job, gang, lane) for lane in lanes)
        able = [fit for fit in self.fits if not fit.why]
        self.baseline = tuple(fit for fit in able if not fit.lane.burst)
        self.burst = tuple(fit for fit in able if fit.lane.burst)
        self.hopeless = not able
        self.starters = tuple(fit for fit in self.baseline if not fit.lane.closed)
        self.full = not self.starters
        self.renters = tuple(fit for fit in self.burst if not fit.lane.closed)


class Asks:
    """All kinds of job in a snapshot, each looked at once."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._known: dict[object, Ask] = {}

    def __iter__(self) -> Iterator[Ask]:
        """All kinds seen so far."""
        return iter(self._known.values())

    def of(self, job: QueuedJob) -> Ask:
        """What this job asks, shared with all jobs like it."""
        hints = job.hints
        # Reasons name the team that may not burst, so such teams share no answers.
        kept = "" if job.may_burst else job.team
        key = (job.demand, hints.pools, hints.regions, hints.markets, hints.needs, kept, job.may_burst)
        ask = self._known.get(key)
        if ask is None:
            ask = self._known[key] = Ask(len(self._known), job, self._lanes)
        return ask
