"""How fast the programs start, and what an idle server holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from embedded import wait_for
from perf_harness import Measured, alone, benchmark, beside
from perf_queue import fill_store
from perf_sites import Bench, lone_server, quiet_server, seconds_of
from server import BIN, Server, clean_environment, http, ray_environment

_CLI_PAIRS = 15
_STARTS = 7
_GIVE_UP_S = 60.0
_AGE_S, _LOOKS, _STEADY = 30.0, 5, 0.01


@benchmark("cli_start_s", "s", aim=0.5)
def cli_start(bench: Bench) -> Measured:
    """`spillover --version`, against `python -c pass`."""
    bench.rest()
    env = clean_environment(bench.folder())
    return beside(bench.pairs(_timed(env, "--version"), lambda: _bare_python(env), _CLI_PAIRS))


@benchmark("cli_queue_s", "s", aim=0.5)
def cli_queue(bench: Bench) -> Measured:
    """`spillover queue` with twenty waiting jobs, the server's answer included, against `python -c pass`."""
    server = bench.site(quiet_server)
    env = ray_environment(server.address, server.token, server.home)
    return beside(bench.pairs(_timed(env, "queue"), lambda: _bare_python(env), _CLI_PAIRS))


def _timed(env: dict[str, str], *arguments: str) -> Callable[[], float]:
    return lambda: seconds_of([str(BIN / "spillover"), *arguments], env)


def _bare_python(env: dict[str, str]) -> float:
    return seconds_of([sys.executable, "-c", "pass"], env)


@benchmark("rss_at_rest_mb", "MB")
def rss_at_rest(bench: Bench) -> Measured:
    """Proportional set size of an idle server, once it is 30 s old and has stopped growing; five looks."""
    server = bench.site(quiet_server)
    assert server.process is not None
    pid = server.process.pid
    bench.step("waits until the server is 30 s old and steady")
    wait_for("the server to be 30 s old", lambda: _age_s(pid) >= _AGE_S)
    wait_for("the server's memory to be steady", lambda: _grown(pid) < _STEADY)
    return alone(bench.samples(lambda: _pss_mb(pid), _LOOKS, warm=0))


def _age_s(pid: int) -> float:
    started = float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - started / 100  # ticks are 1/100 s on Linux


def _grown(pid: int) -> float:
    """By which part it grows in a second."""
    before = _pss_mb(pid)
    time.sleep(1)
    return abs(_pss_mb(pid) / before - 1)


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


@benchmark("server_ready_s", "s", aim=3.0)
def server_ready(bench: Bench) -> Measured:
    """From the start of `spillover up` on an empty state folder until its health answers 200."""
    bench.rest()
    return alone(bench.samples(lambda: _ready_s(lone_server(bench.folder())), _STARTS))


@benchmark("server_ready_10k_s", "s", aim=3.0)
def server_ready_10k(bench: Bench) -> Measured:
    """The same on a state folder with 10,000 queued jobs."""
    bench.rest()
    bench.step("fills a store with 10,000 jobs")
    filled = bench.folder() / "state"
    fill_store(filled, 10_000)

    def measure() -> float:
        server = lone_server(bench.folder())
        shutil.copytree(filled, server.state_dir)
        return _ready_s(server)

    return alone(bench.samples(measure, _STARTS))


def _ready_s(server: Server) -> float:
    """Seconds from the start to the first 200; looks every 10 ms, where `Server.start` has 100 ms."""
    began = time.perf_counter()
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [str(BIN / "spillover"), "up", "-c", str(server.file)],
            env=clean_environment(server.home),
            cwd=server.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        while not _is_healthy(server):
            assert server.process.poll() is None, server.log.read_text()[-3000:]
            assert time.perf_counter() - began < _GIVE_UP_S, f"not ready after {_GIVE_UP_S} s"
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        server.kill9()  # its folder is thrown away: no need to wait for a farewell


def _is_healthy(server: Server) -> bool:
    try:
        return http("GET", f"{server.address}/api/spillover/v1/health", None, timeout_s=5).status == 200
    except OSError:
        return False
