"""Load rises beyond what is owned and falls again: told while it happens, recorded, and judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from serving.judge import TELL_EVERY_S, milliseconds, progress
from serving.load import Kind, Load, measure
from serving.records import Reader, Sent, summary
from serving.schedule import Phase, phase_at
from serving.seen import CLOUD, POOLS, Mark, Recording, Sample
from serving.site import Say, Site
from serving.workload import BUSY_PHASE, Workload, phases

LIMIT_S = 8.0
TIMEOUT_S = 300.0


class Scenario:
    """One run. `seconds` are those of the phases: calm, each ramp, busy once the cloud serves, and calm again."""

    def __init__(self, place: Site, workload: Workload, seconds: tuple[float, float, float, float], say: Say) -> None:
        self._place = place
        self._workload = workload
        self._seconds = seconds
        self._say = say
        self._start = time.time()
        self._marks: list[Mark] = []
        self._samples: list[Sample] = []
        self._sent: list[Sent] = []
        self._pools: dict[str, str] = {}
        self._sentences: dict[str, str] = {}
        self._told = 0.0

    def say(self, text: str) -> None:
        """A line with the seconds since the start."""
        self._say(f"[{time.time() - self._start:5.0f} s] {text}")

    def play(self, folder: Path) -> Recording:
        """Deploy, send, and wait until the cloud has been folded or two minutes have passed."""
        names = self._workload.names
        file = self._place.deploy(self._workload.applications)
        self.say(f"serve deploy {file.name}: {', '.join(names)}")
        self._place.wait_running(names)
        self.say(f"serve status: {', '.join(names)} RUNNING at {self._place.url}")
        kinds = self._workload.kinds(self._place)
        wanted = phases(self._limit(folder, kinds), self._seconds)
        with Load(folder, self._place.url, kinds, wanted, timeout_s=TIMEOUT_S) as load:
            reader = Reader(load.out)
            while not load.done:
                self._look(load, reader)
                if self._is_enough(load):
                    load.cut()
                time.sleep(max(0.0, 1.0 - (time.time() - self._samples[-1].at)))
            self._sent += reader.more()
        self._come_home()
        return Recording(
            load.began, load.phases, POOLS, self._workload.target_s, self._samples, self._marks, self._sent
        )

    def _limit(self, folder: Path, kinds: Sequence[Kind]) -> float:
        """Requests a second of all kinds while those that will spill keep owned replicas busy all the time."""
        stretch, busy = [Phase("limit", LIMIT_S, 0)], kinds[: self._workload.spilling]
        sent = measure(folder, self._place.url, busy, stretch, in_flight=self._workload.ongoing, timeout_s=TIMEOUT_S)
        p50_s = summary(sent, LIMIT_S).p50_s
        assert p50_s, sent
        # As many at once for as long as one usually takes: what the machine was held up by meanwhile does not count
        limit = self._workload.ongoing / p50_s
        what = " and ".join(kind.name for kind in busy)
        self.say(
            f"owned replicas can do {limit:.1f} {what}/s: {self._workload.ongoing} at once, p50 {milliseconds(p50_s)}"
        )
        return limit * sum(kind.weight for kind in kinds) / sum(kind.weight for kind in busy)

    def _is_enough(self, load: Load) -> bool:
        """Whether the cloud has served for as long as the busy time is to last; how soon it comes is up to the machine."""
        first = min((s.end for s in self._sent if s.pool == CLOUD), default=time.time())
        busy = phase_at(load.phases, time.time() - load.began).name == BUSY_PHASE
        return busy and time.time() - first >= self._seconds[2]

    def _look(self, load: Load, reader: Reader) -> None:
        new = reader.more()
        if not any(s.pool == CLOUD for s in self._sent) and any(s.pool == CLOUD for s in new):
            self._mark("first request served by the cloud", min(s.end for s in new if s.pool == CLOUD))
        self._sent += new
        self._sample()
        if time.time() - self._told >= TELL_EVERY_S:
            self._told = time.time()
            self.say(progress(load.phases, load.began, self._sent, self._samples[-1]))

    def _sample(self) -> None:
        before = self._samples[-1].replicas if self._samples else {}
        sample = self._place.sample()
        self._samples.append(sample)
        for pool, count in sample.replicas.items():
            if before and count != before.get(pool, 0):
                self._mark(f"{pool}: {count} replica{'s' * (count != 1)}", sample.at)
        self._tell_pools()
        self._tell_sentences()

    def _tell_pools(self) -> None:
        for pool in self._place.spillover.api("pools")["items"]:
            name, status = pool["name"], pool["status"]
            if self._pools.get(name, status) != status:
                self._mark(f"pool {name} {status}", time.time())
            self._pools[name] = status

    def _tell_sentences(self) -> None:
        """Of the plan, when its verdict changes: its numbers change every second."""
        for application in self._place.applications():
            name, sentence = application["name"], application["message"]
            verdict = sentence.split(":")[0]
            if sentence and self._sentences.get(name, "") != verdict:
                self._sentences[name] = verdict
                self.say(f"{name}: {sentence}")

    def _come_home(self) -> None:
        until = time.time() + 120
        while self._pools.get(CLOUD) not in {"down", None} and time.time() < until:
            self._sample()
            time.sleep(1)

    def _mark(self, text: str, at: float) -> None:
        self._marks.append(Mark(at, text))
        self.say(text)
