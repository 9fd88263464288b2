from __future__ import annotations

import pytest

from spillover.tco.cost import Cost
from spillover.tco.figures import load_book
from spillover.tco.inputs import Inputs
from spillover.tco.owned import annuity, owned_cost, owned_parts
from spillover.tco.rented import Plan, plan_usd, rented_cost, rented_parts

# Round numbers, so that each part can be reckoned in the head: 2 nodes of 4 GPUs
ROUND = Inputs(
    gpus=4, node_price_usd=100_000, rated_kw=5, rack_units=10, on_demand_usd=2, spot_share=0.5, commit_1y_share=0.75,
    commit_3y_share=0.5, utilisation=0.5, nodes=2, life_years=4, residual_share=0.2, interest_rate=0, maintenance_share=0.1,
    busy_power_share=0.8, idle_power_share=0.3, pue=1.5, electricity_usd_per_kwh=0.1, space_usd_per_kw_month=200,
    space_usd_per_u_month=10, engineer_usd_per_year=100_000, base_engineers=0.5, nodes_per_engineer=20, fabric_share=0.1,
    wan_usd_per_month=1000, storage_gb_per_gpu=730, owned_storage_usd_per_gb_month=0.02,
    rented_storage_usd_per_gb_month=0.1, egress_usd_per_gb=0.09, egress_gb_per_gpu_hour=2, rented_network_share=0.05,
    rented_engineers=0.25, spot_lost_share=0.1, waiting_usd_per_hour=0,
)  # fmt: skip


def test_an_annuity_is_the_textbooks() -> None:
    """100 over 2 years at 10% is 57.62 a year: 100 = 57.62 / 1.1 + 57.62 / 1.21; half of it back saves 50 / 2.1."""
    assert annuity(100, 0, 2, 0.1) == pytest.approx(57.619, abs=1e-3)
    assert annuity(100, 50, 2, 0.1) == pytest.approx(57.619 - 50 / 2.1, abs=1e-3)
    assert annuity(100, 20, 4, 0) == 20


def test_an_annuity_pays_back_to_the_cent() -> None:
    """Payments at the end of each year, with interest on what is left, leave the residual value."""
    left, payment = 310_000.0, annuity(310_000, 46_500, 4, 0.08)
    for _ in range(4):
        left = left * 1.08 - payment
    assert left == pytest.approx(46_500)


def test_an_annuity_without_interest_is_the_limit_of_little() -> None:
    """The formula for no interest is where that with interest goes."""
    assert annuity(1000, 100, 5, 1e-9) == pytest.approx(annuity(1000, 100, 5, 0), rel=1e-6)


def test_each_part_of_owning_by_hand() -> None:
    """Hardware, maintenance, power, space, network, storage and people come out as reckoned by hand."""
    parts = owned_parts(ROUND)
    assert parts["hardware"] == Cost(per_gpu=80_000 / 4 / 4)
    assert parts["interest"] == Cost(per_gpu=0)
    assert parts["maintenance"].per_gpu == pytest.approx(110_000 * 0.1 / 4)
    assert parts["power"].per_gpu == pytest.approx(5 * 0.3 * 1.5 * 0.1 * 8760 / 4)
    assert parts["power"].per_busy_hour == pytest.approx(5 * 0.5 * 1.5 * 0.1 / 4)
    assert parts["space"].per_gpu == pytest.approx((5 * 200 + 10 * 10) * 12 / 4)
    assert parts["network"] == Cost(per_site=12_000, per_gpu=80_000 * 0.1 / 4 / 4)
    assert parts["storage"].per_busy_hour == pytest.approx(0.02)
    assert parts["people"] == Cost(per_site=50_000, per_gpu=100_000 / 20 / 4)


def test_interest_is_what_the_annuity_adds() -> None:
    """Hardware and interest together are the annuity of a node."""
    v = ROUND._replace(interest_rate=0.08)
    parts = owned_parts(v)
    yearly = 4 * (parts["hardware"].per_gpu + parts["interest"].per_gpu)
    assert yearly == pytest.approx(annuity(100_000, 20_000, 4, 0.08))


def test_power_is_the_rated_power_by_its_shares() -> None:
    """A fully busy node draws its busy share of the rated power, an idle one its idle share, times PUE and price."""
    power = owned_parts(ROUND)["power"]
    kwh = 5 * 1.5 * 8760
    assert power.usd_per_year(4, 1.0) == pytest.approx(kwh * 0.8 * 0.1)
    assert power.usd_per_year(4, 0.0) == pytest.approx(kwh * 0.3 * 0.1)


@pytest.mark.parametrize(
    ("plan", "usd"),
    [(Plan.ON_DEMAND, 2.0), (Plan.SPOT, 1.1), (Plan.COMMIT_1Y, 1.5), (Plan.COMMIT_3Y, 1.0)],
)
def test_each_plan_has_its_price(plan: Plan, usd: float) -> None:
    """Spot pays for the work it loses; commitments are shares of the on-demand price."""
    assert plan_usd(ROUND, plan) == pytest.approx(usd)


def test_each_part_of_renting_by_hand() -> None:
    """Compute, network, storage and people on demand; a commitment is paid for in every hour of the year."""
    parts = rented_parts(ROUND, Plan.ON_DEMAND)
    assert parts["compute"] == Cost(per_busy_hour=2)
    assert parts["network"].per_busy_hour == pytest.approx(0.05 * 2 + 2 * 0.09)
    assert parts["storage"].per_busy_hour == pytest.approx(0.1)
    assert parts["people"] == Cost(per_site=25_000)
    assert rented_parts(ROUND, Plan.COMMIT_3Y)["compute"] == Cost(per_gpu=8760)


def test_a_fleets_year_is_the_sum_of_its_parts() -> None:
    """The whole of 2 nodes at half use is what its parts come to, and the price of a GPU-hour is that over the hours."""
    whole = owned_cost(ROUND)
    by_hand = 62_000 + 8 * sum(part.per_gpu + part.per_busy_hour * 4380 for part in owned_parts(ROUND).values())
    assert whole.usd_per_year(8, 0.5) == pytest.approx(by_hand)
    assert whole.usd_per_gpu_hour(8, 0.5) == pytest.approx(by_hand / (8 * 4380))


def test_owning_nothing_costs_nothing() -> None:
    """A site without GPUs has no engineer and no line."""
    assert owned_cost(ROUND).usd_per_year(0, 0) == 0


def test_an_owned_h100_hour_is_in_the_range_that_others_find() -> None:
    """At full use an owned H100 costs $1.5 to 3 an hour, as public analyses of 2024 to 2026 say, and less than on demand."""
    v = load_book("h100x8").inputs()
    owned = owned_cost(v).usd_per_gpu_hour(128, 1.0)
    assert 1.5 < owned < 3.0 < rented_cost(v, Plan.ON_DEMAND).usd_per_gpu_hour(128, 1.0)
