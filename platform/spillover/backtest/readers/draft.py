"""What a reader found, before it is checked, and the checks that all formats go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import BadArgument
from ..alike import like_columns
from ..columns import Bools, Columns, Floats, Ints
from .cells import Problems

_UNIX = 1e8
"""Submit times above this are Unix seconds (1973 and later), below it seconds from the trace's own begin."""

_MILLISECONDS = 1e11
"""Unix seconds above this are no seconds."""


@dataclass(frozen=True, eq=False)
class Draft:
    """One entry a job, in the source's order. Times are Unix seconds, or count from the trace's begin.

    `lines` say where each job stands in the source. `end_s` less `start_s` is the run time where `run_s` is not known.
    NaN and "": not said. `resumable` and `may_burst` are 1, 0 or NaN. `cpus` of NaN count as none.
    """

    ids: Sequence[str]
    lines: Ints
    submit_s: Floats
    run_s: Floats
    gpus: Floats
    cpus: Floats
    team: Sequence[str]
    user: Sequence[str]
    program: Sequence[str]
    priority: Floats
    hint_s: Floats
    deadline_s: Floats
    resumable: Floats
    may_burst: Floats
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True)
class Reading:
    """How a trace is to be read. `count` is what a gang asks for: `gpus`, `cpus`, or None for what the trace has.

    Where the trace does not say which jobs can be moved, `movable` of them are drawn by `seed`; None draws none.
    """

    count: str | None = None
    movable: float | None = None
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Loaded:
    """A trace that can be played, and in sentences what could not be used and what was assumed.

    `count` is what its gangs ask for: `gpus`, or `cpus`.
    """

    trace: Columns
    format: str
    left_out: tuple[str, ...]
    count: str = "gpus"


def finish(draft: Draft, how: Reading, *, source: str, sha256: str, format_name: str) -> Loaded:
    """Check, sort by submission and number. Raises BadArgument if nothing is left to play."""
    count = how.count or _count(draft)
    asked = np.nan_to_num(draft.gpus if count == "gpus" else draft.cpus)
    draft.problems.add(f"left out, asking for no {count.upper()[:-1]}s", draft.lines[asked == 0])
    if count == "cpus" and not how.count:
        draft.problems.note("no job asks for GPUs: what is counted, and priced, is CPUs")
    kept = _usable(draft, asked)
    if not kept.any():
        raise BadArgument("; ".join([f"{source} has no job that can be played", *draft.problems.sentences()]))
    order = np.flatnonzero(kept)[np.argsort(draft.submit_s[kept], kind="stable")]
    trace = replace(_columns(draft, asked, order), source=source, sha256=sha256)
    resumable, move_note = _resumable(draft.resumable[order], how)
    trace = replace(trace, resumable=resumable)
    notes = [move_note] if move_note else []
    return Loaded(trace, format_name, (*draft.problems.sentences(), *notes), count)


def _count(draft: Draft) -> str:
    """GPUs, unless no job asks for any and some ask for CPUs."""
    return "gpus" if (draft.gpus > 0).any() or not (draft.cpus > 0).any() else "cpus"


def _usable(draft: Draft, asked: Floats) -> Bools:
    """Which jobs can be played; the others are noted with their reason."""
    submit, run = draft.submit_s, draft.run_s
    wrong: dict[str, Bools] = {
        "left out, with no time of submission": ~np.isfinite(submit),
        "left out, submitted after the year 5000 (milliseconds?)": submit > _MILLISECONDS,
        "left out, with no run time": ~np.isfinite(run),
        "left out, ending before they start": run < 0,
        "left out, asking for less than nothing": asked < 0,
    }
    kept: Bools = asked != 0
    for what, rows in wrong.items():
        draft.problems.add(what, draft.lines[rows & kept])
        kept &= ~rows
    return kept


def _columns(draft: Draft, asked: Floats, order: Ints) -> Columns:
    submit = draft.submit_s[order]
    begins_at = float(np.floor(submit[0])) if submit[0] > _UNIX else 0.0
    teams, team = _numbered(draft.team, order)
    users, user = _numbered(draft.user, order)
    may_burst = draft.may_burst[order]
    return Columns(
        ids=_unique(draft, order),
        submit_s=submit - begins_at,
        run_s=draft.run_s[order],
        gpus=asked[order],
        cpus=np.nan_to_num(draft.cpus[order]),
        team=team,
        user=user,
        priority=np.nan_to_num(draft.priority[order]).astype(np.int64),
        hint_s=_positive(draft.hint_s[order]),
        deadline_s=_deadlines(draft.deadline_s[order], submit),
        like=_like(draft, order, submit, team=_known(team, teams), user=_known(user, users)),
        resumable=np.zeros(len(order), bool),
        may_burst=np.where(np.isnan(may_burst), 1.0, may_burst) > 0,
        teams=teams,
        users=users,
        begins_at=begins_at,
    )


def _numbered(names: Sequence[str], order: Ints) -> tuple[tuple[str, ...], Ints]:
    """The names, each once in the order of its first job, and which one each job has."""
    known: dict[str, int] = {}
    numbers = [known.setdefault(names[at], len(known)) for at in order.tolist()]
    return tuple(known), np.array(numbers, np.int64)


def _known(numbers: Ints, names: Sequence[str]) -> Ints:
    """The numbers, -1 for a blank name."""
    return np.where(numbers == names.index(""), -1, numbers) if "" in names else numbers


def _like(draft: Draft, order: Ints, submit: Floats, *, team: Ints, user: Ints) -> Ints:
    """Which jobs are alike, by all that the trace says of them."""
    programs, program = _numbered(draft.program, order)
    gpus, cpus = np.nan_to_num(draft.gpus[order]), np.nan_to_num(draft.cpus[order])
    return like_columns(gpus, cpus, submit, team=team, user=user, program=_known(program, programs))


def _unique(draft: Draft, order: Ints) -> tuple[str, ...]:
    """Ids, those that came before with `#2`, `#3` behind them."""
    ids = [draft.ids[i] for i in order]
    if len(set(ids)) == len(ids):
        return tuple(ids)
    seen: dict[str, int] = {}
    again = []
    for at, name in enumerate(ids):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            ids[at] = f"{name}#{seen[name]}"
            again.append(order[at])
    draft.problems.add("kept under another id, as theirs came before", draft.lines[again])
    return tuple(ids)


def _positive(hint_s: Floats) -> Floats:
    """A hint of no time is no hint."""
    return np.where(hint_s > 0, hint_s, np.nan)


def _deadlines(deadline_s: Floats, submit: Floats) -> Floats:
    """Seconds from submission; a time of day is one on the same clock as the submission."""
    absolute = deadline_s > _UNIX
    return np.where(np.isnan(deadline_s), np.inf, np.where(absolute, deadline_s - submit, deadline_s))


def _resumable(said: Floats, how: Reading) -> tuple[Bools, str]:
    silent = np.isnan(said)
    drawn = np.random.default_rng(how.seed).random(len(said)) < (how.movable or 0.0)
    resumable = np.where(silent, drawn, said > 0)
    if not silent.any():
        return resumable, ""
    who = (
        "the trace does not say which jobs can be moved"
        if silent.all()
        else f"{silent.sum():,} jobs do not say whether they can be moved"
    )
    if how.movable is None:
        return resumable, f"{who}: none of them is; --movable 0.5 draws half of them"
    return resumable, f"{who}: {drawn[silent].mean():.0%} of them can, drawn with seed {how.seed}"
