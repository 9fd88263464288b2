from __future__ import annotations

from statistics import pvariance

import pytest
from tco_history import fluid

from spillover.tco.beside import verdict
from spillover.tco.chances import Spread, chances, draws, size_chances, spread
from spillover.tco.cost import break_even
from spillover.tco.figures import Quoted, load_book
from spillover.tco.inputs import Inputs
from spillover.tco.owned import owned_cost
from spillover.tco.rented import Plan, rented_cost
from spillover.tco.study import study
from spillover.tco.tornado import tornado

BOOK = load_book("h100x8")
NAMES = [figure.name for figure in BOOK.uncertain()]


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    """Draws are reproducible."""
    assert list(draws(BOOK, 7, 50)) == list(draws(BOOK, 7, 50)) != list(draws(BOOK, 8, 50))
    assert chances(BOOK, 7, 200) == chances(BOOK, 7, 200)


def test_draws_stay_in_their_ranges_and_what_is_certain_stays() -> None:
    """Every drawn input lies between its low and high; an input without range keeps its value."""
    book = BOOK.stating(["pue=1.33"])
    for v in draws(book, 1, 300):
        assert v.pue == 1.33
        assert all(book.figures[name].low <= getattr(v, name) <= book.figures[name].high for name in NAMES)


def test_the_mean_of_a_linear_cost_is_the_analytic_one() -> None:
    """Space costs the product of two inputs: over draws of one of them, the mean is that of its triangle, within 1%."""
    certain = [f"{f.name}={f.value}" for f in BOOK.uncertain() if f.name != "space_usd_per_kw_month"]
    book = BOOK.stating(certain)
    figure = book.figures["space_usd_per_kw_month"]
    mean = (figure.low + figure.value + figure.high) / 3
    exact = owned_cost(book.inputs(space_usd_per_kw_month=mean)).usd_per_gpu_hour(128, 0.6)
    drawn = chances(book, 3, 10_000).owned_usd
    assert drawn.mean == pytest.approx(exact, rel=5e-4)
    assert drawn.percentile(0.9) > exact > drawn.percentile(0.1)


def test_the_variance_of_a_linear_cost_is_the_analytic_one() -> None:
    """The spread of the draws is that of the triangle: (a² + b² + c² - ab - ac - bc) / 18."""
    low, mode, high = (getattr(BOOK.figures["pue"], end) for end in ("low", "value", "high"))
    found = [v.pue for v in draws(BOOK, 5, 10_000)]
    exact = (low**2 + mode**2 + high**2 - low * mode - low * high - mode * high) / 18
    assert pvariance(found) == pytest.approx(exact, rel=0.05)


def test_percentiles_are_of_the_sorted_draws() -> None:
    """The tenth percentile has a tenth of the draws below it."""
    found = spread([float(k) for k in range(100, 0, -1)])
    assert (found.percentile(0.1), found.percentile(0.5), found.percentile(1.0)) == (11, 51, 100)
    assert found.chance_under(26) == 0.25
    assert Spread((1.0,)).percentile(0.9) == 1


def test_owning_is_cheaper_where_the_break_even_is_below_the_use() -> None:
    """In each draw both say the same: so do their shares, where the utilisation is certain."""
    book = BOOK.stating(["utilisation=0.45"])
    found = chances(book, 2, 2000)
    for plan in (Plan.ON_DEMAND, Plan.SPOT):
        assert found.owning_cheaper[plan] == found.break_even[plan].chance_under(0.45)
        assert 0 < found.owning_cheaper[plan] < 1


def test_the_tornado_is_sorted_and_leaves_out_what_does_nothing() -> None:
    """Swings come from the largest on; the waiting price, which is certain, and spot, which is not asked, are not in."""
    swings = tornado(BOOK, lambda v: owned_cost(v).usd_per_gpu_hour(128, v.utilisation))
    sizes = [swing.size for swing in swings]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0
    assert not {"spot_share", "waiting_usd_per_hour", "on_demand_usd"} & {swing.name for swing in swings}
    assert {swing.name for swing in swings[:2]} == {"utilisation", "node_price_usd"}


def test_a_swing_is_one_input_at_its_ends() -> None:
    """The ends of a bar are the result with that input alone at its low and high."""

    def even(v: Inputs) -> float:
        return break_even(owned_cost(v), rented_cost(v, Plan.ON_DEMAND), 128)

    swing = next(s for s in tornado(BOOK, even) if s.name == "on_demand_usd")
    assert (
        swing.at_low == even(BOOK.inputs(on_demand_usd=2.69)) > swing.at_high == even(BOOK.inputs(on_demand_usd=7.91))
    )


def test_the_size_that_is_best_depends_on_the_draw() -> None:
    """Where inputs are certain one size is best in all draws and nothing is regretted; else several are."""
    load = tuple(float(8 * k) for k in range(20))
    played = {nodes: fluid(load, nodes, usd=6.88) for nodes in range(0, 21, 2)}
    certain = BOOK.stating([f"{name}={BOOK.figures[name].value}" for name in NAMES])
    sure = size_chances(certain, played, 14, 1, 100)
    assert list(sure.best.values()) == [1.0]
    best = next(iter(sure.best))
    assert size_chances(certain, played, best, 1, 100).regret_usd.percentile(1.0) == 0
    unsure = size_chances(BOOK, played, best, 1, 1000)
    assert sum(unsure.best.values()) == pytest.approx(1)
    assert len(unsure.best) > 2
    assert unsure.regret_usd.samples[0] >= 0
    assert unsure.best_nodes.percentile(0.1) < unsure.best_nodes.percentile(0.9)


def test_a_study_is_reproducible() -> None:
    """The same book and seed give the same study, to the last bit."""
    assert study(BOOK, seed=4, draws=300) == study(BOOK, seed=4, draws=300)


def test_parts_add_up_to_the_price_of_an_owned_hour() -> None:
    """The parts of a study are all of it: they sum to the owned price at the given utilisation, and their shares to 1."""
    found = study(BOOK.stating(["utilisation=0.6"]), draws=100)
    assert sum(p.usd_per_gpu_hour for p in found.parts) == pytest.approx(found.owned_usd_at[2])
    assert sum(p.share for p in found.parts) == pytest.approx(1)


def test_ours_beside_the_fields_are_what_a_fleet_pays() -> None:
    """Compute is the price of a GPU-hour, network and engineering are shares of the fleet's year, by hand."""
    found = study(BOOK, draws=100)
    ours = {(row.quoted, row.ours): row.value for row in found.beside}
    of_node = {part.name: part.usd_per_node_year for part in found.parts}
    whole = sum(of_node.values())
    assert ours["compute", "owned, 60% used"] == pytest.approx(found.owned_usd_at[2])
    assert ours["compute", "spot"] == pytest.approx(6.88 * 0.5 * 1.1)
    assert ours["network", "owned"] == pytest.approx(of_node["network"] / whole)
    people = of_node["people"]
    assert ours["engineering", "owned, running it alone"] == pytest.approx(people / (whole - people))


@pytest.mark.parametrize(
    ("low", "high", "value", "said"),
    [
        (1, 2, 0.99, "below"), (1, 2, 1, "inside"), (1, 2, 2, "inside"), (1, 2, 2.01, "above"),
        (0.4, 0.4, 0.44, "inside"), (0.4, 0.4, 0.46, "above"), (0.4, 0.4, 0.34, "below"),
    ],
)  # fmt: skip
def test_a_verdict_says_where_ours_lies(low: float, high: float, value: float, said: str) -> None:
    """Ends count as inside; a single quoted share is met within five hundredths."""
    assert verdict(Quoted(low, high, "share", "", ""), value) == said
