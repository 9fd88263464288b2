"""A long queue as a busy team has it: the same jobs as placement sees them, and as rows of a store."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path

from placement_builders import cloud, down, node_type, onprem, res, up
from sqlalchemy import insert

from spillover.adapters.sql_rows import job_row
from spillover.adapters.sql_store import SqlStore
from spillover.adapters.sql_tables import jobs as jobs_table
from spillover.domain.job import Hints, Job, SubmitRequest
from spillover.domain.pool import Market
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.snapshot import LiveWork, PastWait, PoolView, QueuedJob, Snapshot

NOW = 1_800_000_000.0
OLDEST_S = 6 * 3600.0
"""The age of the oldest job in the queue."""

_GANGS = (
    *("1x{CPU:2}", "1x{CPU:8}", "2x{CPU:4}", "4x{CPU:8}", "16x{CPU:2}", "1x{CPU:4,memory:16000000000}"),
    *("1x{GPU:1,CPU:8}", "2x{GPU:1,CPU:8}", "4x{GPU:1,CPU:8}", "1x{GPU:8,CPU:64}", "4x{GPU:8,CPU:64}"),
    *("1x{GPU:2,CPU:16}", "4x{GPU:2,CPU:16}"),
)
_DRIVERS = ({"CPU": 1}, {"CPU": 4}, {"CPU": 16}, {"CPU": 4, "GPU": 1}, {"CPU": 8, "memory": 3.2e10})
# Equal demands and hints are one object, as the store's decoding has it.
_DEMANDS = (*(Demand(parse_bundles(gang)) for gang in _GANGS), *(Demand((), Resources(d)) for d in _DRIVERS))
_HINTS = (
    *([Hints()] * 16),
    Hints(pools=("onprem", "onprem-cpu", "aws")),
    Hints(markets=("owned", "spot")),
    Hints(regions=("eu",)),
    Hints(needs=("internet",)),
)
_SAID_S = (300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0)
_TEAMS = ("red", "green", "blue", "search", "vision")
_PROGRAMS = 200
_INTERNET = frozenset({"internet"})


def some_jobs(count: int) -> list[Job]:
    """Jobs of five teams and three priorities that have waited for up to six hours; the same at every call."""
    chance = random.Random(7)
    gap_s = OLDEST_S / count
    return [_job(number, NOW - OLDEST_S + number * gap_s, chance) for number in range(count)]


def _job(number: int, submitted_at: float, chance: random.Random) -> Job:
    return Job(
        submission_id=f"raysubmit_{number:016d}",
        request=SubmitRequest(f"python train_{chance.randrange(_PROGRAMS)}.py"),
        user=f"user{chance.randrange(30)}",
        team=chance.choice(_TEAMS),
        priority=chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 100, -100)),
        demand=chance.choice(_DEMANDS),
        demand_source="declared by spillover/workers",
        hints=chance.choice(_HINTS),
        submitted_at=submitted_at,
        message="Waits to be placed.",
    )


def long_queue(count: int) -> Snapshot:
    """The jobs as placement sees them, before two full pools of the team's own and three rented ones that are down.

    Every job can run on one of the team's own. A fifth may not burst. Half of the run times are round numbers that people said, half are what earlier runs of the same program took.
    """
    chance = random.Random(8)
    learnt_s = {f"python train_{n}.py": chance.uniform(60, 30_000) for n in range(_PROGRAMS)}
    return Snapshot(NOW, tuple(_queued(job, learnt_s, chance) for job in some_jobs(count)), tuple(_pools()))


def _queued(job: Job, learnt_s: dict[str, float], chance: random.Random) -> QueuedJob:
    said = chance.random() < 0.5
    return QueuedJob(
        submission_id=job.submission_id,
        user=job.user,
        team=job.team,
        priority=job.priority,
        submitted_at=job.submitted_at,
        demand=job.demand,
        hints=job.hints,
        runtime_s=chance.choice(_SAID_S) if said else learnt_s[job.request.entrypoint],
        runtime_source="the job's own hint" if said else "median of 20 earlier runs",
        may_burst=job.team != "blue",
    )


def past_waits(count: int) -> tuple[PastWait, ...]:
    """How long earlier jobs waited: up to half a day, and every fifth was rented for."""
    chance = random.Random(9)
    return tuple(
        PastWait(chance.uniform(0.5, 200), chance.uniform(0, 2 * OLDEST_S), 60.0, number % 5 == 0)
        for number in range(count)
    )


def _pools() -> Sequence[PoolView]:
    gpu = node_type("a100", price=9.0, most=16, resources=res(CPU=64, GPU=8, memory=5e11))
    cpu = node_type("epyc", price=1.5, most=24, resources=res(CPU=64, memory=2.5e11))
    own = {"region": "eu", "provides": _INTERNET}
    return (
        up(onprem(gpu, **own), 16, work=_work("g", 32, "4x{GPU:1,CPU:8}")),
        up(onprem(cpu, name="onprem-cpu", **own), 24, work=_work("c", 24, "1x{CPU:64}")),
        *starmap(_rented, (("aws", "us", 4.1), ("gcp", "eu", 4.4), ("azure", "us", 4.6))),
    )


def _rented(name: str, region: str, price: float) -> PoolView:
    large, small = res(CPU=96, GPU=8, memory=7.5e11), res(CPU=32, memory=1.2e11)
    types = (
        node_type("gpu-spot", Market.SPOT, price * 3, 16, resources=large),
        node_type("gpu", Market.ON_DEMAND, price * 8, 16, resources=large),
        node_type("cpu", Market.ON_DEMAND, price / 3, 64, resources=small),
    )
    return down(cloud(*types, name=name, region=region, provides=_INTERNET))


def _work(prefix: str, count: int, shape: str) -> list[LiveWork]:
    demand = Demand(parse_bundles(shape), Resources())
    return [LiveWork(f"{prefix}{n}", _TEAMS[n % len(_TEAMS)], demand, NOW + 600 + 300 * n) for n in range(count)]


def fill_store(folder: Path, count: int) -> None:
    """A state folder with so many queued jobs, written at one go: one commit for each would take minutes."""
    store = SqlStore.in_folder(folder)
    with store._write() as db:
        db.execute(insert(jobs_table), [job_row(job, store._sealer) for job in some_jobs(count)])
    store.close()
