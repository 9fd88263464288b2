"""No job lost: each accepted one is known, has ended, and ended as its script did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .records import Script, Told, ToldAttempt, Violation
from .runs import Run

MAX_ATTEMPTS = 5
"""The setting `max_attempts` of a chaos run: so many losses end even a job that can resume."""


def unknown(accepted: Iterable[str], told: Mapping[str, Told]) -> list[Violation]:
    """Accepted jobs of which Spillover knows nothing. Can be asked at any moment at which it answers."""
    return [Violation("job_lost", job, "accepted, and Spillover does not know it") for job in accepted if job not in told]


def unended(accepted: Iterable[str], told: Mapping[str, Told]) -> list[Violation]:
    """Accepted jobs that have not ended although everything has had the time to settle."""
    return [
        Violation("job_lost", job, f"never ended: {told[job].status}: {told[job].message}")
        for job in accepted
        if job in told and not told[job].final
    ]


def wrong_ends(scripts: Mapping[str, Script], told: Mapping[str, Told], runs: Mapping[str, Sequence[Run]]) -> list[Violation]:
    """Jobs whose end, as Spillover tells it, is not what their script did."""
    found = []
    for job, said in told.items():
        if job in scripts and said.final:
            why = _wrong(scripts[job], said, runs.get(job, ()))
            if why:
                found.append(Violation("wrong_outcome", job, f"told '{said.status}' ({said.message[:200]}), but {why}"))
    return found


def _wrong(script: Script, said: Told, runs: Sequence[Run]) -> str:
    last = runs[-1] if runs else None
    reached = last is not None and last.ended
    if said.status == "stopped":
        return "nobody stopped it"
    if said.status == "succeeded":
        return "" if reached and script.code == 0 else f"its script was to exit with {script.code}; its runs: {_list(runs)}"
    if losses(said):
        return _wrong_loss(script, said)
    return "" if reached and script.code != 0 else f"its script was to exit with {script.code}; its runs: {_list(runs)}"


def _wrong_loss(script: Script, said: Told) -> str:
    lost = len(losses(said))
    if said.attempts[-1].outcome != "lost":
        return "its last attempt was not lost"
    if script.resumable and lost < MAX_ATTEMPTS:
        return f"it can resume, and was lost {lost} times of {MAX_ATTEMPTS}"
    return ""


def losses(said: Told) -> list[ToldAttempt]:
    """The attempts that are said to have been lost; none if the last one ended in another way."""
    if not said.attempts or said.attempts[-1].outcome != "lost":
        return []
    return [attempt for attempt in said.attempts if attempt.outcome == "lost"]


def causeless(told: Iterable[Told], blows: Iterable[tuple[str, float]], reach_s: float) -> list[Violation]:
    """Attempts called lost although nothing had hit their pool from their start on.

    `blows` are what can kill work: (pool, when). An attempt may be called lost up to `reach_s` after one.
    """
    hits = list(blows)
    found = []
    for said in told:
        for attempt in said.attempts:
            if attempt.outcome == "lost" and not _hit(attempt, hits, reach_s):
                text = f"{attempt.attempt} on pool {attempt.pool}: {attempt.message[:200]}"
                found.append(Violation("lost_without_cause", attempt.attempt, text))
    return found


def _hit(attempt: ToldAttempt, blows: Iterable[tuple[str, float]], reach_s: float) -> bool:
    ended = attempt.ended_at if attempt.ended_at is not None else float("inf")
    # A blow just before the attempt began counts too: it may take seconds until a dead node is missed
    return any(p == attempt.pool and attempt.committed_at - reach_s <= at <= ended for p, at in blows)


def _list(runs: Iterable[Run]) -> str:
    return "; ".join(f"{run}{f' ended with {run.code}' if run.ended else ''}" for run in runs) or "none"
