"""What a comparison shows: one row for each way in which the same work could have gone, or did go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from ..domain.answers import Comparison
from .trace import JobRun, Replay, makespan_s


def row(label: str, runs: Sequence[JobRun], baseline_usd: float, cloud_usd: float, *, unplaced: int = 0) -> Comparison:
    """The figures of one way; for what really happened, with runs and spend taken from the ledger."""
    waits = [run.wait_s for run in runs] or [0.0]
    return Comparison(
        label=label,
        jobs=len(runs),
        burst_jobs=sum(run.burst for run in runs),
        unplaced=unplaced,
        baseline_usd=baseline_usd,
        cloud_usd=cloud_usd,
        total_usd=baseline_usd + cloud_usd,
        mean_wait_s=fmean(waits),
        max_wait_s=max(waits),
        mean_jct_s=fmean([run.jct_s for run in runs] or [0.0]),
        makespan_s=makespan_s(tuple(runs)),
    )


def compare(replays: Mapping[str, Replay]) -> tuple[Comparison, ...]:
    """One row for each replay, in the order given."""
    return tuple(
        row(label, r.runs, r.baseline_usd, r.cloud_usd, unplaced=len(r.unplaced)) for label, r in replays.items()
    )
