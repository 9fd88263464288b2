"""What a replay's log and samples say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spot.plot import draw
from spot.result import Replayed, Sample, reached_at
from spot.said import resumptions, stalls, step
from spot.trace import Stretch

LOG = """2 workers, 250,000 parameters
step 40/1000  loss 2.50  1,000 tokens/s
a node goes: checkpoint at step 44 in 0.3 s, 11.0 s before the deadline
the deadline is near: checkpoint at step 60 in 0.1 s, 4.0 s before the deadline
resumed at step 60 of 1000 with 1 of 2 workers, 2 steps (0.5 s) lost, 14.5 s without work
step 80/1000  loss 2.40  500 tokens/s
resumed at step 70 of 1000 with 2 of 2 workers, 30 steps (3.0 s) lost, 6.0 s without work
step 100/1000  loss 2.30  1,000 tokens/s
resumed at step 90 of 1000 with 2 of 2 workers, 10 steps (1.5 s) lost, 5.5 s without work
step 120/1000  loss 2.20  1,000 tokens/s
"""


def samples(*rows: tuple[float, int, int, int]) -> list[Sample]:
    return [Sample(*row) for row in rows]


def replayed() -> Replayed:
    return Replayed(
        stretches=[Stretch(0.0, 30.0, frozenset("ab")), Stretch(30.0, 60.0, frozenset("b"))],
        factor=19.5,
        samples=samples((0.0, 2, 0, 0), (20.0, 2, 60, 0), (40.0, 1, 80, 1), (50.0, 2, 70, 2), (60.0, 2, 120, 3)),
        baseline=samples((0.0, 2, 0, 0), (10.0, 2, 40, 0), (30.0, 2, 120, 0), (32.0, 2, 130, 0)),
        log=LOG,
        came=[(31.0, 36.0), (33.0, 40.0)],
        taken=2,
    )


def test_a_resumption_with_more_workers_is_growth_and_no_loss():
    """A run begins with all its workers: with fewer or as many a node was lost, with more one has come."""
    assert [(each.workers, each.grown) for each in resumptions(LOG)] == [(1, False), (2, True), (2, False)]


def test_stalls_are_the_checkpoints_that_a_notice_called_for():
    """The first upon the notice, and the last before the deadline."""
    assert stalls(LOG) == [0.3, 0.1]


def test_the_step_is_the_last_one_told():
    """Before the first it is None, not 0: the job is not yet under way."""
    assert step(LOG) == 120
    assert step("2 workers") is None


def test_lost_steps_were_not_reached():
    """A step counts when it is first passed, on the line between the two samples around that."""
    found = samples((0.0, 2, 0, 0), (10.0, 2, 100, 0), (20.0, 1, 50, 1), (30.0, 1, 150, 1), (40.0, 1, 250, 1))
    assert reached_at(found, 50) == 5.0
    assert reached_at(found, 120) == pytest.approx(18.0)
    with pytest.raises(ValueError, match="step 300 was not reached; the last one seen is 250"):
        reached_at(found, 300)


def test_the_velocity_is_the_uninterrupted_time_over_the_replay():
    """The same steps: 30 s there, 60 s here."""
    assert replayed().velocity == 0.5


def test_had_counts_the_nodes_that_were_seen():
    """110 of 120 node-seconds: one node was away for ten."""
    assert replayed().had == pytest.approx(110 / 120)


def test_costs_are_by_node_taken_and_by_growth():
    """What two losses cost is shared by the two nodes taken; what came of growth stands by itself."""
    costs = replayed().costs
    assert (costs.idle_s, costs.lost_s, costs.stall_s) == (10.0, 1.0, pytest.approx(0.2))
    assert (costs.grow_idle_s, costs.grow_lost_s) == (6.0, 3.0)


def test_a_node_joins_when_the_run_stops_to_take_it_in():
    """It was there after 6 s (mean of two), and 4 s more went by until the run stopped, 6 s before it was seen to go on."""
    assert (replayed().boot_s, replayed().costs.join_s) == (6.0, 10.0)


def test_what_was_kept_is_what_was_found(tmp_path: Path):
    """A replay that is read again has the same samples, stretches and costs."""
    replayed().save(tmp_path / "b" / "spot.json")
    assert Replayed.load(tmp_path / "b" / "spot.json") == replayed()


def test_the_plot_shows_zones_and_both_runs(tmp_path: Path):
    """As SVG with its text as text, and without a date: the same replay is the same picture."""
    draw(replayed(), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert all(words in text for words in ("uninterrupted", "work lost", "divided by 19.5"))
    assert "dc:date" not in text


def test_a_growth_without_a_node_that_came_has_no_wait():
    """A run that lost touch with a node and found it again has waited for none."""
    assert replace(replayed(), came=[]).costs.join_s == 0.0
