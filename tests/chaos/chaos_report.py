"""What a chaos run found: a table by type of fault, and build/soak.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .chaos_run import Result
from .records import Violation
from .timeline import Happened

AFTER_S = 60.0
"""What is seen so long after a fault is counted with it, among others perhaps."""


def summary(result: Result) -> dict[str, Any]:
    """The whole run as JSON."""
    ends = Counter(told.status for told in result.told.values())
    attempts = [attempt for told in result.told.values() for attempt in told.attempts]
    return {
        "seed": result.seed,
        "soak_minutes": round(result.seconds / 60, 2),
        "soak_violations": len(result.violations),
        "ledger_vs_bill_error": result.ledger_error_usd,
        "jobs": dict(ends),
        "runs": len(result.runs),
        "attempts": dict(Counter(attempt.outcome or "live" for attempt in attempts)),
        "machines": len(result.instances),
        "machines_ended_by": dict(Counter(instance.end_cause or "not ended" for instance in result.instances)),
        "billed_s": sum(row.seconds for row in result.bill),
        "billed_usd": sum(row.usd for row in result.bill),
        "faults": by_fault(result),
        "violations": [{"at": at, "invariant": v.invariant, "subject": v.subject, "text": v.text} for at, v in result.violations],
    }


def by_fault(result: Result) -> dict[str, dict[str, Any]]:
    """For each type: how often, how long, and what was seen under it and shortly after."""
    lost = [a.ended_at for told in result.told.values() for a in told.attempts if a.outcome == "lost" and a.ended_at]
    ended = [instance.ended for instance in result.instances if instance.ended]
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({one.fault.kind for one in result.happened}):
        mine = [one for one in result.happened if one.fault.kind == kind]
        found[kind] = {
            "injected": sum(bool(one.hit) for one in mine),
            "found_nothing_to_hit": sum(not one.hit for one in mine),
            "minutes": round(sum(one.lasted_s for one in mine) / 60, 2),
            "attempts_lost": _within(mine, lost),
            "machines_ended": _within(mine, ended),
            "violations": _within(mine, [at for at, _ in result.violations]),
        }
    return found


def _within(happened: Iterable[Happened], times: Iterable[float]) -> int:
    spans = [(one.at, (one.until or one.at) + AFTER_S) for one in happened if one.hit]
    return sum(any(first <= at <= last for first, last in spans) for at in times)


def table(found: dict[str, Any]) -> str:
    """For people."""
    head = ("fault", "injected", "minutes", "attempts lost", "machines ended", "violations")
    rows = [head]
    for kind, one in found["faults"].items():
        keys = ("injected", "minutes", "attempts_lost", "machines_ended", "violations")
        rows.append((kind, *(f"{one[key]:g}" for key in keys)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.append(
        f"seed {found['seed']}: {found['soak_minutes']} minutes, {sum(found['jobs'].values())} jobs {found['jobs']}, "
        f"{found['machines']} machines, {found['billed_usd']:.6f} USD billed, "
        f"ledger off by {found['ledger_vs_bill_error']:.9f} USD, {found['soak_violations']} violations"
    )
    return "\n".join(lines)


def tell(violations: Iterable[tuple[float, Violation]]) -> str:
    """One line for each."""
    return "\n".join(str(violation) for _, violation in violations)


def write(found: dict[str, Any], file: Path) -> None:
    """build/soak.json."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")
