"""What a replay found, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from spot.account import Costs
from spot.said import Resumption, resumptions, stalls
from spot.trace import Stretch


@dataclass(frozen=True)
class Sample:
    """What was seen at a time, in seconds after the job's first step: live nodes, the last step, resumptions so far."""

    at_s: float
    nodes: int
    step: int
    resumed: int


@dataclass(frozen=True)
class Replayed:
    """A replay, and the same job without interruption until it had come as far. Times in seconds."""

    stretches: Sequence[Stretch]
    factor: float  # by which the trace's time was divided
    samples: Sequence[Sample]
    baseline: Sequence[Sample]
    log: str
    came: Sequence[tuple[float, float]]  # of each node: when it was asked for, and when it was there
    taken: int

    @property
    def nodes(self) -> int:
        return len(self.stretches[0].nodes)

    @property
    def steps(self) -> int:
        return max(each.step for each in self.samples)

    @property
    def velocity(self) -> float:
        """The time of the uninterrupted run over that of the replay, for the same steps."""
        return reached_at(self.baseline, self.steps) / self.seconds

    @property
    def seconds(self) -> float:
        """The whole replay: a run that is still to resume at its end has not been spared that."""
        return self.samples[-1].at_s

    @property
    def had(self) -> float:
        """The node time that there was, as a share of that of all nodes: booted, and not yet ended."""
        seconds = sum((after.at_s - before.at_s) * before.nodes for before, after in pairwise(self.samples))
        return seconds / (self.nodes * self.seconds)

    @property
    def resumptions(self) -> list[Resumption]:
        return resumptions(self.log)

    @property
    def losses(self) -> list[Resumption]:
        """Those after nodes were taken away."""
        return [each for each in self.resumptions if not each.grown]

    @property
    def costs(self) -> Costs:
        """The mean for each node taken away, and for each time that the run grew again."""
        grown = [each for each in self.resumptions if each.grown]
        return Costs(
            idle_s=sum(each.idle_s for each in self.losses) / self.taken,
            lost_s=sum(each.lost_s for each in self.losses) / self.taken,
            stall_s=sum(stalls(self.log)) / self.taken,
            grow_idle_s=_mean([each.idle_s for each in grown]),
            grow_lost_s=_mean([each.lost_s for each in grown]),
            join_s=self.boot_s + _mean(self._waits_s()),
        )

    @property
    def boot_s(self) -> float:
        """From the call for a node until it is there."""
        return _mean([there_s - asked_s for asked_s, there_s in self.came])

    def _waits_s(self) -> list[float]:
        """At each growth, how long the newest node had been there until the run stopped to take it in."""
        found = []
        for at_s, each in zip(self.resumed_at(), self.resumptions, strict=True):
            there = [there_s for asked_s, there_s in self.came if asked_s < at_s]
            if each.grown and there:  # a run that lost touch with a node and found it again took in none
                found.append(max(0.0, at_s - each.idle_s - there[-1]))
        return found

    def resumed_at(self) -> list[float]:
        """When each resumption was seen, to a second or so."""
        return [next(s.at_s for s in self.samples if s.resumed > k) for k in range(self.samples[-1].resumed)]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), default=sorted))

    @classmethod
    def load(cls, path: Path) -> Replayed:
        raw = json.loads(path.read_text())
        raw["stretches"] = [Stretch(s["begin_s"], s["end_s"], frozenset(s["nodes"])) for s in raw["stretches"]]
        raw["came"] = [(asked_s, there_s) for asked_s, there_s in raw["came"]]
        return cls(**raw | {name: [Sample(**each) for each in raw[name]] for name in ("samples", "baseline")})


def _mean(values: Sequence[float]) -> float:
    return fmean(values or [0.0])


def reached_at(samples: Sequence[Sample], step: int) -> float:
    """When a step was first reached (s), in a straight line between two samples."""
    far = [samples[0]]
    for each in samples:
        if each.step > far[-1].step:
            far.append(each)
    for before, after in pairwise(far):
        if after.step >= step:
            return before.at_s + (step - before.step) / (after.step - before.step) * (after.at_s - before.at_s)
    raise ValueError(f"step {step} was not reached; the last one seen is {far[-1].step}")
