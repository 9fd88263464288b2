"""What the checker knows. Times are Unix seconds; all hosts of a run share one kernel, and so one clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

BeatKind = Literal["start", "beat", "end"]

FINAL = frozenset({"succeeded", "failed", "stopped"})


@dataclass(frozen=True, slots=True)
class Beat:
    """A line that a job's own process sent. `run` is the process: two runs under one attempt id are told apart."""

    job: str
    attempt: str
    run: str
    host: str
    kind: BeatKind
    at: float
    step: int = 0
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What a job was told to do: so many steps of half a second, then exit with this code."""

    job: str
    steps: int
    code: int = 0
    resumable: bool = False
    markets: str = ""


@dataclass(frozen=True, slots=True)
class ToldAttempt:
    """What Spillover says of an attempt."""

    attempt: str
    pool: str
    committed_at: float
    outcome: str | None = None
    ended_at: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What Spillover says of a job."""

    job: str
    status: str
    message: str = ""
    attempts: tuple[ToldAttempt, ...] = ()

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine as it truly is or was. `tag_history` starts with the tags of the call that created it."""

    id: str
    launched: float
    ended: float | None = None
    end_cause: str = ""
    market: str = ""
    type: str = ""
    ip: str = ""
    tag_history: tuple[tuple[float, Mapping[str, str]], ...] = field(default=(), hash=False)


@dataclass(frozen=True, slots=True)
class BillRow:
    """What an instance costs by the cloud's own clock."""

    id: str
    seconds: float
    usd: float


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What Spillover has booked on a node, summed over its entries."""

    node_id: str
    seconds: float
    nano_usd: int


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold. `subject` is the job or machine; one is reported once."""

    invariant: str
    subject: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        return self.invariant, self.subject

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject}: {self.text}"


def instance_of(row: Mapping[str, object]) -> Instance:
    """From a row of the fake cloud's truth."""
    return Instance(
        id=str(row["id"]),
        launched=float(row["launched"]),  # type: ignore[arg-type]
        ended=None if row.get("ended") is None else float(row["ended"]),  # type: ignore[arg-type]
        end_cause=str(row.get("end_cause") or ""),
        market=str(row.get("market") or ""),
        type=str(row.get("type") or ""),
        ip=str(row.get("ip") or ""),
        tag_history=tuple((float(at), dict(tags)) for at, tags in _history(row)),
    )


def _history(row: Mapping[str, object]) -> Iterable[tuple[float, Mapping[str, str]]]:
    history: Iterable[tuple[float, Mapping[str, str]]] = row["tag_history"]  # type: ignore[assignment]
    return history
