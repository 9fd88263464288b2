"""Served applications: what batching gains, what the data plane costs, how soon requests spill, and what faults cost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded import wait_for
from perf_harness import Measured, added, alone, benchmark, overhead
from perf_sites import Bench
from server import http

from serving.faults import FAULTS, Outcome, start, suffer
from serving.load import Kind, Load, measure
from serving.plain import plain
from serving.records import Reader, highest, summary, within
from serving.schedule import Phase
from serving.seen import CLOUD
from serving.site import JOBS, Site, free_port, site
from serving.workload import DIGIT, JSON, echo, echo_kinds, of_jobs

LIMIT_S = 0.1
_RUN_S = 4.0
_PAIRS = 3
_CALM_S, _OWNED_PER_S = 5.0, 20.0  # of the light application: 4 requests at once on premises, 0.2 s each


@dataclass
class Server:
    """Something that answers at an address, and the highest rate at which it was seen to keep the limit.

    `group` is that of its processes if they are stopped while others are asked, for they never are quite idle.
    """

    url: str
    kind: Kind
    folder: Path
    rate: float = 50.0
    group: int = 0

    def highest(self) -> float:
        """The highest rate (requests a second) at which 99% are answered within 100 ms, to a tenth; looked for anew."""
        with self._awake():
            self.rate = max(1.0, highest(self._holds, self.rate))
        return self.rate

    @contextmanager
    def _awake(self) -> Iterator[None]:
        if self.group:
            os.killpg(self.group, signal.SIGCONT)
        try:
            yield
        finally:
            if self.group:
                os.killpg(self.group, signal.SIGSTOP)

    def p50_ms(self) -> float:
        """Of requests one after the other."""
        sent = measure(self.folder, self.url, [self.kind], [Phase("alone", _RUN_S, 0)], in_flight=1)
        found = summary(sent, _RUN_S)
        assert not found.failed, found
        assert found.p50_s is not None
        return 1000 * found.p50_s

    def _holds(self, rate: float) -> bool:
        # Three tries, for whatever else the machine does for a moment makes a hundredth late
        return any(self._share(rate, seed) >= 0.99 for seed in (1, 2, 3))

    def _share(self, rate: float, seed: int) -> float:
        sent = measure(self.folder, self.url, [self.kind], [Phase("steady", _RUN_S, rate)], seed=seed, timeout_s=10.0)
        return within(sent, LIMIT_S)


# -- the classifier -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Classifiers:
    """The same model three times, one worker each: in batches and one at a time on Ray Serve, and behind LitServe.

    Each is asked where it listens itself: on Ray Serve, where our data plane sends requests.
    """

    batched: Server
    single: Server
    peer: Server


@contextmanager
def classifiers(root: Path) -> Iterator[Classifiers]:
    """All of them at once; the peer is stopped while it is not asked."""
    kind = Kind("digits", "/predict", "POST", body=DIGIT, headers=JSON)
    entries = [_classifier("batched", {}), _classifier("single", {"batching": False})]
    with plain(root) as cluster, _peer(root / "peer.log") as (peer_url, group):
        cluster.deploy(entries)
        ours = (Server(f"{cluster.straight(n)}/{n}", kind, root / n) for n in ("batched", "single"))
        peer = Server(peer_url, kind, root / "peer", group=group)
        os.killpg(group, signal.SIGSTOP)
        yield Classifiers(*ours, peer)


def _classifier(name: str, args: dict[str, Any]) -> dict[str, Any]:
    entry = of_jobs("serve_digits")
    return entry | {"name": name, "route_prefix": f"/{name}", "args": entry["args"] | args}


@contextmanager
def _peer(log: Path) -> Iterator[tuple[str, int]]:
    """LitServe with one worker and batches as large as ours, as its own documentation sets it up.

    Its address, and the group of its processes.
    """
    port = free_port()
    command = [sys.executable, "-m", "serve_digits.litserve_app", f"port={port}", f"max_batch={_most()}"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=JOBS, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        wait_for(f"LitServe to answer, see {log}", lambda: _answers(f"http://127.0.0.1:{port}/health"), 120)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its workers are of the same session
        process.wait()


def _most() -> int:
    return int(of_jobs("serve_digits")["args"]["most"])


@benchmark("batching_speedup_p99_100ms", "ratio", aim=8, more_is_better=True)
def batching_speedup(bench: Bench) -> Measured:
    """The highest rate with a p99 under 100 ms in dynamic batches, over that with one image at a time."""
    site = bench.site(classifiers)
    return overhead(bench.pairs(site.batched.highest, site.single.highest, _PAIRS))


@benchmark("vs_peer_throughput", "ratio", aim=1, more_is_better=True)
def vs_peer_throughput(bench: Bench) -> Measured:
    """The same rate in dynamic batches, over that of LitServe."""
    site = bench.site(classifiers)
    return overhead(bench.pairs(site.batched.highest, site.peer.highest, _PAIRS))


# -- the data plane -----------------------------------------------------------------------------


_BACKEND = """
import sys
from aiohttp import web
async def answer(request):
    return web.Response(text="ok")
app = web.Application()
app.router.add_route("*", "/{rest:.*}", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@benchmark("router_overhead_p50_ms", "ms", aim=2)
def router_overhead(bench: Bench) -> Measured:
    """What the data plane adds to the median of requests one after the other, to a server that does nothing."""
    bench.rest()
    folder = bench.folder()
    with _backend() as port, _plane(folder / "d", port) as (url, headers):
        through = Server(url, Kind("get", "/echo", headers=headers), folder / "t")
        direct = Server(f"http://127.0.0.1:{port}", Kind("get", "/echo"), folder / "u")
        return added(bench.pairs(through.p50_ms, direct.p50_ms, 5))


@contextmanager
def _backend() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-P", "-c", _BACKEND, str(port)], stdin=subprocess.DEVNULL)
    try:
        wait_for("the backend to answer", lambda: _answers(f"http://127.0.0.1:{port}/"), 30)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def _plane(folder: Path, backend: int) -> Iterator[tuple[str, dict[str, str]]]:
    """The data plane with one application on one pool. Its address, and the headers that let a request in."""
    import hashlib

    from spillover.dataplane.haproxy import HaproxyPlane
    from spillover.domain.serving import ApiKey, Backend, Route, Table

    port, key = free_port(), "a-key-of-the-benchmark"
    plane = HaproxyPlane(folder, "127.0.0.1", port, threads=1)
    route = Route("echo", "/echo", (Backend("onprem", "127.0.0.1", backend, "here", limit=64),))
    keys = (ApiKey("k1", hashlib.sha256(key.encode()).hexdigest(), "bench", time.time(), "bench"),)
    try:
        asyncio.run(plane.apply(Table((route,), keys)))
        headers = {"Authorization": f"Bearer {key}"}
        wait_for("the data plane to serve", lambda: _answers(f"http://127.0.0.1:{port}/echo", key), 30)
        yield f"http://127.0.0.1:{port}", headers
    finally:
        asyncio.run(plane.stop())


def _answers(url: str, token: str | None = None) -> bool:
    try:
        return http("GET", url, token, timeout_s=5).status == 200
    except OSError:
        return False


# -- spilling and faults ------------------------------------------------------------------------


@contextmanager
def served_site(root: Path) -> Iterator[Site]:
    """Two pools; the cloud comes when it is needed and then stays."""
    with site(root, cloud_stays=True) as place:
        yield place


_reactions: list[tuple[float, float]] = []


@benchmark("spill_reaction_s", "s", aim=30)
def spill_reaction(bench: Bench) -> Measured:
    """From a step in the load to beyond what is owned until rented replicas serve a request: their pool is up."""
    return alone([warm for warm, _ in _spills(bench)])


@benchmark("spill_reaction_from_zero_s", "s", aim=120)
def spill_reaction_from_zero(bench: Bench) -> Measured:
    """The same, with the pool still to be raised."""
    return alone([zero for _, zero in _spills(bench)])


def _spills(bench: Bench) -> list[tuple[float, float]]:
    if not _reactions:
        place = bench.site(served_site)
        work = echo()
        place.deploy(work.applications)
        place.wait_running(work.names)
        bench.step("the pool is still to be raised")
        zero = _spill(place, bench.folder() / "load")
        wait_for("the cloud to have no replica", lambda: place.replicas()[CLOUD] == 0, 120)
        bench.step("the pool is up")
        _reactions.append((_spill(place, bench.folder() / "load"), zero))
    return _reactions


def _spill(place: Site, folder: Path) -> float:
    """Seconds from the step until the first request that the cloud served had its answer."""
    steps = [Phase("calm", _CALM_S, 0.4 * _OWNED_PER_S), Phase("busy", 240, 1.3 * _OWNED_PER_S)]
    with Load(folder, place.url, echo_kinds(place), steps, timeout_s=90.0) as load:
        reader, step = Reader(load.out), load.began + _CALM_S
        while not load.done:
            if ends := [s.end for s in reader.more() if s.well and s.pool == CLOUD and s.at > step]:
                return min(ends) - step
            time.sleep(0.2)
    raise AssertionError("no request was served by the cloud in four minutes")


@benchmark("failed_safe_requests", "1", aim=0)
def failed_safe_requests(bench: Bench) -> Measured:
    """Requests that were safe to send again and failed, over all faults; samples: each fault."""
    place = bench.site(served_site)
    start(place)
    outcomes: list[Outcome] = []
    for fault in FAULTS:
        outcomes.append(suffer(place, fault, bench.folder(), bench.step))
        start(place)
    samples = [float(each.failed_safe) for each in outcomes]
    return Measured(sum(samples), min(samples), max(samples), samples)
