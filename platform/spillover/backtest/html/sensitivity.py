"""What other prices would change: each run billed anew, and which run is the best by what waiting is worth."""

from __future__ import annotations

from collections.abc import Sequence

from ...units import show_duration
from ..results import PricePoint, Results, Run
from .choice import Cast
from .figures import NONE, count, usd
from .markup import Html, el, join, table

FACTORS = (0.5, 1.0, 2.0)
EGRESS = (0.0, 2.0)
WORTH_USD = (0.0, 0.5, 2.0, 5.0, 20.0, 100.0)

_HELD = (
    "Bills are the replayed runs' own GPU-hours and transfers at other prices: every decision stays as it was made at "
    "the prices of the replay, on-demand and spot prices move together, and hard budgets are not applied again. A "
    "policy that weighs dollars would decide otherwise at other prices."
)


def repriced(run: Run, cloud: float, egress: float) -> float:
    """The run's bill, its GPU-hours at `cloud` times and its transfers at `egress` times the price of the replay."""
    return (run.cloud_usd - run.egress_usd) * cloud + run.egress_usd * egress


def best(runs: Sequence[Run], usd_per_hour: float, cloud: float) -> Run:
    """The run with the smallest sum of bill and waiting, an hour of a job's wait taken to cost so much."""
    return min(runs, key=lambda run: repriced(run, cloud, cloud) + _waited_h(run) * usd_per_hour)


def sensitivity(results: Results, cast: Cast) -> Html:
    """Two tables of bills billed anew, and one of runs played anew, where there are such."""
    return join((el("p", _HELD), _bills(cast), _best_runs(results, cast), _again(results.price_points, cast)))


def _bills(cast: Cast) -> Html:
    cases = [(factor, factor) for factor in FACTORS] + [(1.0, factor) for factor in EGRESS]
    ranks = [_ranks(cast.leads, *case) for case in cases]
    rows = [
        (cast.key(run), *(f"{usd(repriced(run, *case))} ({ranks[k][place]})" for k, case in enumerate(cases)))
        for place, run in enumerate(cast.leads)
    ]
    head = ("run", *(f"cloud prices ×{factor:g}" for factor in FACTORS), "egress free", "egress ×2")
    same = all(rank == ranks[FACTORS.index(1.0)] for rank in ranks)
    caption = (
        "The order by bill stays the same at all of these prices." if same else "The order by bill changes with prices."
    )
    return table(head, rows, f"One run a policy, with its place by bill in brackets. {caption}")


def _ranks(runs: Sequence[Run], cloud: float, egress: float) -> list[int]:
    bills = [repriced(run, cloud, egress) for run in runs]
    return [1 + sum(other < bill for other in bills) for bill in bills]


def _best_runs(results: Results, cast: Cast) -> Html:
    """A row for each worth of waiting, a column for each price."""
    rows = [
        (f"{usd(worth)}", *(_choice(best(results.runs, worth, f), f, cast) for f in FACTORS)) for worth in WORTH_USD
    ]
    caption = "Which run to choose: the smallest sum of bill and waiting, if an hour that a job waits is worth so much"
    return table(("an hour of waiting", *(f"cloud prices ×{f:g}" for f in FACTORS)), rows, caption, class_="text")


def _choice(run: Run, factor: float, cast: Cast) -> Html:
    bill = usd(repriced(run, factor, factor))
    return el("span", cast.key(run), el("small", f"{bill}, wait {show_duration(run.wait.mean_s)}"), class_="choice")


def _waited_h(run: Run) -> float:
    return run.wait.mean_s * run.jobs / 3600


def _again(points: Sequence[PricePoint], cast: Cast) -> Html | None:
    """Runs whose policy saw the other prices."""
    if not points:
        return None
    factors = sorted({point.factor for point in points})
    found = {(point.label, point.factor): point for point in points}
    labels = {point.label: point.policy for point in points}
    rows = [
        (cast.legend(policy, label), *(_replayed(found.get((label, factor))) for factor in factors))
        for label, policy in labels.items()
    ]
    caption = (
        f"Played again at {count(len(factors))} prices: the policy sees them and decides anew. Bill, and mean wait"
    )
    return table(("run", *(f"cloud prices ×{factor:g}" for factor in factors)), rows, caption)


def _replayed(point: PricePoint | None) -> str:
    return f"{usd(point.cloud_usd)}, {show_duration(point.mean_wait_s)}" if point else NONE
