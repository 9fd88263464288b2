"""In which order ways to run a job are shown."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from spillover.cli.explain_tables import offers_table


def offer(pool: str, cost_usd: float | None, **more: Any) -> dict[str, Any]:
    return {"pool": pool, "node_type": "gpu", "nodes": 1, "cost_usd": cost_usd, "out": "", "chosen": False, **more}


def test_what_has_no_cost_comes_last() -> None:
    """The chosen one first, then by cost; of those that are out, the ones that never could be taken stand last."""
    offers = [
        offer("never", None, out="too small"),
        offer("full", 9.0, out="full now"),
        offer("dear", 5.0),
        offer("taken", 7.0, chosen=True),
    ]
    console = Console(width=200, record=True)
    console.print(offers_table(offers, 0.0))
    rows = [line.split() for line in console.export_text().splitlines() if " gpu " in line]
    assert [row[1] if row[0] == "✔" else row[0] for row in rows] == ["taken", "dear", "full", "never"]
    assert "-" in rows[-1]
