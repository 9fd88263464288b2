"""What a demo leaves on the screen: the jobs, what everything cost, and how else it could have gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text

from ..backtest.counterfactual import ALWAYS
from ..domain.answers import Bill, Comparison
from .cost_tables import unplaced, ways_table
from .demo_look import JobLine
from .demo_panels import loss
from .demo_site import PRICES_SAY, TEAMS
from .grid import Grid, status
from .text import age, dollars, plain


def summary(jobs: Sequence[JobLine], cost: Bill) -> RenderableType:
    """A line a job, then what belongs to none, then the sum: that of all nodes."""
    table = Grid("JOB", "TEAM", "ENDED", "RAN ON", ">WAIT", ">RUN", ">COST", "LOSS", "WHY", drop=("TEAM", "LOSS"))
    by_job = costs_by_job(cost)
    for job in jobs:
        table.add(
            *(plain(job.submission_id), plain(job.team), status(job.status), plain(job.pool)),
            *(age(job.wait_s), age(job.run_s), dollars(by_job.get(job.submission_id)), loss(job), plain(job.why)),
        )
    for row in cost.rows:
        if row.kind != "job":
            what = f"{plain(row.pool)} {row.kind}"
            table.add(what, "", "", "", "", age(row.node_seconds), dollars(row.usd), "", "", style="dim")
    total, nodes = dollars(cost.total_usd), f"all nodes: {dollars(cost.node_total_usd)}"
    table.add("total", "", "", "", "", "", total, "", nodes, style="bold")
    return Group(_title("What happened"), table, Text(f"{PRICES_SAY}.", style="dim"))


def comparison_table(rows: Sequence[Comparison]) -> RenderableType:
    """The ways, one below the other, and what to know before they are compared."""
    ways = [asdict(row) for row in rows]
    return Group(ways_table(ways), Text("\n".join([*_caveats(), *unplaced(ways)]), style="dim"))


def _caveats() -> list[str]:
    stay = [team for team, may in TEAMS.items() if not may]
    measured = "The replays go through the placement code that ran above, with the run times measured above"
    return [
        f"{measured}, where both pools shared this machine's cores.",
        "On-prem is charged from the first submit to the last end.",
        f"'{ALWAYS}' owns nothing, rents a node for every job at once, and sends out {', '.join(stay)}'s work too.",
    ]


def costs_by_job(cost: Bill) -> dict[str, float]:
    """US dollars by submission id, over all pools."""
    found: dict[str, float] = {}
    for row in cost.rows:
        if row.job is not None:
            found[row.job] = found.get(row.job, 0.0) + row.usd
    return found


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")
