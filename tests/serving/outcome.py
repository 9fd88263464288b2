"""What a fault did to the requests around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.table import Table

from serving.records import Sent, longest_gap, recovered
from serving.seen import POOLS


@dataclass(frozen=True)
class Outcome:
    """What a fault did. `gap_s` is the longest time without a good answer, `recover_s` until the last request that
    failed was due, `whole_s` until replicas on both pools served again; None if they did not in time.
    """

    name: str
    what: str
    requests: int
    failed_safe: int
    failed_unsafe: int
    kinds: Mapping[str, int]
    gap_s: float
    recover_s: float
    whole_s: float | None


def judged(name: str, what: str, sent: Sequence[Sent], struck: float, end: float) -> Outcome:
    """Count what failed at or after the strike; a request that failed before it fails loudly."""
    early = [s for s in sent if not s.well and s.end < struck]
    assert not early, f"{len(early)} requests failed before anything was killed: {early[0]}"
    failed = [s for s in sent if not s.well]
    kinds = dict(Counter(each.error for each in failed).most_common())
    safe = sum(s.safe for s in failed)
    gap_s, recover_s = longest_gap(sent, struck, end), recovered(sent, struck)
    back_s = whole(sent, struck)
    return Outcome(name, what, len(sent), safe, len(failed) - safe, kinds, gap_s, recover_s, back_s)


def whole(sent: Sequence[Sent], struck: float) -> float | None:
    """Seconds until each pool had served a request that came after the strike; None if one never did."""
    first = [min((s.end for s in sent if s.well and s.at >= struck and s.pool == pool), default=None) for pool in POOLS]
    return None if None in first else max(at for at in first if at) - struck


def told(outcome: Outcome) -> str:
    """In a line."""
    whole = "not whole again in time" if outcome.whole_s is None else f"both pools serve after {outcome.whole_s:.0f} s"
    kinds = ", ".join(f"{count} {kind}" for kind, count in outcome.kinds.items())
    return (
        f"{outcome.requests} requests, failed {outcome.failed_safe} safe and {outcome.failed_unsafe} unsafe"
        f"{f' ({kinds})' if kinds else ''}; longest gap {outcome.gap_s:.1f} s; last failure after "
        f"{outcome.recover_s:.1f} s; {whole}"
    )


def fault_table(outcomes: Sequence[Outcome], rate: float) -> Table:
    """Each fault in a line."""
    made = Table(box=SIMPLE, title=f"{rate:g} requests/s, half of them safe to send again; each was sent once")
    for name in (
        "killed",
        "requests",
        "safe failed",
        "unsafe failed",
        "longest gap",
        "last failure",
        "both serve again",
    ):
        made.add_column(name, justify="left" if name == "killed" else "right")
    for each in outcomes:
        whole_s = "never" if each.whole_s is None else f"{each.whole_s:.1f} s"
        made.add_row(
            *(each.name, str(each.requests), str(each.failed_safe), str(each.failed_unsafe)),
            *(f"{each.gap_s:.1f} s", f"{each.recover_s:.1f} s" if each.kinds else "-", whole_s),
        )
    return made
