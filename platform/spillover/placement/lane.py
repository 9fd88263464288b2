"""One pool during one pass of decisions: its room shrinks as jobs are placed."""

from __future__ import annotations

from functools import cached_property

from ..domain.data import Data
from ..domain.pool import NodeType, PoolKind, PoolRole, PoolStatus
from ..domain.resources import Resources
from ..domain.terms import Terms
from .capacity import rooms_of
from .eligibility import Ceiling
from .interruptions import Rate, set_rate
from .line import Line, Start
from .packing import Free, Plan, subtract
from .snapshot import PoolView
from .transfer import Transfer, transfer_of

_CLOSED = {PoolStatus.UNREACHABLE: "does not answer", PoolStatus.FOLDING: "is being folded"}


class Lane:
    """A pool, what is free on it, who waits for it, and why it takes nothing now (`closed`, else "")."""

    def __init__(self, view: PoolView, now: float, terms: Terms | None = None) -> None:
        self.view = view
        self.terms = terms or Terms()
        self._transfers: dict[Data, Transfer] = {}
        self.pool = view.pool
        self.now = now
        self.burst = view.pool.role is PoolRole.BURST
        self.closed = _closed(view)
        self.rooms = rooms_of(view)
        self.ceiling = Ceiling(view)
        self.version = 0
        self.reserved: Start | None = None
        self.reserved_for = ""
        self.raises_head = view.status is PoolStatus.DOWN and not view.work and view.pool.kind is PoolKind.LAUNCHED

    def rate_of(self, node_type: NodeType) -> Rate:
        """How often its market takes a node of that type back: as was seen here, else as the settings say."""
        return self._rates[node_type.name]

    def transfer_of(self, data: Data) -> Transfer:
        """What it takes to bring that data here."""
        found = self._transfers.get(data)
        if found is None:
            found = self._transfers[data] = transfer_of(data, self.pool, self.terms)
        return found

    @cached_property
    def _rates(self) -> dict[str, Rate]:
        seen = self.view.interruptions
        return {t.name: seen.get(t.name) or set_rate(t.interruptions_per_hour) for t in self.pool.node_types}

    @cached_property
    def total(self) -> Resources:
        """All that the pool has now, or may have if it has nothing now."""
        total = Resources()
        for room in self.rooms.rooms[1:]:
            total = total.plus(room.total)
        for node_type in () if total else self.pool.node_types:
            total = total.plus(node_type.resources.times(node_type.max_nodes))
        return total

    @cached_property
    def line(self) -> Line:
        """Those who wait for the pool."""
        return Line(self.now, self.rooms)

    @cached_property
    def _emptied(self) -> list[Free]:
        return self.line.emptied()

    def emptied(self) -> list[Free]:
        """What is free once all live work has ended; rooms opened since the first call stay as they are."""
        return self._emptied + self.rooms.frees[len(self._emptied) :]

    def spare(self) -> list[Free]:
        """What is free now and is not needed at the moment when the first blocked job starts, by room."""
        then = self.reserved.frees if self.reserved else []
        frees = self.rooms.frees
        spare = [
            {k: min(v, then[i].get(k, 0.0)) for k, v in frees[i].items()} for i in range(min(len(then), len(frees)))
        ]
        return spare + [{} for _ in range(len(frees) - len(spare))]

    def delay_s(self, plan: Plan) -> float:
        """Seconds until a job placed by this plan can start: none on live nodes, else until its nodes are up.

        A pool that is being raised counts from its `ready_at`; a new node anywhere else takes the pool's `startup_s`.
        """
        if self.comes_at is not None:
            return self.comes_at - self.now
        waits = bool(plan.opened) or any(not self.rooms.rooms[index].live for index, _ in plan.takes)
        return self.pool.startup_s if waits or self.view.status is not PoolStatus.UP else 0.0

    @property
    def comes_at(self) -> float | None:
        """When a pool that is being raised is expected to answer (Unix seconds)."""
        if self.view.status is PoolStatus.RAISING and self.view.ready_at is not None:
            return max(self.now, self.view.ready_at)
        return None

    def reserve(self, submission_id: str, start: Start) -> None:
        """Keep the start of the first in line: nobody behind it may delay it."""
        if self.reserved is None:
            self.reserved = start
            self.reserved_for = submission_id
            self.version += 1

    def take(self, plan: Plan, runtime_s: float) -> None:
        """Place a job: its room is gone for those after it."""
        if not self.burst:
            self._tell_line(plan, self.now + self.delay_s(plan) + runtime_s)
        self.rooms.apply(plan)
        self.raises_head = False
        self.version += 1

    def _tell_line(self, plan: Plan, end: float) -> None:
        self.line.occupy(plan, end)
        if self.reserved is not None and end > self.reserved.at:
            then = self.reserved.frees
            for index, need in plan.takes:
                if index < len(then):
                    subtract(then[index], need)


def _closed(view: PoolView) -> str:
    if view.blocked:
        return view.blocked
    if view.status in _CLOSED:
        return _CLOSED[view.status]
    # Owned and attached pools are not raised for a job: it is handed over when the pool answers.
    raised_on_demand = view.pool.role is PoolRole.BURST and view.pool.kind is PoolKind.LAUNCHED
    if view.status is not PoolStatus.UP and not raised_on_demand:
        return "is not up yet"
    return ""
