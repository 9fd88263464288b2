from __future__ import annotations

from dataclasses import replace

import pytest
from tco_history import fluid

from spillover.errors import BadArgument
from spillover.tco.curve import Curve, Point, curve_of, point, sweep, year_of
from spillover.tco.figures import load_book
from spillover.tco.history import Played
from spillover.tco.owned import owned_cost
from spillover.tco.rented import COMMITMENTS
from spillover.tco.study import study
from spillover.tco.ways import ways_of

# 8-GPU nodes: 40 GPUs always, 80 for half of the time, 160 for an eighth
LOAD = (160.0, 80.0, 80.0, 80.0, 40.0, 40.0, 40.0, 40.0)
BOOK = load_book("a100x8")
V = BOOK.inputs()


def play(nodes: int) -> Played:
    return fluid(LOAD, nodes, usd=V.on_demand_usd)


def played(*sizes: int) -> dict[int, Played]:
    return {nodes: play(nodes) for nodes in sizes}


def a_point(nodes: int, total: float) -> Point:
    return Point(nodes, 0.5, 0.0, 1000.0 - nodes, total, 0.0, 0.0, ())


def test_a_points_money_by_hand() -> None:
    """Owned nodes cost what a fleet of their use costs, rented hours their bill and what is around it, people once."""
    v = V._replace(egress_usd_per_gb=0.0, storage_gb_per_gpu=0.0, rented_network_share=0.1, waiting_usd_per_hour=3.0)
    found = point(v, play(5))
    years = 8760 / 1000
    rented_hours = (120 + 3 * 40) / 8 * 1000
    assert found.utilisation == 1
    assert found.owned_usd == pytest.approx(owned_cost(v).usd_per_year(40, 1.0))
    assert found.rented_usd == pytest.approx(rented_hours * v.on_demand_usd * 1.1 * years + 0.25 * 150_000)
    assert found.waiting_usd == pytest.approx(50 * 3 * years)
    assert found.total_usd == found.owned_usd + found.rented_usd + found.waiting_usd
    assert found.mean_wait_h == 0.5


def test_what_is_around_rented_hours_by_hand() -> None:
    """Each rented GPU-hour brings its storage and its results' egress; egress of moves is at its own price."""
    v = V._replace(
        rented_network_share=0.0, rented_engineers=0.0, storage_gb_per_gpu=730.0, rented_storage_usd_per_gb_month=0.2,
        egress_gb_per_gpu_hour=3.0, egress_usd_per_gb=0.1,
    )  # fmt: skip
    one = replace(play(5), compute_usd=0.0, egress_usd=40.0, egress_usd_per_gb=0.05)
    rented_hours = (120 + 3 * 40) / 8 * 1000
    found = point(v, one)
    assert found.rented_usd == pytest.approx((rented_hours * (0.2 + 3 * 0.1) + 40 * 0.1 / 0.05) * 8.76)
    assert found.rented_gpu_hours == pytest.approx(rented_hours * 8.76)


def test_owning_nothing_and_renting_nothing_cost_nothing() -> None:
    """Without nodes there is no site; without rented hours nobody looks after accounts."""
    assert point(V, play(0)).owned_usd == 0
    assert point(V, play(20)).rented_usd == 0


def test_other_prices_change_the_bill_alone() -> None:
    """At twice the on-demand price than it was played at, the compute of the bill doubles and owning stays."""
    one = play(5)
    around = V._replace(on_demand_usd=0.0, rented_engineers=0.0)
    base = year_of(around, one, owned_cost(around))[1]
    once = year_of(V._replace(rented_engineers=0.0), one, owned_cost(V))
    twice = year_of(V._replace(on_demand_usd=2 * V.on_demand_usd, rented_engineers=0.0), one, owned_cost(V))
    assert twice[0] == once[0]
    assert twice[1] - base == pytest.approx(2 * (once[1] - base))


def test_a_commitment_takes_the_base_of_what_is_rented() -> None:
    """With 5 nodes, 40 GPUs are rented half of the time: worth it at 41% of the price, not at 62%."""
    one_year, three_years = point(V, play(5)).committed
    assert (one_year.plan, three_years.plan) == COMMITMENTS
    assert one_year.gpus == 0
    assert three_years.gpus == 40
    saved = 40 * 8760 * V.on_demand_usd * (0.5 - V.commit_3y_share)
    assert point(V, play(5)).total_usd - three_years.total_usd == pytest.approx(saved)


def test_the_best_size_is_the_cheapest_and_of_equals_the_smallest() -> None:
    """The minimum of the curve is marked; a tie goes to fewer nodes."""
    assert Curve((a_point(0, 9), a_point(4, 5), a_point(8, 5), a_point(12, 7))).best.nodes == 4


def test_being_wrong_costs_what_lies_on_the_curve() -> None:
    """Between sizes that were played the curve is straight; sizes beyond them are not spoken of."""
    curve = Curve((a_point(0, 20), a_point(8, 10), a_point(16, 14)))
    assert [(w.nodes, w.extra_usd, w.share) for w in curve.wrong_by((-8, -4, -2, 2, 4, 8, 9))] == [
        (-8, 10, 1.0), (-4, 5, 0.5), (-2, 2.5, 0.25), (2, 1, 0.1), (4, 2, 0.2), (8, 4, 0.4),
    ]  # fmt: skip
    assert [w.nodes for w in Curve((a_point(0, 9), a_point(4, 5), a_point(16, 14))).wrong_by((-8, -4, 8, 16))] == [
        -4,
        8,
    ]
    assert curve.total_at(-3) == 20
    assert curve.total_at(99) == 14


def test_a_sweep_plays_each_size_once_and_looks_closer_around_the_best() -> None:
    """Sizes come out ascending, each was played once, and closer rounds lie beside the best."""
    asked: list[int] = []

    def counting(nodes: int) -> Played:
        asked.append(nodes)
        return play(nodes)

    coarse = sweep(V, counting, (8, 0, 16, 8))
    assert list(coarse) == [0, 8, 16] == sorted(asked)
    asked.clear()
    fine = sweep(V, counting, (0, 8, 16), closer=4)
    assert len(asked) == len(set(asked)) == len(fine)
    assert curve_of(V, fine).best.total_usd <= curve_of(V, coarse).best.total_usd
    best = curve_of(V, fine).best.nodes
    assert {best - 1, best + 1} <= set(fine)


@pytest.mark.parametrize(("sizes", "added"), [((8, 16, 24), {12}), ((0, 2, 4), {3}), ((0, 10, 20), {5, 15})])
def test_looking_closer_stays_within_what_was_asked(sizes: tuple[int, ...], added: set[int]) -> None:
    """Where the best is at an end, only its one neighbour is drawn nearer; else both."""
    fine = sweep(V, play, sizes, closer=1)
    assert set(fine) - set(sizes) == added


def test_a_sweep_needs_sizes() -> None:
    """Without a size there is nothing to play."""
    with pytest.raises(BadArgument, match="--sizes"):
        sweep(V, play, ())


def test_the_best_size_of_a_load_in_steps_is_at_a_step() -> None:
    """What is worth owning follows from the break-even: levels used more than that are owned, others rented."""
    best = curve_of(V, played(*range(21))).best.nodes
    assert best == 10


def test_the_ways_stand_from_the_cheapest_on() -> None:
    """Renting all, owning for the peak, and the mix with and without commitments are there, and the mix wins."""
    curve = curve_of(V, played(*range(21)))
    ways = ways_of(curve)
    assert ways.all_rented is not None
    assert ways.all_rented.nodes == 0
    assert ways.peak_reached
    assert ways.for_peak.nodes == 20
    totals = [way.total_usd for way in ways.table]
    assert totals == sorted(totals)
    assert {way.label for way in ways.table} >= {"own for the peak", "rent all on demand"}
    assert min(totals) <= curve.best.total_usd == ways.hybrid.total_usd


def test_owning_for_the_peak_may_rent_a_hundredth() -> None:
    """The smallest size that rents at most a hundredth of what is rented without owning counts as for the peak."""
    flat = Curve(tuple(replace(a_point(n, 10.0 - n), rented_gpu_hours=h) for n, h in enumerate((1000, 50, 10, 9, 0))))
    assert ways_of(flat).for_peak.nodes == 2


def test_a_peak_that_no_size_holds_is_said() -> None:
    """If even the largest size rents, it stands for owning for the peak, and the ways say so; nothing all rented."""
    ways = ways_of(curve_of(V, played(2, 4)))
    assert (ways.peak_reached, ways.for_peak.nodes, ways.all_rented) == (False, 4, None)


def test_a_history_is_set_beside_what_hybrid_is_said_to_save() -> None:
    """Savings over both ends and utilisation before and after appear with a history, and not without."""
    without, having = study(BOOK, draws=200), study(BOOK, draws=200, played=played(0, 5, 10, 20))
    assert not {"saving", "utilisation_after"} & {row.quoted for row in without.beside}
    found = {(row.quoted, row.ours): row for row in having.beside}
    assert having.history is not None
    ways = having.history.ways
    assert ways.all_rented is not None
    rented = found["saving", "over renting all on demand"].value
    assert rented == pytest.approx((ways.all_rented.total_usd - ways.hybrid.total_usd) / ways.all_rented.total_usd)
    assert found["saving", "over owning for the peak"].value == 1 - ways.hybrid.total_usd / ways.for_peak.total_usd
    after = found["utilisation_after", "10 nodes, the cheapest"]
    assert after.value == pytest.approx(60 / 80)
    assert after.verdict == "below"
