"""What a backtest says: one summary a run, what it was run on, and how it can be run again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .world import World

FORMAT = 1
"""Of the JSON of record. It grows by one when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Spread:
    """How a duration is spread over jobs, in seconds."""

    mean_s: float
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True)
class Group:
    """The counted jobs of one team, size or length: who waits, and who spends.

    `gpu_h` is what they ran for in all, `slowdown` the mean of (wait + run time) / run time, where run times below
    10 s count as 10 s. `cloud_usd` is each job's own part of the bill.
    """

    name: str
    jobs: int
    gpu_h: float
    wait: Spread
    slowdown: float
    cloud_gpu_h: float
    cloud_usd: float
    bursts: int
    moves: int
    interruptions: int
    misses: int


@dataclass(frozen=True)
class Curves:
    """The state of the world at regular moments of a run, for plots: one entry a moment.

    `at_s` are seconds from the trace's begin. `queued` counts waiting jobs, `queued_gpus` what they ask; `owned_gpus`
    and `cloud_gpus` are in use; `spent_usd` is the cloud's bill so far.
    """

    at_s: tuple[float, ...]
    queued: tuple[float, ...]
    queued_gpus: tuple[float, ...]
    owned_gpus: tuple[float, ...]
    cloud_gpus: tuple[float, ...]
    spent_usd: tuple[float, ...]


@dataclass(frozen=True)
class Run:
    """One policy under one choice of settings, on the whole trace. Money is US dollars.

    `jobs` are those that count (see `Record.left_out_of_figures`). `wait` is JCT less run time, `jct` from submission
    to the end. `cloud_usd` is the cloud's bill, `egress_usd` of it what left the building; `owned_usd` is what the
    owned nodes cost over the time of the replay, and `total_usd` both. `bursts` count jobs that ran on rented nodes at
    all, `on_both` those of them that ran on owned ones too. `unplaced` jobs had not ended when the replay did.
    `utilisation` is the busy share of the owned accelerators from the first submission to the last. `wait_at` are the
    waits in seconds that 0, 1, ... 100% of the jobs stay under. `vs_no_wait` is the cloud's bill over that of bursting
    at once, None where no such run is at hand; `cheapest` says that no other run has both less wait and a smaller bill.
    `bound_usd` is the smallest cloud bill that any policy could have at that mean wait, None where it was not asked.
    `coverage_80` is the share of jobs whose run time fell in its 80% interval, None where none was given;
    `coverage_by_quarter` is the same for each quarter of the jobs in the order of submission, empty where none was.
    """

    policy: str
    settings: Mapping[str, object]
    label: str
    jobs: int
    wait: Spread
    jct: Spread
    slowdown: float
    cloud_usd: float
    egress_usd: float
    owned_usd: float
    total_usd: float
    cloud_gpu_h: float
    owned_gpu_h: float
    bursts: int
    on_both: int
    moves: int
    interruptions: int
    misses: int
    unplaced: int
    utilisation: float
    wait_at: tuple[float, ...]
    by_team: tuple[Group, ...]
    by_size: tuple[Group, ...]
    by_length: tuple[Group, ...]
    curves: Curves
    decisions: int
    wall_s: float
    jobs_per_s: float
    coverage_80: float | None = None
    coverage_by_quarter: tuple[float, ...] = ()
    cheapest: bool = False
    vs_no_wait: float | None = None
    bound_usd: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PricePoint:
    """One run played again with the cloud's prices times `factor`: the policy sees these prices and decides anew."""

    policy: str
    label: str
    factor: float
    cloud_usd: float
    mean_wait_s: float


@dataclass(frozen=True)
class TraceFacts:
    """What was replayed. `left_out` says in sentences what the reader could not use, with counts and lines."""

    source: str
    sha256: str
    format: str
    jobs: int
    begins_at: float
    span_s: float
    gpu_h: float
    load: float
    mean_gpus: float
    movable_share: float
    teams: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """By what the figures can be made again. `made_at` is Unix seconds, `wall_s` the time of all runs together.

    `commit` is None outside of a checkout. `left_out_of_figures` are the first and the last so many jobs: they are
    played, and not counted. `notes` say in sentences where prices, sizes and spot zones come from. `command` is the
    command line that makes the same figures again, empty where they were made from Python.
    """

    version: str
    commit: str | None
    made_at: float
    wall_s: float
    workers: int
    seed: int
    movable: float | None
    left_out_of_figures: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Bound:
    """No schedule whose mean wait is `wait_s` or less has a smaller cloud bill, not even a clairvoyant's."""

    wait_s: float
    cloud_usd: float


@dataclass(frozen=True)
class Results:
    """A whole backtest. `runs` are sorted by policy, then by the cloud's bill; `bounds`, where given, by wait."""

    trace: TraceFacts
    world: World
    runs: tuple[Run, ...]
    record: Record
    price_points: tuple[PricePoint, ...] = ()
    bounds: tuple[Bound, ...] = ()

    def policies(self) -> tuple[str, ...]:
        """The policies that were run, each once, in the order of `runs`."""
        return tuple(dict.fromkeys(run.policy for run in self.runs))

    def frontier(self, policy: str) -> tuple[Run, ...]:
        """The policy's runs that none of its own beats in both wait and bill, by mean wait."""
        return tuple(sorted(_best([r for r in self.runs if r.policy == policy]), key=lambda run: run.wait.mean_s))

    def as_json(self) -> dict[str, Any]:
        """The JSON of record: plain values, infinite ones and those without meaning as null."""
        return {"format": FORMAT, **plain(asdict(self))}


def _best(runs: Sequence[Run]) -> list[Run]:
    """Those that no other has less of both: mean wait and cloud bill."""
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.wait.mean_s, run.cloud_usd)):
        if not kept or run.cloud_usd < kept[-1].cloud_usd:
            kept.append(run)
    return kept


def cheapest_runs(runs: Sequence[Run]) -> list[Run]:
    """The frontier over all policies."""
    return _best(runs)


def plain(value: Any) -> Any:
    """A value as JSON has it: infinite numbers and those without meaning as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
