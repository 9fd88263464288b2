from __future__ import annotations

import math

import pytest

from spillover.tco.cost import Cost, break_even, together
from spillover.tco.figures import load_book, node_types
from spillover.tco.owned import owned_cost
from spillover.tco.rented import Plan, rented_cost


def numeric_crossing(owned: Cost, rented: Cost, gpus: float) -> float:
    """Where owning comes to cost no more than renting, by bisection; infinite if not up to 1000."""
    low, high = 0.0, 1000.0

    def dearer(u: float) -> bool:
        return owned.usd_per_year(gpus, u) > rented.usd_per_year(gpus, u)

    if not dearer(low):
        return 0.0
    if dearer(high):
        return math.inf
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if dearer(middle) else (low, middle)
    return high


def test_break_even_by_hand() -> None:
    """$8,760 a GPU and year against $2 an hour cross at 50%; with $1 more an hour of use, never below 100%."""
    assert break_even(Cost(per_gpu=8760), Cost(per_busy_hour=2), 1) == pytest.approx(0.5)
    assert break_even(Cost(per_gpu=8760, per_busy_hour=1), Cost(per_busy_hour=2), 1) == pytest.approx(1.0)
    assert break_even(Cost(per_gpu=8760, per_busy_hour=2), Cost(per_busy_hour=2), 1) == math.inf
    assert break_even(Cost(per_gpu=8760), Cost(per_gpu=9000), 1) == 0


def test_what_a_site_costs_is_spread_over_its_gpus() -> None:
    """The same site with twice the GPUs breaks even at half the utilisation."""
    site, rented = Cost(per_site=8760 * 8), Cost(per_busy_hour=2)
    assert break_even(site, rented, 8) == 2 * break_even(site, rented, 16) == pytest.approx(0.5)


@pytest.mark.parametrize("plan", Plan)
@pytest.mark.parametrize("node", node_types())
def test_the_closed_form_is_the_numeric_crossing(node: str, plan: Plan) -> None:
    """For every node type and plan, the formula gives what bisection of the two costs finds."""
    v = load_book(node).inputs()
    owned, rented, gpus = owned_cost(v), rented_cost(v, plan), v.nodes * v.gpus
    assert break_even(owned, rented, gpus) == pytest.approx(numeric_crossing(owned, rented, gpus), abs=1e-9)


@pytest.mark.parametrize("plan", [plan for plan in Plan if plan.committed])
def test_a_commitment_pays_from_about_its_share_on(plan: Plan) -> None:
    """Against on demand, a commitment pays from near the utilisation that its price is a share of; network and all."""
    v = load_book("h100x8").inputs()
    share = v.commit_1y_share if plan is Plan.COMMIT_1Y else v.commit_3y_share
    assert break_even(rented_cost(v, plan), rented_cost(v, Plan.ON_DEMAND), 128) == pytest.approx(share, abs=0.02)


def test_costs_add_up_part_by_part() -> None:
    """A sum of costs has the sums of their parts."""
    assert together([Cost(1, 2, 3), Cost(10, 20, 30)]) == Cost(11, 22, 33)


def test_a_gpu_hour_that_nobody_works_has_no_price() -> None:
    """Without work, a GPU-hour of work costs infinitely much."""
    assert Cost(per_gpu=1).usd_per_gpu_hour(8, 0.0) == math.inf
