"""A cluster's jobs, as Ray's Jobs API lists them: `GET /api/jobs/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...domain.resources import Demand, Resources, parse_bundles
from ...units import parse_duration, parse_instant
from .cells import NAN
from .draft import Draft
from .records import Record, items_of, load_json, read_items

COMMAND = 'curl --silent --header "Authorization: Bearer $RAY_AUTH_TOKEN" http://HOST:8265/api/jobs/'
"""How to export what this reads."""

_PREFIX = "spillover/"
_PRIORITIES = {"low": -100.0, "normal": 0.0, "high": 100.0}


def sniff(head: bytes, _path: Path) -> bool:
    """Every job has an entrypoint and a submission_id, if only a null one."""
    return head.lstrip().startswith((b"[", b"{")) and b'"submission_id"' in head and b'"entrypoint"' in head


def read(data: bytes, source: str) -> Draft:
    """Jobs that have ended. Ray keeps one beginning: the wait for resources after it counts as run time.

    What a job asks for comes from its `spillover/workers`, or the resources of its entrypoint.
    """
    listed = items_of(load_json(data, source), source, "Ray jobs")
    return read_items(listed, _read_item, "not as Ray writes it")


def _read_item(item: Mapping[str, Any]) -> Record | str:
    if not item.get("end_time") or not item.get("start_time"):
        return "not ended yet"
    demand = _demand(item)
    return (
        _record(item, demand) if demand else "with neither spillover/workers nor an entrypoint that says what they need"
    )


def _metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item.get("metadata") or {}


def _demand(item: Mapping[str, Any]) -> Resources:
    """The whole gang's resources; empty if nobody says."""
    try:
        return Demand(parse_bundles(str(_metadata(item)[f"{_PREFIX}workers"]))).total()
    except (KeyError, ValueError):
        own = {"GPU": item.get("entrypoint_num_gpus"), "CPU": item.get("entrypoint_num_cpus")}
        named = {**(item.get("entrypoint_resources") or {}), **{k: v for k, v in own.items() if v}}
        return Resources({name: float(amount) for name, amount in named.items()})


def _record(item: Mapping[str, Any], demand: Resources) -> Record:
    begin, said = float(item["start_time"]) / 1000.0, _metadata(item)
    priority = str(said.get(f"{_PREFIX}priority", "normal"))
    return Record(
        job_id=str(item.get("submission_id") or item.get("job_id")),
        submit_s=begin,
        run_s=float(item["end_time"]) / 1000.0 - begin,
        gpus=demand.get("GPU", 0.0),
        cpus=demand.get("CPU", 0.0),
        team=str(said.get(f"{_PREFIX}team", "")),
        user=str(said.get("user", "")),
        program=str(item.get("entrypoint") or ""),
        priority=_PRIORITIES[priority] if priority in _PRIORITIES else _said(said, "priority", float),
        hint_s=_said(said, "runtime", parse_duration),
        deadline_s=_said(said, "deadline", parse_instant),
        resumable={"true": 1.0, "false": 0.0}.get(str(said.get(f"{_PREFIX}resumable")), NAN),
    )


def _said(said: Mapping[str, Any], key: str, read_text: Callable[[str], float]) -> float:
    """NaN for what was not said, or is none."""
    try:
        return read_text(str(said[_PREFIX + key]))
    except (KeyError, ValueError):
        return NAN
