"""Submitting through Spillover against submitting straight to the cluster, with real Ray clients."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from embedded import wait_for
from perf_harness import Measured, added, benchmark, beside, overhead
from perf_sites import GATE, Bench, Side, closed_site, open_site, seconds_of
from server import BIN, ray_environment

_CLI_PAIRS = 10
_DRIVER_PAIRS = 10
_API_PAIRS = 60
_CLIENTS, _ROUNDS, _JOBS_A_CLIENT = 8, 5, 10
_PRINTS_TIME = "python3 -S -c 'import time; print(\"started\", time.time())'"
_STARTED = re.compile(r"^started (\d+\.\d+)$", re.MULTILINE)


@benchmark("submit_overhead_ratio", "ratio", aim=1.02)
def submit_overhead(bench: Bench) -> Measured:
    """`ray job submit --no-wait` with a small working directory: through us over straight, from start to exit.

    Each job has ended, on both sides, before the next command starts.
    """
    site, home = bench.site(open_site), bench.folder()
    code = _working_dir(bench.folder() / "code")
    pairs = bench.pairs(_cli(site.ours, home, code), _cli(site.straight, home, code), _CLI_PAIRS)
    return overhead(pairs)


def _working_dir(folder: Path) -> Path:
    """A small program of one's own."""
    folder.mkdir()
    (folder / "train.py").write_text("print('trained')\n" * 100)
    (folder / "settings.json").write_text(json.dumps({"steps": list(range(100))}))
    return folder


def _cli(side: Side, home: Path, code: Path) -> Callable[[], float]:
    env = ray_environment(side.address, side.token, home)

    def submit() -> float:
        name = f"cli-{secrets.token_hex(6)}"
        options = ("--no-wait", "--submission-id", name, "--working-dir", str(code))
        took = seconds_of([str(BIN / "ray"), "job", "submit", *options, "--", "true"], env)
        side.await_end(name)
        return took

    return submit


@benchmark("driver_start_added_ms", "ms")
def driver_start(bench: Bench) -> Measured:
    """From the answer to a submit until the driver prints the time: through us minus straight."""
    site = bench.site(open_site)
    return added(bench.pairs(_driver_start_ms(site.ours), _driver_start_ms(site.straight), _DRIVER_PAIRS))


def _driver_start_ms(side: Side) -> Callable[[], float]:
    def measure() -> float:
        name = side.submit(_PRINTS_TIME)
        answered = time.time()
        side.await_end(name)
        # Ray may show the last lines of a job a moment after its end.
        wait_for(f"the output of {name}", lambda: _STARTED.search(_logs(side, name)) is not None, 30)
        printed = _STARTED.findall(_logs(side, name))[0]
        return (float(printed) - answered) * 1000

    return measure


def _logs(side: Side, name: str) -> str:
    return str(side.get(f"{name}/logs")["logs"])


@benchmark("submit_api_p50_ms", "ms")
def submit_api(bench: Bench) -> Measured:
    """`POST /api/jobs/` on one kept-alive connection, of jobs that are accepted and wait."""
    site = bench.site(closed_site)
    with _Client(site.ours) as ours, _Client(site.straight) as straight:
        return beside(bench.pairs(ours.submit_ms, straight.submit_ms, _API_PAIRS, warm=5))


@benchmark("submits_per_s", "1/s", more_is_better=True)
def submits_per_s(bench: Bench) -> Measured:
    """Accepted submits a second with eight clients at once, of jobs that wait. Rounds take turns."""
    site = bench.site(closed_site)
    return beside(bench.pairs(lambda: _rate(site.ours), lambda: _rate(site.straight), _ROUNDS))


def _rate(side: Side) -> float:
    def client(_: int) -> None:
        with _Client(side) as connection:
            for _ in range(_JOBS_A_CLIENT):
                connection.submit_ms()

    began = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as threads:
        list(threads.map(client, range(_CLIENTS)))
    return _CLIENTS * _JOBS_A_CLIENT / (time.perf_counter() - began)


class _Client:
    """One kept-alive connection that submits jobs for the closed gate."""

    _numbers = itertools.count()

    def __init__(self, side: Side) -> None:
        where = urlsplit(side.address)
        self._connection = HTTPConnection(str(where.hostname), where.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {side.token}", "Content-Type": "application/json"}

    def __enter__(self) -> Self:
        self._connection.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def submit_ms(self) -> float:
        """Submit one job; milliseconds from the request to the whole answer."""
        name = f"api-{next(self._numbers)}"
        body = json.dumps({"entrypoint": "true", "submission_id": name, "entrypoint_resources": GATE})
        began = time.perf_counter()
        self._connection.request("POST", "/api/jobs/", body.encode(), self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        took = time.perf_counter() - began
        assert answer.status == 200, text.decode(errors="replace")
        return took * 1000
