"""Kueue's workloads, as `kubectl get workloads --all-namespaces -o json` prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .cells import NAN, instant
from .draft import Draft
from .records import Record, items_of, load_json, read_items

COMMAND = "kubectl get workloads.kueue.x-k8s.io --all-namespaces -o json"
"""How to export what this reads."""

_QUANTITY = re.compile(r"([0-9.]+)(m|k|M|G|)")
_SCALE = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


def sniff(head: bytes, _path: Path) -> bool:
    """Kueue's name stands in every workload."""
    return head.lstrip().startswith(b"{") and b"kueue.x-k8s.io" in head


def read(data: bytes, source: str) -> Draft:
    """Finished workloads: from creation to admission they waited, then they ran. The queue is the team."""
    listed = items_of(load_json(data, source), source, "Kueue workloads")
    return read_items(listed, _read_item, "not as Kueue writes it")


def _read_item(item: Mapping[str, Any]) -> Record | str:
    done = _conditions(item)
    if "Admitted" not in done:
        return "never admitted"
    if "Finished" not in done:
        return "not finished yet"
    return _record(item, done)


def _conditions(item: Mapping[str, Any]) -> dict[str, float]:
    """When each condition that holds began to (Unix seconds)."""
    found = (item.get("status") or {}).get("conditions") or []
    return {c["type"]: _time(c.get("lastTransitionTime")) for c in found if c.get("status") == "True"}


def _time(text: Any) -> float:
    try:
        return instant(text)
    except (TypeError, ValueError):
        return NAN


def _record(item: Mapping[str, Any], done: Mapping[str, float]) -> Record:
    about, spec = item.get("metadata") or {}, item.get("spec") or {}
    asked = list(_requests(spec))
    limit = spec.get("maximumExecutionTimeSeconds")
    return Record(
        job_id=f"{about.get('namespace', '')}/{about.get('name', '')}",
        submit_s=_time(about.get("creationTimestamp")),
        run_s=done["Finished"] - done["Admitted"],
        gpus=sum(amount for name, amount in asked if name.endswith("/gpu")),
        cpus=sum(amount for name, amount in asked if name == "cpu"),
        team=str(spec.get("queueName") or ""),
        user=str(about.get("namespace") or ""),
        priority=float(spec.get("priority") or 0),
        hint_s=NAN if limit is None else float(limit),
    )


def _requests(spec: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """What each container asks for, times the pods of its set.

    Kubernetes takes a limit for a request that is not there.
    """
    for pods in spec.get("podSets") or []:
        count = float(pods.get("count", 1))
        for container in ((pods.get("template") or {}).get("spec") or {}).get("containers") or []:
            resources = container.get("resources") or {}
            asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
            yield from ((name, count * _quantity(amount)) for name, amount in asked.items())


def _quantity(amount: Any) -> float:
    """A number of `8`, `500m`. What is none counts as nothing; memory is not counted anyway."""
    match = _QUANTITY.fullmatch(str(amount))
    return float(match[1]) * _SCALE[match[2]] if match else 0.0
