"""What was seen from outside while load ran: replicas, dollars, and what happened when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from serving.records import Sent, read
from serving.schedule import Phase

ONPREM, CLOUD = "onprem", "cloud"
POOLS = (ONPREM, CLOUD)


@dataclass(frozen=True)
class Mark:
    """Something that happened, in a few words. `at` is in Unix seconds."""

    at: float
    text: str


@dataclass(frozen=True)
class Sample:
    """The state of things at a time (Unix seconds): running replicas and US dollars an hour by pool, dollars in all."""

    at: float
    replicas: Mapping[str, int]
    usd_per_hour: Mapping[str, float]
    usd: float


@dataclass(frozen=True)
class Recording:
    """One run. `began` is when the first phase did (Unix seconds). `pools` are in the order in which requests take them."""

    began: float
    phases: Sequence[Phase]
    pools: Sequence[str]
    target_s: float
    samples: Sequence[Sample]
    marks: Sequence[Mark]
    sent: Sequence[Sent]

    def save(self, file: Path) -> None:
        """All but the requests, which have a file of their own beside it: `requests.jsonl`."""
        kept = asdict(self)
        del kept["sent"]
        file.write_text(json.dumps(kept, indent=1))

    @classmethod
    def load(cls, file: Path) -> Recording:
        """What `save` wrote, with the requests beside it."""
        raw = json.loads(file.read_text())
        raw["phases"] = [Phase(**each) for each in raw["phases"]]
        raw["samples"] = [Sample(**each) for each in raw["samples"]]
        raw["marks"] = [Mark(**each) for each in raw["marks"]]
        return cls(**raw, sent=read(file.with_name("requests.jsonl")))


def usd_between(samples: Sequence[Sample], begin: float, end: float) -> float:
    """US dollars spent between two times, in straight lines between samples."""
    return _usd_at(samples, end) - _usd_at(samples, begin)


def _usd_at(samples: Sequence[Sample], at: float) -> float:
    before = [each for each in samples if each.at <= at]
    after = [each for each in samples if each.at > at]
    if not before or not after:
        return (before or after)[-1 if before else 0].usd
    left, right = before[-1], after[0]
    return left.usd + (right.usd - left.usd) * (at - left.at) / (right.at - left.at)
