"""The columns that a CSV or Parquet trace may have, and their other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ...errors import BadArgument
from ..columns import Bools, Floats
from .cells import Cells, durations, instants, numbers, truths

Read = Callable[[Cells], tuple[Floats, Bools]]


@dataclass(frozen=True)
class Field:
    """One column: how it is read (None: text), its meaning for people, and what else it is called."""

    meaning: str
    read: Read | None = None
    aliases: tuple[str, ...] = ()


FIELDS: dict[str, Field] = {
    "job_id": Field("its name; else the line", None, ("id", "job", "jobid", "job_name", "name", "submission_id")),
    "submit_s": Field(
        "when it was submitted: seconds from any begin, Unix seconds, or ISO 8601. Required",
        instants,
        ("submit", "submit_time", "submitted_at", "submission_time", "submitted", "arrival_s", "arrival_time", "time"),
    ),
    "duration_s": Field(
        "how long it ran: seconds, or `90s`, `2h`. Required, or `start_s` and `end_s`",
        durations,
        ("duration", "run_s", "run_time", "runtime", "runtime_s", "run_time_s", "elapsed", "elapsed_s"),
    ),
    "start_s": Field("when it started, as `submit_s`", instants, ("start", "start_time", "started_at")),
    "end_s": Field("when it ended, as `submit_s`", instants, ("end", "end_time", "ended_at", "finish_time")),
    "gpus": Field(
        "GPUs of the whole gang; fractions are kept. Required, or `cpus`",
        numbers,
        ("gpu", "num_gpus", "gpu_num", "n_gpus", "gpu_count", "gpus_requested"),
    ),
    "cpus": Field("its CPUs; counted where no job has GPUs", numbers, ("cpu", "num_cpus", "cpu_num", "n_cpus")),
    "team": Field("the account that pays", None, ("vc", "account", "group", "queue", "project", "tenant")),
    "user": Field("who submitted it", None, ("username", "user_id", "owner")),
    "program": Field("what it runs: jobs of the same are alike", None, ("entrypoint", "command", "script", "image")),
    "hint_s": Field(
        "the user's own estimate of its run time, as `duration_s`",
        durations,
        ("runtime_hint_s", "hint", "timelimit", "timelimit_s", "time_limit", "requested_s", "walltime"),
    ),
    "deadline_s": Field("until when it must be done: seconds after submission, or a time", instants, ("deadline",)),
    "priority": Field("higher goes first", numbers, ("prio",)),
    "resumable": Field("whether it may be moved and interrupted: true or false", truths, ("movable", "preemptible")),
    "may_burst": Field("whether it may leave the owned nodes: true (as without this column) or false", truths, ()),
    "status": Field("how it ended; not used, since what failed took its room too", None, ("state", "outcome")),
}

_NAMES = {alias: name for name, field in FIELDS.items() for alias in (name, *field.aliases)}


def known_columns(header: Sequence[str], source: str) -> tuple[dict[str, int], list[str]]:
    """Where each known column stands, and those that are unknown. Raises BadArgument for what is missing.

    Of two columns with the same meaning, the one that has our own name counts, else the first.
    """
    found: dict[str, int] = {}
    for at, title in enumerate(header):
        name = _NAMES.get(_plain(title))
        if name and (name not in found or _plain(title) == name):
            found[name] = at
    unknown = [title for at, title in enumerate(header) if at not in found.values() and title.strip()]
    _complete(found, header, unknown, source)
    return found, unknown


def _plain(title: str) -> str:
    return title.strip().lstrip("\ufeff").lower().replace(" ", "_").replace("-", "_")


def _complete(found: Mapping[str, int], header: Sequence[str], unknown: Sequence[str], source: str) -> None:
    missing = [] if "submit_s" in found else ["submit_s"]
    if "duration_s" not in found and not {"start_s", "end_s"} <= found.keys():
        missing.append("duration_s")
    if not {"gpus", "cpus"} & found.keys():
        missing.append("gpus")
    if missing:
        there = ", ".join(f"'{title}'" for title in header)
        wanted = " and ".join(f"'{name}'{_meant(name, unknown)}" for name in missing)
        raise BadArgument(f"{source} has no column {wanted}; it has {there}")


def _meant(name: str, unknown: Sequence[str]) -> str:
    """The unknown column that was probably meant."""
    by_plain = {_plain(title): title for title in unknown}
    for spelling in (name, *FIELDS[name].aliases):
        near = get_close_matches(spelling, by_plain, n=1)
        if near:
            return f" (did you mean it by '{by_plain[near[0]]}'? Then rename that)"
    return ""
