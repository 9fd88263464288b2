"""A clock that is turned by hand, Ray clusters in memory, and a launcher that fails on demand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spillover.domain.job import SubmitRequest
from spillover.domain.pool import Node, Observation, Usage
from spillover.domain.provider import Lease, ProviderNode, Raised
from spillover.domain.resources import Resources
from spillover.errors import LauncherError, PoolRefused, PoolUnreachable
from spillover.ports import ClusterJob, ClusterVersion

FINAL = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
LINGER_S = 50.0  # workers of a restarted head give up on it within Ray's reconnect timeout


class Crash(BaseException):
    """The process is gone: nothing in it may catch this."""


class ManualClock:
    """ports.Clock. Time stands still but for `advance`, and for those who wait while it `flows`."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at
        self.flows = True

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds if self.flows else 0.0
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.at += seconds


class Audit:
    """Watches from outside that no submission id runs twice at once, on whatever cluster."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.starts: Counter[str] = Counter()
        self.doubles: list[str] = []
        self._ends: dict[str, list[Run]] = {}

    def started(self, run: Run) -> None:
        job = run.request.entrypoint.removeprefix("python ").removesuffix(".py")
        others = self._ends.setdefault(job, [])
        self.doubles += [f"{run.attempt_id} while {r.attempt_id} runs" for r in others if r.alive(self.clock.now())]
        others.append(run)
        self.starts[job] += 1


@dataclass
class Run:
    """One job on a fake cluster. `lingers_until`: it outlives its head until then."""

    attempt_id: str
    request: SubmitRequest
    status: str = "PENDING"
    message: str = ""
    error_type: str | None = None
    exit_code: int | None = None
    start_at: float = 0.0
    end_at: float | None = None
    output: str = ""
    killed: bool = False
    never_began: bool = False
    lingers_until: float | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def alive(self, now: float) -> bool:
        if self.lingers_until is not None:
            return now < self.lingers_until
        return not self.killed and self.status not in FINAL


class FakeCluster:
    """ports.Cluster: a Ray cluster in memory, whose jobs the test moves."""

    def __init__(self, name: str, clock: ManualClock, audit: Audit, nodes: Sequence[Node], *, up: bool) -> None:
        self.name = name
        self.clock = clock
        self.audit = audit
        self.up = up
        self.session = f"{name}-s0"
        self.nodes = list(nodes)
        self.foreign: list[Usage] = []
        self.failed: set[tuple[str, str]] = set()
        self.using: dict[str, list[Usage]] = {}
        self.runs: dict[str, Run] = {}
        self.packages: dict[str, bytes] = {}
        self.refusal = ""
        self.lost_answers = 0
        self.lost_requests = 0
        self.stops: list[str] = []
        self.submits: list[str] = []
        self.during_observe: Callable[[], None] | None = None
        self._sessions = 0
        self._lingering: list[Run] = []

    # what the test does

    def run(self, attempt_id: str, output: str = "") -> None:
        """The driver starts."""
        self.runs[attempt_id].status = "RUNNING"
        self.say(attempt_id, output)

    def say(self, attempt_id: str, output: str) -> None:
        """The driver prints."""
        run = self.runs[attempt_id]
        run.output += output
        run.news.set()

    def end(self, attempt_id: str, status: str = "SUCCEEDED", error_type: str | None = None, message: str = "") -> None:
        """The job ends, by itself or not."""
        run = self.runs[attempt_id]
        run.status, run.error_type, run.message = status, error_type, message or f"Job {status.lower()}."
        run.exit_code = {"SUCCEEDED": 0, "FAILED": 1}.get(status)
        run.end_at = self.clock.now()
        run.news.set()

    def restart(self, *, linger_s: float = 0.0) -> None:
        """The head comes back as another session that knows no job; what ran may linger on its workers."""
        self._sessions += 1
        self.session = f"{self.name}-s{self._sessions}"
        self.kill_all(linger_s)

    def kill_all(self, linger_s: float = 0.0) -> None:
        """All jobs are gone with their head; without time to linger, those of earlier heads too."""
        for run in () if linger_s else self._lingering:
            run.lingers_until = None
        for run in self.runs.values():
            if run.status not in FINAL:
                run.killed = True
                run.lingers_until = self.clock.now() + linger_s if linger_s else None
                self._lingering.append(run)
            run.news.set()
        self.runs = {}

    # ports.Cluster

    def _check(self) -> None:
        if not self.up:
            raise PoolUnreachable(f"pool '{self.name}' does not answer")

    async def version(self) -> ClusterVersion:
        self._check()
        return ClusterVersion("2.60.0", self.session)

    async def has_package(self, uri: str) -> bool:
        self._check()
        return uri in self.packages

    async def put_package(self, uri: str, path: Path) -> None:
        self._check()
        self.packages[uri] = path.read_bytes()

    async def submit(self, attempt_id: str, request: SubmitRequest) -> None:
        self._check()
        self.submits.append(attempt_id)
        if self.refusal:
            raise PoolRefused(self.refusal)
        if self.lost_requests:
            self.lost_requests -= 1
            raise PoolUnreachable(f"pool '{self.name}' does not answer: the request was lost")
        if attempt_id not in self.runs:
            run = self.runs[attempt_id] = Run(attempt_id, request, start_at=self.clock.now())
            self.audit.started(run)
        if self.lost_answers:
            self.lost_answers -= 1
            raise PoolUnreachable(f"pool '{self.name}' does not answer: the answer was lost")

    async def job(self, attempt_id: str) -> ClusterJob | None:
        self._check()
        run = self.runs.get(attempt_id)
        if run is None:
            return None
        return ClusterJob(
            status=run.status,
            message=run.message,
            error_type=run.error_type,
            start_at=run.start_at,
            end_at=run.end_at,
            exit_code=run.exit_code,
            core_job_id=f"{list(self.runs).index(attempt_id) + 1:02d}000000",
            driver_node_id=None if run.status == "PENDING" or run.never_began else "driver-node",
        )

    async def stop(self, attempt_id: str) -> None:
        self._check()
        self.stops.append(attempt_id)
        if attempt_id in self.runs and self.runs[attempt_id].status not in FINAL:
            self.runs[attempt_id].never_began = self.runs[attempt_id].status == "PENDING"
            self.end(attempt_id, "STOPPED")

    async def logs(self, attempt_id: str) -> str:
        self._check()
        return self.runs[attempt_id].output

    async def tail(self, attempt_id: str) -> AsyncIterator[str]:
        run, at = self.runs[attempt_id], 0
        while True:
            self._check()
            if at < len(run.output):
                text, at = run.output[at:], len(run.output)
                yield text
            elif run.killed:
                raise PoolUnreachable(f"pool '{self.name}' broke the log stream")
            elif run.status in FINAL:
                return
            else:
                run.news.clear()
                await run.news.wait()

    async def observe(self) -> Observation:
        self._check()
        if self.during_observe:
            self.during_observe()
        usage = [*self.foreign, *(use for uses in self.using.values() for use in uses)]
        return Observation(self.clock.now(), self.session, "2.60.0", tuple(self.nodes), tuple(usage))

    async def failed_launches(self) -> set[tuple[str, str]]:
        self._check()
        return set(self.failed)

    def use(self, attempt_id: str | None, node: int = 1, **amounts: float) -> None:
        """Somebody holds resources on a node."""
        usage = Usage(self.nodes[node].node_id, attempt_id, Resources(amounts))
        if attempt_id is None:
            self.foreign.append(usage)
        else:
            self.using.setdefault(attempt_id, []).append(usage)


class FakeLauncher:
    """ports.Launcher over a FakeCluster. Set `fail_*` to have a stage fail; `left` stays behind after a fold."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.fail_raise = ""
        self.fail_after_head = ""
        self.fail_fold = ""
        self.fail_nodes = ""
        self.left: list[ProviderNode] = []
        self.alive = False
        self.raises: list[tuple[int, bool]] = []
        self.leases: list[Lease] = []
        self.folds = 0
        self.when_called: Callable[[], None] | None = None

    async def raise_cluster(self, lease: Lease, *, no_restart: bool) -> Raised:
        self.raises.append((lease.max_nodes, no_restart))
        self.leases.append(lease)
        if self.when_called:
            self.when_called()
        if self.fail_raise:
            raise LauncherError(self.fail_raise)
        self.alive = True
        if not (no_restart and self.cluster.up):
            self.cluster.restart()
        if self.fail_after_head:
            raise LauncherError(self.fail_after_head)
        self.cluster.up = True
        return Raised("127.0.0.9", tuple(await self.nodes()))

    async def fold(self) -> Sequence[ProviderNode]:
        self.folds += 1
        if self.fail_fold:
            raise LauncherError(self.fail_fold)
        if self.left:
            return self.left
        self.alive = self.cluster.up = False
        self.cluster.kill_all()
        return ()

    async def nodes(self) -> Sequence[ProviderNode]:
        if self.fail_nodes:
            raise LauncherError(self.fail_nodes)
        here = self.cluster.nodes if self.alive else []
        return [provider_node(node) for node in here]


def provider_node(node: Node) -> ProviderNode:
    """The node as its provider lists it."""
    return ProviderNode(f"i-{node.node_id}", node.ip, node.type_name, "head" if node.is_head else "worker")
