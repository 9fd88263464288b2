"""Plays a part of a spot trace against a real training job, and the same job without interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from embedded import wait_for

from spot.nodes import Nodes, local_nodes
from spot.result import Replayed, Sample
from spot.said import resumptions, step
from spot.trace import Stretch

NODES = 2
LEAST_S, MOST_S = 45.0, 225.0
NOTICE_S = 12.0
"""Of the usual replay: most nodes at once, seconds between two events, of the whole, and of notice."""

LOOK_S = 1.0
START_S = 180.0
LIVE = ("PENDING", "RUNNING")
SETTLE_S = 2.0  # until the autoscaler has seen that a node drains: two of its turns
JOBS = Path(__file__).parents[2] / "jobs"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Workload:
    """A job that can be interrupted, and has far more steps than it will do."""

    folder: Path
    command: str  # with {storage}, {name} and {nodes}

    def filled(self, storage: Path, name: str, nodes: int) -> str:
        return self.command.format(storage=storage, name=name, nodes=nodes)


LM = Workload(
    JOBS,
    "python -m lm.train preemptible=true workers=1:{nodes} steps=1000000 'checkpoints.every=200 steps' "
    "name={name} checkpoints.storage={storage} tell.every_s=1 tell.validate_steps=0",
)


@dataclass
class _Run:
    """A job, watched."""

    nodes: Nodes
    name: str
    say: Say
    samples: list[Sample] = field(default_factory=list)
    log: str = ""
    began: float = 0.0
    see: Callable[[Collection[str]], None] = lambda _: None  # is told the addresses of the live workers at each look

    def begin(self) -> None:
        """Wait for the first step that it tells: time begins there."""
        wait_for(f"{self.name} to train", self._is_under_way, timeout_s=START_S)
        self.began = time.monotonic()
        self.look()

    @property
    def now_s(self) -> float:
        return time.monotonic() - self.began

    def look(self) -> Sample:
        workers = self.nodes.workers()
        self.see(workers)
        self.log = self.nodes.log(self.name)
        seen = Sample(self.now_s, len(workers), step(self.log) or 0, len(resumptions(self.log)))
        self.samples.append(seen)
        self.say(f"{self.name}: {seen.at_s:.0f} s, {seen.nodes} nodes, step {seen.step}")
        return seen

    def watch(self, until: Callable[[Sample], bool]) -> None:
        """Look on and on. Raises RuntimeError if the job ends before that."""
        while not until(self.look()):
            self._must_live()
            time.sleep(LOOK_S)

    def watch_s(self, until_s: float) -> None:
        self.watch(lambda seen: seen.at_s >= until_s)

    def _is_under_way(self) -> bool:
        self._must_live()
        return step(self.nodes.log(self.name)) is not None

    def _must_live(self) -> None:
        if (status := self.nodes.status(self.name)) not in LIVE:
            raise RuntimeError(f"{self.name} is {status}:\n{self.nodes.log(self.name)[-3000:]}")


class _Fleet:
    """Which machine stands for which node of the trace."""

    def __init__(self, nodes: Nodes, wanted: frozenset[str], clock: Callable[[], float]) -> None:
        self.nodes = nodes
        self.came: list[tuple[float, float]] = []
        self._clock = clock
        self._machines = dict(zip(sorted(wanted), nodes.workers(), strict=True))
        self._asked: dict[str, float] = {}

    def see(self, workers: Collection[str]) -> None:
        """Give machines that have come to those who wait for one."""
        for ip in workers:
            if ip not in self._machines.values() and self._asked:
                node, asked_at = self._asked.popitem()
                self._machines[node] = ip
                self.came.append((asked_at, self._clock()))

    def warn(self, going: frozenset[str], notice_s: float, *, staying: int) -> None:
        """Give notice to those that go, and have none replaced yet: their zones have nothing else."""
        for node in going & self._machines.keys():
            self.nodes.drain(self._machines[node], notice_s)
        time.sleep(SETTLE_S)
        self.nodes.allow(staying)

    def change(self, going: frozenset[str], coming: frozenset[str], count: int) -> None:
        """The deadline: those end that go, and those are asked for that come."""
        for node in going:
            self._asked.pop(node, None)  # it did not come in time
            if node in self._machines:
                self.nodes.end(self._machines.pop(node))
        self._asked |= dict.fromkeys(coming, self._clock())
        self.nodes.allow(count)


def replay(
    root: Path, stretches: Sequence[Stretch], factor: float, workload: Workload, notice_s: float, say: Say
) -> Replayed:
    """Both runs, one after the other. The first stretch must have all nodes.

    Each has a cluster of its own: what a stopped job has asked Ray's autoscaler for goes on to count for a while.
    """
    count = len(stretches[0].nodes)
    with _job(root / "a", "replayed", workload, count, say) as run:
        came, ended = _play(run.nodes, run, stretches, notice_s)
    far = max(each.step for each in run.samples)
    with _job(root / "b", "uninterrupted", workload, count, say) as other:
        other.watch(lambda seen: seen.step >= far)
    return Replayed(stretches, factor, run.samples, other.samples, run.log, came, ended)


@contextmanager
def _job(root: Path, name: str, workload: Workload, count: int, say: Say) -> Iterator[_Run]:
    """A job that is under way on a new cluster, which is folded afterwards."""
    say(f"{name}: raises a cluster")
    with local_nodes(root, count) as nodes:
        say(f"{name}: starts")
        nodes.submit(name, workload.folder, workload.filled(root / "storage", name, count))
        run = _Run(nodes, name, say)
        run.begin()
        yield run
        nodes.stop(name)


def _play(
    nodes: Nodes, run: _Run, stretches: Sequence[Stretch], notice_s: float
) -> tuple[list[tuple[float, float]], int]:
    """Let nodes go and come. Returns when those that came were asked for and there, and how many were taken."""
    fleet, ended = _Fleet(nodes, stretches[0].nodes, lambda: run.now_s), 0
    run.see = fleet.see
    for before, after in pairwise(stretches):
        going, coming = before.nodes - after.nodes, after.nodes - before.nodes
        if going:
            run.watch_s(after.begin_s - notice_s)
            deadline_s = run.now_s + notice_s
            fleet.warn(going, notice_s, staying=len(before.nodes & after.nodes))
            run.watch_s(max(deadline_s, after.begin_s))
            ended += len(going)
        run.watch_s(after.begin_s)
        fleet.change(going, coming, len(after.nodes))
    run.watch_s(stretches[-1].end_s)
    return fleet.came, ended
