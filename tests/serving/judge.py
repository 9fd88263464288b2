"""What a run came to: each phase in figures, whether it spilled and returned, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from serving.records import Sent, Summary, percentile, summary
from serving.schedule import Phase, length, phase_at, rate_at
from serving.seen import CLOUD, POOLS, Recording, Sample, usd_between

TELL_EVERY_S = 10.0
_HOME_S = 10.0


@dataclass(frozen=True)
class Row:
    """A phase in figures. `burst` is the share of its good requests that rented replicas served."""

    phase: Phase
    summary: Summary
    burst: float
    usd: float


def progress(phases: Sequence[Phase], began: float, sent: Sequence[Sent], sample: Sample) -> str:
    """The last ten seconds in a line."""
    now = sample.at
    lately = [s for s in sent if s.end > now - TELL_EVERY_S]
    took = sorted(s.total_s for s in lately if s.well)
    pools = ", ".join(f"{pool} {sum(s.pool == pool for s in lately) / TELL_EVERY_S:.0f}/s" for pool in POOLS)
    p50, p99 = (milliseconds(percentile(took, share)) for share in (0.5, 0.99))
    there = ", ".join(f"{pool} {sample.replicas.get(pool, 0)}" for pool in POOLS)
    return (
        f"{phase_at(phases, now - began).name}: {rate_at(phases, now - began):.0f} requests/s wanted; served {pools}; "
        f"p50 {p50}, p99 {p99}; failed {sum(not s.well for s in lately)}; replicas {there}; "
        f"${sum(sample.usd_per_hour.values()):.2f}/h"
    )


def milliseconds(seconds: float | None) -> str:
    """For people, "-" for none."""
    if seconds is None:
        return "-"
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def rows(found: Recording) -> list[Row]:
    """Each phase in figures, by when requests were due."""
    ends = list(accumulate(phase.seconds for phase in found.phases))
    made = []
    for phase, end in zip(found.phases, ends, strict=True):
        begin, until = found.began + end - phase.seconds, found.began + end
        sent = [s for s in found.sent if begin <= s.at < until]
        total = summary(sent, phase.seconds)
        well = max(1, total.requests - total.failed)
        made.append(Row(phase, total, total.by_pool.get(CLOUD, 0) / well, usd_between(found.samples, begin, until)))
    return made


def spill_s(found: Recording) -> float | None:
    """Seconds from the end of the calm until the first answer from rented replicas; None if there was none."""
    step = found.began + found.phases[0].seconds
    at = [s.end for s in found.sent if s.well and s.pool == CLOUD and s.at >= step]
    return min(at) - step if at else None


def returned(found: Recording) -> bool:
    """Whether at the end all requests were served on premises."""
    end = found.began + length(found.phases)
    last = [s for s in found.sent if s.well and s.at >= end - _HOME_S]
    return bool(last) and all(s.pool != CLOUD for s in last)


def wrongs(found: Recording) -> list[str]:
    """What did not go as it should; nothing if all did."""
    safe = [s for s in found.sent if not s.well and s.safe]
    made = []
    if spill_s(found) is None:
        made.append("no request was served by rented replicas: it did not spill")
    if not returned(found):
        made.append(f"in the last {_HOME_S:g} s requests were still served by rented replicas: it did not return")
    if safe:
        made.append(f"{len(safe)} requests failed that were safe to send again: {dict(summary(safe, 1).kinds)}")
    return made
