"""Sends requests at times that were fixed before, whatever the answers do, and writes down what became of each.

It runs as a process of its own: `python -P load.py SPEC.json`. What it measures must not share an event loop with it.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import aiohttp

from serving.records import Sent, read, write
from serving.schedule import Phase, arrivals, cut, length

POOL_HEADER = "X-Spillover-Pool"
LEAD_S = 1.0
"""From the start of a generator to its first request: by then it is there."""
_WRITE_EVERY_S = 0.25
_LISTEN_S = 0.1
_IDLE_S = 5.0  # a connection is not used again after so long, for the other side may be closing it


@dataclass(frozen=True)
class Kind:
    """A kind of request. `weight` is how often it is sent beside the others. `safe`: it may be sent again."""

    name: str
    path: str
    method: str = "GET"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    safe: bool = True
    weight: float = 1.0


@dataclass(frozen=True)
class Spec:
    """What to send where. With `in_flight` always as many at once, back to back, for the phases' seconds; else by rate.

    `out` is a file of JSON lines, `began` when the first phase begins (Unix seconds).
    """

    url: str
    kinds: Sequence[Kind]
    phases: Sequence[Phase]
    out: str
    began: float
    seed: int = 0
    timeout_s: float = 30.0
    in_flight: int = 0

    @classmethod
    def load(cls, path: Path) -> Spec:
        raw = json.loads(path.read_text())
        raw["kinds"] = [Kind(**each) for each in raw["kinds"]]
        raw["phases"] = [Phase(**each) for each in raw["phases"]]
        return cls(**raw)


class Load:
    """A generator that runs beside us. Not started yet; `with` starts it and ends it."""

    def __init__(self, folder: Path, url: str, kinds: Sequence[Kind], phases: Sequence[Phase], **more: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._fields: dict[str, Any] = {"url": url, "kinds": kinds, "phases": phases, **more}
        self.out = folder / "requests.jsonl"
        self.began = 0.0
        self.seconds = length(phases)
        self.phases = phases
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.out.unlink(missing_ok=True)
        self.began = time.time() + LEAD_S
        spec = Spec(out=str(self.out), began=self.began, **self._fields)
        file = self._folder / "load.json"
        file.write_text(json.dumps(asdict(spec)))
        with (self._folder / "load.log").open("w") as log:
            command = [sys.executable, "-P", str(Path(__file__)), str(file)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def done(self) -> bool:
        """Whether all requests have ended. Raises RuntimeError with its last words if the generator failed."""
        assert self._process is not None
        code = self._process.poll()
        if code:
            raise RuntimeError(f"the load generator failed: {(self._folder / 'load.log').read_text()[-2000:]}")
        return code == 0

    def wait(self) -> list[Sent]:
        """All requests, once the last has ended."""
        while not self.done:
            time.sleep(0.05)
        return self.sent()

    def cut(self) -> None:
        """End the phase that it is in: the next one begins now."""
        assert self._process is not None
        self.phases = cut(self.phases, time.time() - self.began)
        self.seconds = length(self.phases)
        self._process.send_signal(signal.SIGUSR1)

    def stop(self) -> list[Sent]:
        """Send no more. All requests that were sent, once the last has ended."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def sent(self) -> list[Sent]:
        """Those that have ended so far."""
        return read(self.out)


def measure(folder: Path, url: str, kinds: Sequence[Kind], phases: Sequence[Phase], **more: Any) -> list[Sent]:
    """All of a load, from its beginning to its end."""
    with Load(folder, url, kinds, phases, **more) as load:
        return load.wait()


class _Sender:
    def __init__(self, session: aiohttp.ClientSession, spec: Spec) -> None:
        self._session = session
        self._spec = spec
        # Latencies by a clock that nobody sets; the offset makes Unix seconds of it
        self._offset = time.time() - time.perf_counter()
        self.began = spec.began - self._offset
        self.ended: list[Sent] = []

    async def send(self, kind: Kind, due: float) -> None:
        """`due` is by time.perf_counter()."""
        sent_s = time.perf_counter() - due
        first_s: float | None = None
        status, error, pool = 0, "", ""
        try:
            async with self._session.request(
                kind.method, self._spec.url + kind.path, data=kind.body or None, headers=dict(kind.headers)
            ) as answer:
                status, pool = answer.status, answer.headers.get(POOL_HEADER, "")
                async for _ in answer.content.iter_any():
                    first_s = first_s or time.perf_counter() - due
            error = f"status {status}" if status >= 400 else ""
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as failure:
            error = kind_of(failure)
        total_s = time.perf_counter() - due
        at = due + self._offset
        self.ended.append(Sent(at, kind.name, kind.safe, sent_s, first_s, total_s, status, error, pool))

    async def keep(self) -> None:
        """Write what has ended, again and again."""
        while True:
            await asyncio.sleep(_WRITE_EVERY_S)
            self.flush()

    def flush(self) -> None:
        write(Path(self._spec.out), self.ended)
        self.ended = []


def kind_of(failure: Exception) -> str:
    """A word for why there was no whole answer: `connect` before anything was sent, `cut` after, `timeout`."""
    if isinstance(failure, TimeoutError):
        return "timeout"
    return "connect" if isinstance(failure, aiohttp.ClientConnectorError) else "cut"


async def run(spec: Spec) -> None:
    """Send all of it."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S)
    timeout = aiohttp.ClientTimeout(total=spec.timeout_s)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        session._retry_connection = False  # aiohttp would send a GET again by itself, and hide that it failed
        sender = _Sender(session, spec)
        keeper = asyncio.create_task(sender.keep())
        await (_closed(sender, spec) if spec.in_flight else _open(sender, spec))
        keeper.cancel()
        sender.flush()


async def _open(sender: _Sender, spec: Spec) -> None:
    tasks: set[asyncio.Task[None]] = set()
    kinds, told = _kinds(spec), _Told()
    phases, sent = list(spec.phases), 0
    due_s = arrivals(phases, spec.seed)
    while sent < len(due_s) and not told.stop:
        if told.cut:
            told.cut = False
            phases = cut(phases, time.perf_counter() - sender.began)
            due_s = arrivals(phases, spec.seed)
            continue
        due = sender.began + due_s[sent]
        if (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(min(left, _LISTEN_S))
            continue
        task = asyncio.create_task(sender.send(next(kinds), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        sent += 1
        if not sent % 20:
            await asyncio.sleep(0)  # who is behind must still hear what comes back
    await asyncio.gather(*tasks)


class _Told:
    """What signals say: SIGTERM to send no more, SIGUSR1 to go on with the next phase."""

    def __init__(self) -> None:
        self.stop = self.cut = False
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: setattr(self, "stop", True))
        loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(self, "cut", True))


async def _closed(sender: _Sender, spec: Spec) -> None:
    until = sender.began + length(spec.phases)

    async def back_to_back(seed: int) -> None:
        kinds = _kinds(spec, seed)
        while (now := time.perf_counter()) < until:
            await sender.send(next(kinds), now)

    await asyncio.sleep(max(0.0, sender.began - time.perf_counter()))
    await asyncio.gather(*(back_to_back(number) for number in range(spec.in_flight)))


def _kinds(spec: Spec, stream: int = 0) -> Iterator[Kind]:
    """Kinds by chance, by their weights, without end. Each stream has its own."""
    dice = random.Random(f"{spec.seed} {stream}")
    while True:
        yield from dice.choices(list(spec.kinds), weights=[kind.weight for kind in spec.kinds], k=100)


if __name__ == "__main__":
    asyncio.run(run(Spec.load(Path(sys.argv[1]))))
