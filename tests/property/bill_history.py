"""Random histories of nodes, jobs and prices: what the ledger is shown, and what a brute-force reference reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from random import Random
from typing import TypeVar

from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import Attempt, AttemptStatus, Hints, Job, JobStatus, Outcome, SubmitRequest
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolState, PoolStatus, Usage
from spillover.domain.resources import Demand, Resources
from spillover.ledger.metering import Metering
from spillover.placement.snapshot import LiveWork, PoolView, Snapshot
from spillover.ports import Event

T = TypeVar("T")

MIDNIGHT = 1_800_057_600  # the one after the history's start
TEAMS = ("search", "vision")
USERS = ("alice", "bob")
LEASE = "L"
_HAS_A_LONG_GAP = 0.25
EVENT = Event(0.0, "test", "test", "test")


@dataclass(frozen=True)
class Machine:
    """A node. In `stays`, pairs of indices of instants, it is there; `early_s`: so long before it was first seen."""

    pool: str
    name: str
    price_nanos: int
    size: dict[str, int]
    stays: tuple[tuple[int, int], ...]
    early_s: int = 0

    @property
    def only_here(self) -> str:
        """A custom resource that no other node has: who declares it is placed here."""
        return f"at-{self.name}"

    @property
    def resources(self) -> Resources:
        return Resources({**self.size, self.only_here: 1000})

    def up(self, index: int) -> bool:
        return any(first <= index < last for first, last in self.stays)


@dataclass(frozen=True)
class Work:
    """A job. It holds `declared` and was seen to use `seen` on its machine (tenths of a unit by resource).

    It is there at the instants `first` to `last`; where Spillover was down just before these, it came and went
    `late_s` and `early_s` before.
    """

    name: str
    team: str
    user: str
    machine: Machine
    declared: dict[str, int]
    seen: dict[str, int]
    first: int
    last: int
    late_s: int
    early_s: int


@dataclass(frozen=True)
class History:
    """Instants at which something changes. Between two of them nothing does, unless Spillover is down.

    `down`: Spillover was down just before that instant. `silent`: the pools that do not answer at it.
    """

    at: tuple[int, ...]
    machines: tuple[Machine, ...]
    works: tuple[Work, ...]
    foreign: dict[tuple[int, str], int] = field(default_factory=dict)
    down: frozenset[int] = frozenset()
    silent: frozenset[tuple[int, str]] = frozenset()
    cloud: tuple[int, int] = (0, 0)
    cloud_down_early_s: int = 0
    head_price_nanos: int = 0
    head_early_s: int = 0

    def before(self, index: int, early_s: int) -> int:
        """A second after the instant before and not after this one."""
        return max(self.at[index] - early_s, self.at[index - 1] + 1) if index else self.at[index]

    def span(self, work: Work) -> tuple[int, int]:
        """From when until when a job holds its machine."""
        begin = self.before(work.first, work.late_s) if work.first in self.down else self.at[work.first]
        end = self.before(work.last, work.early_s) if work.last in self.down else self.at[work.last]
        return begin, end

    def cloud_ends(self) -> int:
        return self.before(self.cloud[1], self.cloud_down_early_s)


class Maker:
    """Makes one history from a seed.

    Two pools: `dc`, which others run, whose nodes come and go and come back, and `cloud`, raised and folded once.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        gaps = [self._seconds() for _ in range(self._random.randint(2, 9))]
        if self._random.random() < _HAS_A_LONG_GAP:
            gaps[self._random.randrange(len(gaps))] = self._random.randint(80_000, 100_000)
        self._at = tuple(accumulate(gaps, initial=MIDNIGHT - self._random.randint(-10, 2500)))
        self._last = len(self._at) - 1

    def _seconds(self) -> int:
        return self._random.randint(1, 900)

    def _price(self) -> int:
        return self._random.choice([0, 1, self._random.randint(0, 500 * 10**9), 98_320_000_000])

    def _some(self, of: Sequence[T], chance: float) -> list[T]:
        return [one for one in of if self._random.random() < chance]

    def history(self) -> History:
        raised, down = sorted(self._random.sample(range(self._last + 1), 2))
        machines = (*self._dc(), *self._cloud(raised, down))
        works = [self._work(f"job{n}", self._random.choice(machines)) for n in range(self._random.randint(0, 9))]
        instants = range(self._last + 1)
        leaves = {end for m in machines if m.pool == "dc" for _, end in m.stays}
        still = [(k, pool) for k in instants for pool in ("dc", "cloud") if not _changes(machines, k, pool)]
        return History(
            at=self._at,
            machines=machines,
            works=tuple(w for w in works if w.first < w.last),
            foreign={(k, m.name): self._random.randint(1, 160) for m in machines for k in self._some(instants, 0.2)},
            down=frozenset(self._some([k for k in instants[1:] if k not in leaves], 0.3)),
            silent=frozenset(self._some(still, 0.1)),
            cloud=(raised, down),
            cloud_down_early_s=self._seconds(),
            head_price_nanos=self._price(),
            head_early_s=self._seconds(),
        )

    def _dc(self) -> list[Machine]:
        stays: list[tuple[tuple[int, int], ...]] = [((0, self._last + 1),)]
        for _ in range(self._random.randint(0, 2)):
            ends = sorted(self._random.sample(range(self._last + 2), self._random.choice([2, 4])))
            stays.append(tuple(zip(ends[::2], ends[1::2], strict=True)))
        return [Machine("dc", f"dc{n}", self._price(), self._size(), stay) for n, stay in enumerate(stays)]

    def _cloud(self, raised: int, down: int) -> list[Machine]:
        firsts = self._some(range(raised + 1, down), 0.5)
        return [
            Machine("cloud", f"cl{n}", self._price(), self._size(), ((first, down),), self._seconds())
            for n, first in enumerate(firsts)
        ]

    def _size(self) -> dict[str, int]:
        return {"CPU": self._random.randint(1, 16), **({"GPU": self._random.randint(1, 8)} if self._coin() else {})}

    def _coin(self) -> bool:
        return self._random.random() < 0.5  # as often as not

    def _work(self, name: str, machine: Machine) -> Work:
        there, gone = self._random.choice(machine.stays)
        ends = sorted(self._random.randint(there, min(gone, self._last)) for _ in range(2))
        which = self._random.choice(["declared", "seen", "both"])
        declared = {r: self._random.randint(1, 10 * n) for r, n in machine.size.items()}
        seen = {r: self._random.randint(1, 12 * n) for r, n in machine.size.items()}
        return Work(
            name=name,
            team=self._random.choice(TEAMS),
            user=self._random.choice(USERS),
            machine=machine,
            declared=declared if which != "seen" else {},
            seen=seen if which != "declared" else {},
            first=ends[0],
            last=ends[1],
            late_s=self._seconds(),
            early_s=self._seconds(),
        )


def _changes(machines: Sequence[Machine], index: int, pool: str) -> bool:
    return any(index in stay for m in machines if m.pool == pool for stay in m.stays)


class Player:
    """Shows a history to the ledger, as the control loop does: at each change, and never in between."""

    def __init__(self, history: History, store: SqlStore) -> None:
        self._history = history
        self._store = store
        self._pools = {name: self._pool(name) for name in ("dc", "cloud")}
        self._metering = self._start()

    def _start(self) -> Metering:
        async def db(call, *args):  # type: ignore[no-untyped-def]
            return call(*args)

        return Metering(self._store, db, {})

    def _pool(self, name: str) -> Pool:
        market, kind, role = (
            (Market.OWNED, PoolKind.ATTACHED, PoolRole.BASELINE)
            if name == "dc"
            else (Market.SPOT, PoolKind.LAUNCHED, PoolRole.BURST)
        )
        types = tuple(
            NodeType(f"type-{m.name}", m.resources, market, m.price_nanos / 10**9, 1)
            for m in self._history.machines
            if m.pool == name
        ) or (NodeType("none", Resources({"CPU": 1}), market, 1.0, 1),)
        return Pool(name, kind, role, types, head_price_usd_per_hour=self._history.head_price_nanos / 10**9)

    async def play(self) -> None:
        for index, at in enumerate(self._history.at):
            if index in self._history.down:
                self._metering = self._start()
                for views in (self._unseen(index), self._unseen(index), self._first_look(index)):
                    await self._metering.run(Snapshot(float(at), (), views))
            for work in self._history.works:
                self._put(work, index)
            states = {name: self._state(name, index) for name in self._pools}
            for state in states.values():
                self._store.save_pool(state)
            views = tuple(self._view(name, states[name], index) for name in self._pools)
            for _ in range(2 if index in self._history.down else 1):
                await self._metering.run(Snapshot(float(at), (), views))

    def _unseen(self, index: int) -> tuple[PoolView, ...]:
        """Pools that were up, before their first look since a start."""
        states = [self._state(name, index - 1) for name in self._pools]
        up = [self._view(s.name, s, index - 1) for s in states if s.status is PoolStatus.UP]
        return tuple(replace(view, nodes=(), usage=()) for view in up)

    def _first_look(self, index: int) -> tuple[PoolView, ...]:
        """Pools that are seen again, before it is known which of their jobs have ended meanwhile."""
        work = {view.pool.name: view.work for view in self._unseen(index)}
        states = [self._state(name, index) for name in work]
        up = [self._view(s.name, s, index) for s in states if s.status is PoolStatus.UP]
        return tuple(replace(view, work=work[view.pool.name]) for view in up)

    def _put(self, work: Work, index: int) -> None:
        begin, end = map(float, self._history.span(work))
        if index == work.first:
            demand = _demand(work)
            job = Job(work.name, SubmitRequest("x"), work.user, work.team, 0, demand, "declared", Hints(), begin)
            self._store.add_job(job, EVENT)
            self._store.claim(work.name, "token", begin, begin + 9e9)
            job = replace(job, status=JobStatus.RUNNING, attempts=1, started_at=begin)
            attempt = self._attempt(work, begin)
            self._store.start_attempt(job, attempt, "token", EVENT)
        if index == work.last:
            known = self._store.job(work.name)
            assert known is not None
            job = replace(known, status=JobStatus.SUCCEEDED, ended_at=end)
            over = replace(
                self._attempt(work, begin), status=AttemptStatus.ENDED, outcome=Outcome.SUCCEEDED, ended_at=end
            )
            self._store.update_attempt(over, job, "token", EVENT)

    def _attempt(self, work: Work, begin: float) -> Attempt:
        where = (work.machine.pool, f"type-{work.machine.name}", "spot")
        return Attempt(work.name, work.name, 1, *where, begin, status=AttemptStatus.RUNNING, started_at=begin)

    def _state(self, name: str, index: int) -> PoolState:
        history = self._history
        status = PoolStatus.UNREACHABLE if (index, name) in history.silent else PoolStatus.UP
        if name == "dc":
            return PoolState(name, status)
        raised, down = history.cloud
        if not raised <= index < down:
            return PoolState(name, PoolStatus.DOWN, since=float(history.cloud_ends() if index >= down else 0))
        since = float(history.before(raised, history.head_early_s))
        status = status if index > raised else PoolStatus.RAISING
        return PoolState(name, status, lease_id=LEASE, raised_at=since, since=since)

    def _view(self, name: str, state: PoolState, index: int) -> PoolView:
        live = [w for w in self._history.works if w.machine.pool == name and w.first <= index < w.last]
        work = tuple(LiveWork(w.name, w.team, _demand(w), 9e9) for w in live)
        if state.status is not PoolStatus.UP:
            return PoolView(self._pools[name], state.status, work=work)
        head = Node("head", "10.0.0.1", "head", Resources({"memory": 1e9}), is_head=True)
        nodes = [head] if name == "cloud" else []
        nodes += [self._node(m, index) for m in self._history.machines if m.pool == name and m.up(index)]
        shown = {n.node_id for n in nodes}
        usage = [Usage(w.machine.name, w.name, _tenths(w.seen)) for w in live if w.seen]
        usage += [
            Usage(node, None, _tenths({"CPU": amount}))
            for (k, node), amount in self._history.foreign.items()
            if k == index and node in shown
        ]
        return PoolView(self._pools[name], state.status, tuple(nodes), tuple(usage), work)

    def _node(self, machine: Machine, index: int) -> Node:
        first = next(first for first, last in machine.stays if first <= index < last)
        started = float(self._history.before(first, machine.early_s)) if machine.pool == "cloud" else 0.0
        return Node(machine.name, "", f"type-{machine.name}", machine.resources, started_at=started)


def _tenths(amounts: dict[str, int]) -> Resources:
    return Resources({name: amount / 10 for name, amount in amounts.items()})


def _demand(work: Work) -> Demand:
    if not work.declared:
        return Demand()
    return Demand(((1, Resources({**_tenths(work.declared), work.machine.only_here: 1})),))
