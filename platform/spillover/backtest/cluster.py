"""A pool in a replay: nodes that come and go, gangs that start when all of their room is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.money import NANOS, cost_nanos
from ..domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolStatus, Usage
from ..domain.resources import Resources
from ..placement.eligibility import takes_unit
from ..placement.forecast import Ending, Forecast
from ..placement.packing import DRIVER_SLOT, Need, Plan, Trial, add, gang_of, subtract
from ..placement.snapshot import LiveWork, PoolView, QueuedJob
from .timing import Timing
from .trace import TraceJob


@dataclass(eq=False, slots=True)
class SimNode:
    """A worker from its request (`since`, when its cost begins) until it is folded."""

    node_id: str
    type: NodeType
    since: float
    ready_at: float
    idle_since: float
    free: dict[str, float]
    jobs: int = 0
    gone_at: float | None = None


@dataclass(eq=False, slots=True)
class Placed:
    """A job on the pool: pending until its room is up, then holding `takes` until its room is given back.

    `queued` is the job as the decision saw it, `usage` what it takes as pools show it, `forecast` what is known of its
    run time by now.
    """

    job: TraceJob
    queued: QueuedJob
    node_type: str
    placed_at: float
    started_at: float | None = None
    takes: tuple[tuple[SimNode, Need], ...] = ()
    usage: tuple[Usage, ...] = ()
    forecast: Forecast | None = None
    ending: Ending = field(default_factory=Ending)

    @property
    def ends_at(self) -> float:
        """When it really ends (Unix seconds). Only for jobs that have started."""
        return (self.started_at or 0.0) + self.job.runtime_s


@dataclass(eq=False)
class Cluster:
    """One pool's life in a replay. Baseline pools have all their nodes always; burst pools start with none."""

    pool: Pool
    timing: Timing
    nodes: list[SimNode] = field(default_factory=list)
    gone: list[SimNode] = field(default_factory=list)
    placed: dict[str, Placed] = field(default_factory=dict)
    head_since: float | None = None
    head_ready_at: float = 0.0
    head_usd: float = 0.0
    _made: int = 0

    def begin(self, now: float) -> None:
        """Start the clock; what is not raised on demand is there from the start."""
        if self.steady:
            for node_type in self.pool.node_types:
                for _ in range(node_type.max_nodes):
                    self._add(node_type, now, ready_at=now)

    @property
    def burst(self) -> bool:
        """Whether the pool is rented."""
        return self.pool.role is PoolRole.BURST

    @property
    def steady(self) -> bool:
        """Whether its nodes are there all the time."""
        return not self.burst or self.pool.kind is PoolKind.ATTACHED

    def view(self, now: float) -> PoolView:
        """The pool as decisions see it: nodes that are not up yet show only in what their jobs wait for."""
        up = [node for node in self.nodes if node.ready_at <= now]
        counts = {t.name: t.max_nodes - sum(n.type.name == t.name for n in up) for t in self.pool.node_types}
        return PoolView(
            pool=self.pool,
            status=self._status(now),
            nodes=tuple(Node(n.node_id, "", n.type.name, n.type.resources, labels=n.type.labels) for n in up),
            usage=tuple(use for placed in self.placed.values() for use in placed.usage),
            work=tuple(_work(placed, now) for placed in self.placed.values()),
            max_new_nodes={} if self.steady else counts,
            ready_at=self.head_ready_at if self.head_since is not None else None,
        )

    def _status(self, now: float) -> PoolStatus:
        if self.steady:
            return PoolStatus.UP
        if self.head_since is None:
            return PoolStatus.DOWN
        return PoolStatus.UP if self.head_ready_at <= now else PoolStatus.RAISING

    def place(self, placed: Placed, now: float) -> None:
        """Hand a job to the pool, raising its head if need be."""
        self.placed[placed.job.submission_id] = placed
        if not self.steady and self.head_since is None:
            self.head_since, self.head_ready_at = now, now + self.timing.startup_s

    def settle(self, now: float) -> list[Placed]:
        """Start every pending gang that has its room, first come first served, and ask for nodes for the rest.

        A gang runs once it is dispatched.
        """
        started = []
        for placed in [p for p in self.placed.values() if p.started_at is None]:
            up = [n for n in self.nodes if n.ready_at <= now]
            plan = self._pack(placed, up, {}) if self._status(now) is PoolStatus.UP else None
            if plan is not None:
                self._start(placed, plan, up, now)
                started.append(placed)
        self._grow(now)
        return started

    def _start(self, placed: Placed, plan: Plan, up: list[SimNode], now: float) -> None:
        placed.started_at = now + self.timing.dispatch_s
        placed.takes = tuple((up[index - 1], need) for index, need in plan.takes if index)
        placed.usage = tuple(
            Usage(node.node_id, placed.job.submission_id, Resources(dict(need))) for node, need in placed.takes
        )
        for node in {node.node_id: node for node, _ in placed.takes}.values():
            node.jobs += 1
        for node, need in placed.takes:
            subtract(node.free, need)

    def _grow(self, now: float) -> None:
        """Ask for nodes, as Ray's autoscaler does: pack what is pending on what is free or coming, open the rest."""
        if self.steady:
            return
        frees = [dict(n.free) for n in self.nodes]
        for placed in [p for p in self.placed.values() if p.started_at is None]:
            left = {t.name: t.max_nodes - sum(n.type.name == t.name for n in self.nodes) for t in self.pool.node_types}
            plan = self._pack(placed, self.nodes, left, frees)
            if plan is None:
                continue
            for node_type in plan.opened:
                self._add(node_type, now, ready_at=now + self.timing.startup_s)
                frees.append(dict(node_type.resources))
            for index, need in plan.takes:
                if index:
                    subtract(frees[index - 1], need)

    def _pack(
        self, placed: Placed, nodes: list[SimNode], new: Mapping[str, int], frees: list[dict[str, float]] | None = None
    ) -> Plan | None:
        """Room 0 stands for the head's driver slots, as in placement."""
        slots = self.pool.max_drivers - sum(p.started_at is not None for p in self.placed.values())
        room = frees if frees is not None else [n.free for n in nodes]
        trial = Trial([{DRIVER_SLOT: float(slots)}, *room], new)
        demand = placed.job.demand
        order = sorted(range(len(nodes)), key=lambda i: nodes[i].type.name != placed.node_type)
        types = sorted(self.pool.node_types, key=lambda t: t.name != placed.node_type)
        for count, unit in gang_of(demand):
            fitting = [t for t in types if takes_unit(t, unit, demand)]
            rooms = [i + 1 for i in order if takes_unit(nodes[i].type, unit, demand)]
            if not trial.put(count, unit.need, rooms if unit.pinned else [0, *rooms], fitting):
                return None
        return trial.plan()

    def _add(self, node_type: NodeType, now: float, *, ready_at: float) -> None:
        self._made += 1
        name = f"{self.pool.name}-{self._made}"
        self.nodes.append(SimNode(name, node_type, now, ready_at, ready_at, dict(node_type.resources)))

    def end(self, placed: Placed, now: float) -> None:
        """A job has ended: give its room back."""
        del self.placed[placed.job.submission_id]
        for node in {node.node_id: node for node, _ in placed.takes}.values():
            node.jobs -= 1
            node.idle_since = now
        for node, need in placed.takes:
            add(node.free, need)

    def idle_until(self, node: SimNode) -> float | None:
        """When the node is folded if nothing comes (Unix seconds); None while it works or is always on."""
        if self.steady or node.jobs or any(p.started_at is None for p in self.placed.values()):
            return None
        return max(node.idle_since, node.ready_at) + self.pool.idle_timeout_s

    def fold(self, now: float) -> None:
        """Fold nodes that have been idle for long enough, and the head with the last of them."""
        for node in list(self.nodes):
            until = self.idle_until(node)
            if until is not None and until <= now:
                node.gone_at = now
                self.nodes.remove(node)
                self.gone.append(node)
        if self.head_since is not None and not self.nodes and not self.placed:
            self.head_usd += _usd(self.pool.head_price_usd_per_hour, self.head_since, now)
            self.head_since = None

    def next_event(self, now: float) -> float | None:
        """The next moment at which something happens here by itself: a node is up, or is folded."""
        times = [n.ready_at for n in self.nodes]
        times += [until for n in self.nodes if (until := self.idle_until(n)) is not None]
        if self.head_since is not None:
            times.append(self.head_ready_at)
        return min((t for t in times if t > now), default=None)

    def spent_usd(self, until: float) -> float:
        """What the pool has cost up to `until`: node-seconds from request to fold, start-up and idle time included."""
        total = self.head_usd
        if self.head_since is not None:
            total += _usd(self.pool.head_price_usd_per_hour, self.head_since, until)
        return total + sum(
            _usd(n.type.price_usd_per_hour, n.since, n.gone_at or until) for n in [*self.gone, *self.nodes]
        )


def share_usd(placed: Placed, seconds: float) -> float:
    """The job's part of its nodes' price for that time: each node by the job's dominant share of it."""
    by_node: dict[str, tuple[SimNode, Resources]] = {}
    for node, need in placed.takes:
        held = by_node.get(node.node_id, (node, Resources()))[1]
        by_node[node.node_id] = node, held.plus(dict(need))
    per_hour = sum(n.type.price_usd_per_hour * held.dominant_share(n.type.resources) for n, held in by_node.values())
    return per_hour * seconds / 3600.0


def market_of(pool: Pool, node_type: str) -> str:
    """The market of a node type; work on the head alone counts as owned."""
    found = pool.node_type(node_type)
    return (found.market if found else Market.OWNED).value


def _usd(price_usd_per_hour: float, start: float, end: float) -> float:
    return cost_nanos(price_usd_per_hour, start, max(start, end)) / NANOS


def _work(placed: Placed, now: float) -> LiveWork:
    job, began_at, forecast = placed.job, placed.started_at, placed.forecast
    ends_at = now + placed.queued.runtime_s
    if began_at is not None and forecast is not None:
        ends_at = placed.ending.at(forecast, began_at, now)
    return LiveWork(
        submission_id=job.submission_id,
        team=job.team,
        demand=job.demand,
        ends_at=ends_at,
        node_type=placed.node_type,
        began_at=began_at,
        forecast=forecast,
    )
