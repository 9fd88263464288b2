"""Clean histories to start from: each test breaks one thing of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chaos.check_machines import EXPIRES, FIRST_S, INSTALLATION, LEASE, POOL
from chaos.records import Beat, Instance, Told, ToldAttempt

TAGS: Mapping[str, str] = {INSTALLATION: "ours", POOL: "cloud", LEASE: "l1", EXPIRES: "1100", FIRST_S: "60"}


def beats_of(job: str, first: float, last: float, *, run: str = "r1", attempt: str = "", code: int | None = 0) -> list[Beat]:
    """A run that beats every half second; with `code` None it has no end of its own."""
    said = Beat(job, attempt or job, run, "h1", "start", first)
    count = round((last - first) * 2)
    beats = [said, *(replace(said, kind="beat", at=first + n / 2, step=n) for n in range(1, count + 1))]
    return beats if code is None else [*beats, replace(said, kind="end", at=last, step=count, code=code)]


def machine(**changes: object) -> Instance:
    """Launched at 1000 with a lease until 1100, ended at 1090."""
    made = Instance("i-1", launched=1000.0, ended=1090.0, tag_history=((1000.0, TAGS),))
    return replace(made, **changes)  # type: ignore[arg-type]


def renewed(*ends: tuple[float, str]) -> tuple[tuple[float, Mapping[str, str]], ...]:
    """A tag history: created with TAGS, then the lease's end was written anew."""
    return ((1000.0, TAGS), *((at, {**TAGS, EXPIRES: end}) for at, end in ends))


def told(job: str, status: str, *outcomes: str, pool: str = "cloud", message: str = "") -> Told:
    """What Spillover says, with one attempt for each outcome: each takes ten seconds, from 1000 on."""
    attempts = tuple(
        ToldAttempt(job if n == 0 else f"{job}-a{n + 1}", pool, 1000.0 + 10 * n, outcome, 1010.0 + 10 * n)
        for n, outcome in enumerate(outcomes)
    )
    return Told(job, status, message, attempts)
