"""What a job's metadata says to Spillover, from typed arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..errors import BadArgument
from .arguments import (
    Duration,
    Names,
    Workers,
    boolean_text,
    data_text,
    duration_text,
    instant_text,
    markets_text,
    names_text,
    priority_text,
    word,
    workers_text,
)

_PREFIX = "spillover/"
_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "workers": workers_text,
    "runtime": duration_text,
    "max_runtime": duration_text,
    "deadline": instant_text,
    "priority": priority_text,
    "team": word,
    "pools": names_text,
    "regions": names_text,
    "markets": markets_text,
    "needs": names_text,
    "data": data_text,
    "resumable": boolean_text,
}


def job_metadata(
    *,
    workers: Workers | None = None,
    runtime: Duration | None = None,
    max_runtime: Duration | None = None,
    deadline: datetime | str | None = None,
    priority: int | str | None = None,
    team: str | None = None,
    pools: Names | None = None,
    regions: Names | None = None,
    markets: Names | None = None,
    needs: Names | None = None,
    data: str | None = None,
    resumable: bool | None = None,
) -> dict[str, str]:
    """The metadata to submit a job with: `JobSubmissionClient(...).submit_job(..., metadata=job_metadata(...))`.

    Raises BadArgument, a ValueError, that names every mistake. What only the server knows, it checks: names of pools
    and teams, and whether the token may submit for the team.

    Args:
        workers: The gang, with its shape: `"4x{GPU:2,CPU:16}"`, one bundle `{"GPU": 2, "memory": "64GiB"}`, or
            `[(4, {"GPU": 2}), (1, {"CPU": 8})]`.
        runtime: Expected run time, for the forecast: a timedelta, seconds, or `"2h"`.
        max_runtime: Hard stop, and the worst case for budgets.
        deadline: Must be done by then: a datetime with its time zone, or `"2026-12-01T08:00Z"`.
        priority: `"low"`, `"normal"`, `"high"`, or -1000 to 1000.
        team: The account that pays.
        pools: Pools where it may run, a hard rule: `["onprem", "aws"]` or `"onprem,aws"`.
        regions: Regions where it may run, a hard rule.
        markets: Of `"owned"`, `"on_demand"` and `"spot"`, those where it may run: a hard rule.
        needs: What the pool must provide, a hard rule: `["nfs:/data", "internet"]`.
        data: Where its data lives and how much there is: `"s3://bucket/set=120GB"`.
        resumable: True: it checkpoints, and may be moved or run again.

    """
    return _written(
        workers=workers,
        runtime=runtime,
        max_runtime=max_runtime,
        deadline=deadline,
        priority=priority,
        team=team,
        pools=pools,
        regions=regions,
        markets=markets,
        needs=needs,
        data=data,
        resumable=resumable,
    )


def _written(**said: Any) -> dict[str, str]:
    metadata, mistakes = {}, []
    for name, value in said.items():
        if value is None:
            continue
        try:
            metadata[_PREFIX + name.replace("_", "-")] = _WRITERS[name](value)
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise BadArgument("; ".join(mistakes))
    return metadata
