"""How one pool answers one kind of job: the ways to run it now, and when and for how much it could run later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..domain.data import Data
from ..domain.pool import Market, NodeType, PoolKind
from ..domain.resources import Demand, Resources
from .capacity import Room
from .eligibility import allowed_types, takes_unit
from .empty import cheapest_rate, empty_plan
from .line import Line
from .packing import Free, Gang, Plan, Trial
from .places import Places
from .pricing import Load, Price, main_type, price_plan
from .snapshot import QueuedJob
from .transfer import AT_HAND

if TYPE_CHECKING:
    from .lane import Lane


@dataclass(frozen=True, eq=False, slots=True)
class Quote:
    """One way to run a kind of job on a pool, whatever its run time; `delay_s` is until it starts if that is now."""

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
    best, least = quotes[0], quotes[0].price.cost(runtime_s)
    for quote in quotes[1:]:
        cost = quote.price.cost(runtime_s)
        if cost < least or (cost == least and quote.delay_s < best.delay_s):
            best, least = quote, cost
    return best


def worthwhile(quotes: Iterable[Quote]) -> list[Quote]:
    """Those that can be the cheapest: the others cost no less than an earlier one, however long the run."""
    kept: list[Quote] = []
    for quote in quotes:
        if not any(_as_good(earlier, quote) for earlier in kept):
            kept.append(quote)
    return kept


def _as_good(one: Quote, other: Quote) -> bool:
    return one.delay_s <= other.delay_s and one.price.at_most(other.price)


class Fit:
    """How one pool answers one kind of job, which needs `total`. `why` is the hard reason against it, or ""."""

    def __init__(
        self, number: int, job: QueuedJob, gang: Gang, total: Resources, lane: Lane, why: str, load: Load
    ) -> None:
        self.number = number
        self.lane = lane
        self.why = why
        self.load = load
        self.types = allowed_types(job.hints, lane.ceiling)
        self.full = False
        self.tight = False
        self.share = total.dominant_share(lane.total)
        self._demand: Demand = job.demand
        self._gang = gang
        self._places = Places(job.demand, self.types, lane, shrinking=False)
        self._places_now = Places(job.demand, self.types, lane, shrinking=True)
        self._quotes: tuple[int, tuple[Quote, ...]] = (-1, ())
        self._spare: tuple[int, tuple[Quote, ...]] = (-1, ())
        self._idle: tuple[Price | None] | None = None
        self._idle_costs: dict[tuple[float, Data | None], float | None] = {}
        self._when_free: dict[tuple[str, bool], Quote | None] = {}

    def quotes(self) -> tuple[Quote, ...]:
        """The ways to run it in the room that is free now, one for each node type that can."""
        if self._quotes[0] != self.lane.version:
            rooms = self.lane.rooms
            self._quotes = (self.lane.version, self._all_quotes(rooms.frees, rooms.new, self._places_now))
        return self._quotes[1]

    def spare_quotes(self) -> tuple[Quote, ...]:
        """The ways that take nothing from the first blocked job, however long this one runs."""
        if self._spare[0] != self.lane.version:
            self._spare = (self.lane.version, self._all_quotes(self.lane.spare(), {}, self._places))
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
        return self._pack(frees, {}, None, self._places)

    def idle_price(self) -> Price | None:
        """What it costs on the pool's own nodes once live work has ended; None if not even then there is room."""
        if self._idle is None:
            plan = self.pack(self.lane.emptied())
            rooms = self.lane.rooms.rooms
            self._idle = (None if plan is None else self._price(plan, rooms, raises_head=False),)
        return self._idle[0]

    def idle_cost(self, runtime_s: float, data: Data | None = None) -> float | None:
        """US dollars for a run of that long on the pool's own nodes, with that data; None if no start is in sight."""
        key = (runtime_s, data)
        if key not in self._idle_costs:
            price = self.idle_price()
            if price is not None and data is not None:
                price = price.fetching(self.lane.transfer_of(data))
            self._idle_costs[key] = None if price is None else price.cost(runtime_s)
        return self._idle_costs[key]

    def fetching(self, quote: Quote, data: Data | None) -> Quote:
        """One of its quotes for a job with that data: the same, if there is nothing to fetch."""
        transfer = AT_HAND if data is None else self.lane.transfer_of(data)
        return quote if transfer is AT_HAND else replace(quote, price=quote.price.fetching(transfer))

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

    @cached_property
    def on_demand_usd_per_hour(self) -> float | None:
        """What whole new on-demand nodes for it cost an hour on this pool, whatever is free; None if it has none."""
        return cheapest_rate(self._gang, self._demand, [(self.lane.pool, self.types)], on_demand=True)

    @cached_property
    def any_usd_per_hour(self) -> float | None:
        """The same with new nodes of any market."""
        return cheapest_rate(self._gang, self._demand, [(self.lane.pool, self.types)], on_demand=False)

    def quote_for(self, node_type: NodeType) -> Quote | None:
        """How to run it on nodes of that type now, if that can be."""
        return next((q for q in self.quotes() if q.node_type == node_type.name), None)

    def when_free(self, node_type: NodeType) -> Quote | None:
        """How it would run on nodes of that type if none of the pool's were taken; None if it never could.

        On owned and attached pools these are the nodes that are there, on rented ones new nodes. Hard reasons against
        the pool are not looked at.
        """
        key = (node_type.name, self.lane.raises_head)
        if key not in self._when_free:
            self._when_free[key] = self._quote_when_free(node_type) if self.leads(node_type) else None
        return self._when_free[key]

    def _quote_when_free(self, node_type: NodeType) -> Quote | None:
        lane = self.lane
        stays = not lane.burst or lane.pool.kind is PoolKind.ATTACHED
        if stays and node_type in self.types:
            plan = self._pack(lane.emptied(), {}, node_type, self._places)
            if plan is not None:
                return self._quoted(plan, lane.rooms.rooms, node_type)
        types = self.types if node_type in self.types else lane.ceiling.types
        plan = empty_plan(self._gang, self._demand, lane.pool, types, node_type)
        return None if plan is None else self._quoted(plan, lane.rooms.rooms[:1], node_type)

    def _all_quotes(self, frees: Sequence[Free], new: Mapping[str, int], places: Places) -> tuple[Quote, ...]:
        """One quote for each node type that can take a unit; where no single type does, one over all types."""
        if places.gone(None):
            return ()
        found = [q for t in self._leading if (q := self._quote(frees, new, t, places))]
        if not found and (mixed := self._quote(frees, new, None, places)):
            found = [mixed]
        return tuple(found)

    @cached_property
    def _leading(self) -> tuple[NodeType, ...]:
        return tuple(t for t in self.types if self.leads(t))

    def leads(self, node_type: NodeType) -> bool:
        """Whether an empty node of the type can hold any part of the gang."""
        return any(takes_unit(node_type, unit, self._demand) for _, unit in self._gang)

    def _quote(
        self, frees: Sequence[Free], new: Mapping[str, int], lead: NodeType | None, places: Places
    ) -> Quote | None:
        plan = None if places.gone(lead) else self._pack(frees, new, lead, places)
        return None if plan is None else self._quoted(plan, self.lane.rooms.rooms, lead)

    def _quoted(self, plan: Plan, rooms: Sequence[Room], lead: NodeType | None) -> Quote:
        lane = self.lane
        most, nodes = main_type(plan, rooms)
        shown = lead or most
        price = self._price(plan, rooms, raises_head=lane.raises_head)
        name, market = (shown.name, shown.market) if shown else ("head", Market.OWNED)
        per_hour = shown.price_usd_per_hour if shown else lane.pool.head_price_usd_per_hour
        return Quote(name, market.value, nodes, per_hour, lane.delay_s(plan), plan, price)

    def _price(self, plan: Plan, rooms: Sequence[Room], *, raises_head: bool) -> Price:
        return price_plan(plan, rooms, self.lane.pool, self.load, self.lane.rate_of, raises_head=raises_head)

    def _pack(
        self, frees: Sequence[Free], new: Mapping[str, int], lead: NodeType | None, places: Places
    ) -> Plan | None:
        trial = Trial(frees, new)
        for number, unit in self._gang:
            place = places.of(unit, lead)
            if not trial.put(number, unit.need, place.rooms, place.types):
                return None
        return trial.plan()
