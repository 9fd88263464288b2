"""What interruptions cost a long run, worked out by hand beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spot.account import DAY_S, Costs, account
from spot.trace import ON_DEMAND_USD, Stretch

FREE = Costs(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
HOUR_S = 3600.0


def stretches(*parts: tuple[float, str]) -> list[Stretch]:
    """From (hours, letters of the nodes)."""
    found, begin = [], 0.0
    for hours, nodes in parts:
        found.append(Stretch(begin, begin + hours * HOUR_S, frozenset(nodes)))
        begin = found[-1].end_s
    return found


def price(node: str) -> float:
    return ON_DEMAND_USD if node.startswith("on demand") else ON_DEMAND_USD / 3


def test_free_interruptions_leave_what_the_market_gave():
    """Velocity is then the node time that was had, nothing is wasted, and work costs what spot does."""
    found = account(stretches((12, "ab"), (12, "b"), (6, "ab")), 2, FREE, price)
    assert found.had == found.velocity == pytest.approx(24 / 30)
    assert (found.interruptions, found.wasted) == (1, pytest.approx(0))
    assert found.usd == pytest.approx(1 / 3)


def test_a_loss_stops_all_nodes_that_are_left():
    """Idle time, work to be done again and the stall of the checkpoint: 360 s of one node in 30 h of two."""
    costs = replace(FREE, idle_s=200.0, lost_s=100.0, stall_s=60.0)
    found = account(stretches((15, "ab"), (15, "b")), 2, costs, price)
    assert found.velocity == pytest.approx(0.75 - 360 / (2 * 30 * HOUR_S))
    assert found.wasted == pytest.approx(360 / (45 * HOUR_S))


def test_a_node_that_comes_stops_all_to_take_it_in():
    """The growth costs both nodes, at the begin and later; until then it costs itself alone."""
    costs = replace(FREE, grow_idle_s=50.0, grow_lost_s=10.0, join_s=30.0)
    found = account(stretches((15, "b"), (15, "ab")), 2, costs, price)
    assert found.velocity == pytest.approx(0.75 - (60 + 30 + 2 * 60 + 30) / (2 * 30 * HOUR_S))
    both = account(stretches((30, "ab")), 2, costs, price)
    assert both.velocity == pytest.approx(1 - (2 * 60 + 2 * 30) / (2 * 30 * HOUR_S))


def test_a_stretch_shorter_than_its_costs_is_without_work_and_no_less():
    """A flap of a minute undoes nothing that was done before it."""
    costs = replace(FREE, grow_idle_s=600.0)
    found = account(stretches((15, "b"), (1 / 60, "ab"), (15, "b")), 2, costs, price)
    kept = account(stretches((15, "b"), (1 / 60, ""), (15, "b")), 2, costs, price)
    assert found.velocity == pytest.approx(kept.velocity + 600 / (2 * (30 * HOUR_S + 60)))


def test_a_gap_on_demand_costs_more_and_interrupts_once():
    """The node that is taken counts, the on-demand one that is given up does not."""
    found = account(stretches((15, "a"), (15, "")), 1, FREE, price)
    parts = stretches((15, "a"), (5, ""), (10, "a"))
    filled = [replace(each, nodes=each.nodes or frozenset({"on demand 0"})) for each in parts]
    whole = account(filled, 1, FREE, price)
    assert (found.interruptions, whole.interruptions) == (1, 1)
    assert whole.velocity == pytest.approx(1.0)
    assert whole.usd == pytest.approx((25 / 3 + 5) / 30)


def test_near_counts_days_from_each_full_hour():
    """With the first 3 h at no node, days that begin in its first minutes miss 85%; the others hold."""
    found = account(stretches((6, ""), (42, "a")), 1, FREE, price)
    assert found.near == pytest.approx(22 / 25)  # of begins at hour 0 to 24: those with 3.6 h or less of the gap
    assert DAY_S == 24 * HOUR_S
