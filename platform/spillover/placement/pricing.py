"""What running a job somewhere costs, everything that it causes included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..domain.job import Hints
from ..domain.pool import Market, NodeType, Pool, PoolRole
from ..domain.resources import Resources
from ..domain.terms import Terms
from .capacity import Room
from .interruptions import NO_SETBACK, NO_STOPS, Rate, Setback, Stops, checkpoint_gb, setback_of
from .packing import Free, Plan, add
from .transfer import AT_HAND, Transfer

HOUR_S = 3600.0
MONTH_H = 730.0
"""As clouds bill a GB-month."""


class Load(NamedTuple):
    """What a kind of job brings to one pool besides its gang: checkpoints, and what it loses if it is interrupted.

    `checkpoint_gb` is 0 for jobs that are not resumable: they keep none.
    """

    checkpoint_gb: float
    setback: Setback


def load_of(hints: Hints, total: Resources, pool: Pool, terms: Terms) -> Load:
    """What a job with these hints, whose gang needs `total`, brings to that pool.

    What costs nothing there is left out, so that jobs which differ in that alone are one kind.
    """
    keeps = hints.resumable and pool.storage_usd_per_gb_month > 0
    risky = any(t.market is Market.SPOT for t in pool.node_types)
    return Load(
        checkpoint_gb(total, terms) if keeps else 0.0,
        setback_of(hints, total, pool, terms) if risky else NO_SETBACK,
    )


class Bill(NamedTuple):
    """What a price is made of, in US dollars an hour: whole nodes `opened` for it, shares, its head, its checkpoints.

    `shared` is how many nodes it has a share of. Those opened, and that head, are paid for `startup_s` before its work
    and `idle_s` after it too.
    """

    opened: tuple[NodeType, ...]
    opened_usd: float
    shared: int
    shared_usd: float
    head_usd: float
    storage_usd: float
    storage_usd_per_gb_month: float
    startup_s: float
    idle_s: float
    checkpoint_gb: float
    transfer: Transfer = AT_HAND

    @property
    def held_usd(self) -> float:
        """Dollars an hour for all nodes that it holds."""
        return self.opened_usd + self.shared_usd + self.head_usd


@dataclass(frozen=True, slots=True)
class Price:
    """What a plan costs: `fixed_usd` however short the job is, `usd_per_s` for each second that it holds its nodes.

    It holds them while it works, before that for `fetch_s` while its data comes, and for what interruptions add.
    """

    fixed_usd: float
    usd_per_s: float
    fetch_s: float
    stops: Stops
    bill: Bill

    def held_s(self, runtime_s: float) -> float:
        """Seconds from its start until a job of that run time is expected to be done."""
        work_s = self.fetch_s + runtime_s
        return work_s + self.stops.extra_s(work_s) if self.stops.per_s else work_s

    def cost(self, runtime_s: float) -> float:
        """US dollars for a run of that many seconds: fixed_usd + usd_per_s x held_s."""
        return self.fixed_usd + self.usd_per_s * self.held_s(runtime_s)

    def work_within(self, seconds: float) -> float:
        """The run time with which a job is expected to be done so many seconds after its start; 0 if none is."""
        return max(0.0, self.stops.work_within(seconds) - self.fetch_s)

    def fetching(self, transfer: Transfer) -> Price:
        """The same for a job that must fetch its data first."""
        fixed_usd = self.fixed_usd + transfer.egress_usd
        return Price(fixed_usd, self.usd_per_s, transfer.seconds, self.stops, self.bill._replace(transfer=transfer))

    def at_most(self, other: Price) -> bool:
        """Whether it costs no more than the other one for the same job without data, however long that runs."""
        return (
            self.fixed_usd <= other.fixed_usd
            and self.usd_per_s <= other.usd_per_s
            and self.stops.per_s <= other.stops.per_s
            and self.stops.setback.lost_s <= other.stops.setback.lost_s
        )


def price_plan(
    plan: Plan,
    rooms: Sequence[Room],
    pool: Pool,
    load: Load,
    rate_of: Callable[[NodeType], Rate],
    *,
    raises_head: bool,
) -> Price:
    """What the plan costs on that pool.

    - A rented node that is newly started is paid for whole, from its start until it is folded: price_usd_per_hour x
      (startup_s + time held + idle_timeout_s) / 3600.
    - An owned node, or one that is up or coming anyway, costs the job its share of it while it is held:
      price_usd_per_hour x dominant share x time held / 3600. The rest is paid for whether the job comes or not.
      For owned nodes this is the amortised price.
    - A head that must be raised (`raises_head`) is paid for as a newly started node.
    - Checkpoints add their storage. Data that must be fetched is added by `Price.fetching`.
    - `rate_of` says how often an hour a node of a type is taken back: interruptions add to the time held.
    """
    opened, shared = tuple([t for t in plan.opened if t.market is not Market.OWNED]), _shared(plan, rooms)
    whole_usd = sum([t.price_usd_per_hour for t in opened])
    shared_usd = sum([t.price_usd_per_hour * share for t, share in shared])
    head_usd = pool.head_price_usd_per_hour if raises_head else 0.0
    per_gb = pool.storage_usd_per_gb_month
    storage_usd = load.checkpoint_gb * per_gb / MONTH_H
    idle_s = pool.idle_timeout_s if pool.role is PoolRole.BURST else 0.0
    return Price(
        (whole_usd + head_usd) * (pool.startup_s + idle_s) / HOUR_S,
        (whole_usd + shared_usd + head_usd + storage_usd) / HOUR_S,
        0.0,
        _stops(opened, shared, load.setback, rate_of),
        Bill(
            opened,
            whole_usd,
            len(shared),
            shared_usd,
            head_usd,
            storage_usd,
            per_gb,
            pool.startup_s,
            idle_s,
            load.checkpoint_gb,
        ),
    )


def _stops(
    opened: Sequence[NodeType],
    shared: Sequence[tuple[NodeType, float]],
    setback: Setback,
    rate_of: Callable[[NodeType], Rate],
) -> Stops:
    spot = [t for t in opened if t.market is Market.SPOT] + [t for t, _ in shared if t.market is Market.SPOT]
    rates = [rate for t in spot if (rate := rate_of(t)).per_hour] if spot else []
    if not rates:
        return NO_STOPS
    per_hour = sum([rate.per_hour for rate in rates])
    return Stops(per_hour / HOUR_S, setback, len(rates), ", ".join(dict.fromkeys([rate.source for rate in rates])))


def _shared(plan: Plan, rooms: Sequence[Room]) -> list[tuple[NodeType, float]]:
    """The nodes of which only a share is paid, with that share."""
    taken: dict[int, Free] = {}
    for index, need in plan.takes:
        add(taken.setdefault(index, {}), need)
    shares = []
    for index, amounts in taken.items():
        node_type, total = _node(index, plan, rooms)
        if node_type is not None:
            shares.append((node_type, min(1.0, Resources(amounts).dominant_share(total))))
    return shares


def _node(index: int, plan: Plan, rooms: Sequence[Room]) -> tuple[NodeType | None, Resources]:
    """Type and size of a node that is paid by share; no type if it is the head's slots or paid whole."""
    if index < len(rooms):
        return rooms[index].type, rooms[index].total
    opened = plan.opened[index - len(rooms)]
    return (opened if opened.market is Market.OWNED else None), opened.resources


def main_type(plan: Plan, rooms: Sequence[Room]) -> tuple[NodeType | None, int]:
    """The node type that most of the gang runs on, and how many nodes the gang runs on in all."""
    used = {index for index, _ in plan.takes}
    found = [rooms[i].type if i < len(rooms) else plan.opened[i - len(rooms)] for i in sorted(used)]
    types = {t.name: t for t in found if t is not None}
    names = [t.name for t in found if t is not None]
    most = max(types, key=names.count, default=None)
    return (None if most is None else types[most]), len(names)
