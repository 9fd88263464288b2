"""Traces in JSON: each job on its own, then all together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import BadArgument
from ..columns import Floats
from .cells import NAN, Problems
from .draft import Draft


@dataclass(frozen=True)
class Record:
    """One job as its source tells it. Times are Unix seconds, NaN where nothing is said."""

    job_id: str
    submit_s: float
    run_s: float
    gpus: float
    cpus: float
    team: str = ""
    user: str = ""
    program: str = ""
    priority: float = NAN
    hint_s: float = NAN
    deadline_s: float = NAN
    resumable: float = NAN
    may_burst: float = NAN


def load_json(data: bytes, source: str) -> Any:
    """The JSON of a file. Raises BadArgument."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise BadArgument(f"{source} is no JSON: {error}") from None


def items_of(found: Any, source: str, what: str) -> list[Mapping[str, Any]]:
    """The list of objects, at the top or under `items`. Raises BadArgument."""
    items = found.get("items", found.get("result")) if isinstance(found, Mapping) else found
    if isinstance(items, Mapping):
        items = items.get("result")
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise BadArgument(f"{source} holds no list of {what}")
    return items


def read_items(
    items: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], Record | str], wrong: str
) -> Draft:
    """The draft of all that can be read. `read` gives a record, or why a job is left out."""
    problems, kept = Problems("item"), []
    for at, item in enumerate(items, start=1):
        try:
            found = read(item)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            found = wrong
        if isinstance(found, Record):
            kept.append((at, found))
        else:
            problems.add(f"left out, {found}", [at])
    return together(kept, problems)


def together(records: Sequence[tuple[int, Record]], problems: Problems) -> Draft:
    """The draft of all records, each with its place in the list, counted from 1."""

    def column(name: str) -> Floats:
        return np.array([getattr(record, name) for _, record in records], dtype=np.float64)

    return Draft(
        ids=[record.job_id for _, record in records],
        lines=np.array([at for at, _ in records], np.int64),
        submit_s=column("submit_s"),
        run_s=column("run_s"),
        gpus=column("gpus"),
        cpus=column("cpus"),
        team=[record.team for _, record in records],
        user=[record.user for _, record in records],
        program=[record.program for _, record in records],
        priority=column("priority"),
        hint_s=column("hint_s"),
        deadline_s=column("deadline_s"),
        resumable=column("resumable"),
        may_burst=column("may_burst"),
        problems=problems,
    )
