"""Whatever the inputs: what must hold of owning and renting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spillover.tco.commit import best_commitment
from spillover.tco.cost import break_even
from spillover.tco.figures import load_book, node_types
from spillover.tco.inputs import Inputs
from spillover.tco.owned import annuity, owned_cost
from spillover.tco.rented import Plan, rented_cost

BOOKS = [load_book(node) for node in node_types()]


@st.composite
def some_inputs(draw: st.DrawFn) -> Inputs:
    """Of any node type, each uncertain input anywhere in its range."""
    book = draw(st.sampled_from(BOOKS))
    return book.inputs(**{f.name: draw(st.floats(f.low, f.high)) for f in book.uncertain()})


uses = st.floats(0.01, 1.0)
fleets = st.integers(1, 500)


@given(some_inputs(), uses, uses, fleets)
def test_an_owned_hour_costs_less_the_more_are_used(v: Inputs, one: float, other: float, nodes: int) -> None:
    """The price of an owned GPU-hour falls with utilisation, while the year's bill rises."""
    low, high = sorted((one, other))
    cost, gpus = owned_cost(v), nodes * v.gpus
    assert cost.usd_per_gpu_hour(gpus, low) >= cost.usd_per_gpu_hour(gpus, high) > 0
    assert cost.usd_per_year(gpus, low) <= cost.usd_per_year(gpus, high)


@given(some_inputs(), uses, fleets)
def test_a_larger_fleet_is_not_dearer_an_hour(v: Inputs, use: float, nodes: int) -> None:
    """What a site costs is spread: one node more never makes a GPU-hour dearer."""
    cost = owned_cost(v)
    assert cost.usd_per_gpu_hour((nodes + 1) * v.gpus, use) <= cost.usd_per_gpu_hour(nodes * v.gpus, use) * (1 + 1e-12)


@given(some_inputs(), st.sampled_from(list(Plan)), fleets)
def test_owning_is_dearer_below_the_break_even_and_not_above(v: Inputs, plan: Plan, nodes: int) -> None:
    """The break-even is at least 0; a little below it owning costs more than renting, a little above no more."""
    owned, rented, gpus = owned_cost(v), rented_cost(v, plan), nodes * v.gpus
    even = break_even(owned, rented, gpus)
    assert even >= 0
    if 0 < even < 10:
        assert owned.usd_per_year(gpus, even * 0.999) > rented.usd_per_year(gpus, even * 0.999)
        assert owned.usd_per_year(gpus, even * 1.001) < rented.usd_per_year(gpus, even * 1.001)


@given(st.floats(1, 1e6), st.floats(0, 1), st.floats(1, 20), st.floats(0, 0.3))
def test_an_annuity_lies_between_depreciation_and_interest_on_all(
    price: float, kept: float, years: float, rate: float
) -> None:
    """It is at least the loss of value a year, and at most that with interest on the whole price."""
    worn = price * (1 - kept) / years
    yearly = annuity(price, price * kept, years, rate)
    assert worn * (1 - 1e-9) - 1e-6 <= yearly <= (worn + price * rate) * (1 + 1e-9) + 1e-6


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=40), st.floats(0.05, 0.95))
def test_the_best_commitment_never_costs_more_than_none(load: list[float], share: float) -> None:
    """What is committed is used enough to pay for itself."""
    found = best_commitment(load, share, 1.0)
    assert found.used_hours >= found.paid_hours * share - 1e-9
