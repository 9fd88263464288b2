"""What benchmarks run against: a real Ray head with Spillover in front, or Spillover alone; and how pairs are taken."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cluster import Head, head
from embedded import short_root, wait_for
from perf_harness import Pair
from server import FINAL, Server, attached, http, serving

CPUS = 4
GATE = {"gate": 1.0}
"""A resource of the closed site that a job without end holds: what asks for it is accepted, and waits."""

T = TypeVar("T")

_NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing answers
_REST_S = 0.5


@dataclass(frozen=True)
class Side:
    """One of the two places where a job can be sent."""

    address: str
    token: str

    def submit(self, entrypoint: str, **fields: Any) -> str:
        """Submit over HTTP, as Ray's clients do."""
        answer = http("POST", f"{self.address}/api/jobs/", self.token, {"entrypoint": entrypoint, **fields})
        assert answer.status == 200, answer
        return str(answer.json["submission_id"])

    def get(self, path: str) -> Any:
        """JSON from below /api/jobs/."""
        answer = http("GET", f"{self.address}/api/jobs/{path}", self.token)
        assert answer.status == 200, answer
        return answer.json

    def await_end(self, submission_id: str) -> None:
        """Wait until the job has succeeded, and a moment longer: what it leaves behind must not slow the next one."""
        wait_for(f"{submission_id} to end", lambda: self.get(submission_id)["status"] in FINAL, 120)
        job = self.get(submission_id)
        assert job["status"] == "SUCCEEDED", job
        time.sleep(_REST_S)


@dataclass(frozen=True)
class Site:
    """A Ray head, and Spillover in front of it."""

    cluster: Head
    spillover: Server

    @property
    def ours(self) -> Side:
        """Through Spillover."""
        return Side(self.spillover.address, self.spillover.token)

    @property
    def straight(self) -> Side:
        """To the cluster itself, with the cluster's token."""
        return Side(self.cluster.address, self.cluster.token)


@contextmanager
def open_site(root: Path) -> Iterator[Site]:
    """A cluster with room for every job that is sent."""
    with _site(root) as site:
        yield site


@contextmanager
def closed_site(root: Path) -> Iterator[Site]:
    """A cluster whose gate is held: on both sides a job that asks for `GATE` is accepted and does not start."""
    with _site(root, resources=GATE) as site:
        keeper = site.straight.submit("sleep 1000000", entrypoint_resources=GATE)
        wait_for("the gate to be held", lambda: site.straight.get(keeper)["status"] == "RUNNING")
        yield site


@contextmanager
def _site(root: Path, **options: Any) -> Iterator[Site]:
    with head(root, cpus=CPUS, **options) as cluster:
        folder = root / "s"
        folder.mkdir()
        with serving(Server(folder, {"onprem": attached(cluster, unreachable_after="60s")})) as spillover:
            wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
            yield Site(cluster, spillover)


def lone_server(folder: Path) -> Server:
    """Spillover that is not started yet, with one pool that does not answer: whatever is submitted waits."""
    folder.mkdir(parents=True, exist_ok=True)
    return Server(folder, {"onprem": nowhere()})


def nowhere() -> dict[str, Any]:
    """The settings of an attached pool at an address where nobody answers."""
    machine = {"market": "owned", "price_usd_per_hour": 1.0, "resources": {"CPU": 64}, "max_nodes": 64}
    pool = {"kind": "attached", "role": "baseline", "address": _NOWHERE, "head_price_usd_per_hour": 0}
    return {**pool, "node_types": {"machine": machine}}


@contextmanager
def quiet_server(root: Path) -> Iterator[Server]:
    """A running Spillover without a cluster, with twenty jobs in its queue."""
    with serving(lone_server(root / "s")) as spillover:
        for _ in range(20):
            spillover.submit("true")
        yield spillover


class Bench:
    """What a benchmark is given: a folder, one site at a time, and `step` to say how far it is."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self.step = step
        self._stack = ExitStack()
        self._made: tuple[object, Any] | None = None

    def site(self, make: Callable[[Path], AbstractContextManager[T]]) -> T:
        """The site that `make` makes: the running one if it is of that kind, else a new one in place of it."""
        if self._made is None or self._made[0] is not make:
            self.rest()
            self.step(f"starts its {make.__name__.replace('_', ' ')}")
            self._made = make, self._stack.enter_context(make(self.folder()))
        site: T = self._made[1]
        return site

    def folder(self) -> Path:
        """A new folder, short enough for Ray's sockets, that goes with the site."""
        return self._stack.enter_context(short_root())

    def rest(self) -> None:
        """End the site, so that nothing of ours runs beside what is measured next."""
        self._made = None
        self._stack.close()

    def pairs(self, ours: Callable[[], float], baseline: Callable[[], float], count: int, warm: int = 1) -> list[Pair]:
        """Interleaved measurements: each pair one after the other, first ours, then the baseline first, and so on."""
        found = []
        for number in range(-warm, count):
            self.step(f"pair {number + 1} of {count}" if number >= 0 else "warms up")
            found.append(_pair(ours, baseline, ours_first=number % 2 == 0))
        return found[warm:]

    def samples(self, measure: Callable[[], float], count: int, warm: int = 1) -> list[float]:
        """Measurements of ours alone."""
        found = []
        for number in range(-warm, count):
            self.step(f"sample {number + 1} of {count}" if number >= 0 else "warms up")
            found.append(measure())
        return found[warm:]


def _pair(ours: Callable[[], float], baseline: Callable[[], float], *, ours_first: bool) -> Pair:
    if ours_first:
        first = ours()
        return first, baseline()
    last = baseline()
    return ours(), last


@contextmanager
def bench(step: Callable[[str], None]) -> Iterator[Bench]:
    """The tools, with all that they started ended afterwards; meanwhile HOME is an empty folder."""
    before = dict(os.environ)
    with short_root() as home:
        try:
            for name in [n for n in os.environ if n.startswith(("RAY_", "SPILLOVER_"))]:
                del os.environ[name]
            # An installed package runs from compiled files: so do the programs that are timed here.
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            os.environ["HOME"] = str(home)
            tools = Bench(step)
            try:
                yield tools
            finally:
                tools.rest()
        finally:
            os.environ.clear()
            os.environ.update(before)


def seconds_of(command: Sequence[str], env: dict[str, str]) -> float:
    """From the start of a program to its end. Raises if it fails."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        env=env,
        cwd=env["HOME"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout
    return took
