"""The compiled replay, by hand and by what must hold whatever happens."""

from __future__ import annotations

import math

import numpy as np
import pytest
from engine_traces import HOUR, columns, drawn, plain
from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.backtest.columns import Columns
from spillover.backtest.outcome import OWNED, RENTED, Outcome
from spillover.backtest.run import play
from spillover.backtest.world import Order, SpotZone, World
from spillover.placement.policies import Policy, make_policy

IMMEDIATE, NEVER = make_policy("immediate"), make_policy("never")
MARGINAL = make_policy("marginal", value_of_waiting=5.0)
CAREFUL = settings(max_examples=25, deadline=None)


def constant(hours: float) -> Policy:
    return make_policy("starburst", waiting="constant", coefficient=hours)


def test_a_job_with_room_at_home_starts_there_at_once_and_costs_nothing_in_the_cloud() -> None:
    """Owned room is taken first."""
    found = play(columns([(0, HOUR, 8)]), plain(1), IMMEDIATE)
    assert found.where.tolist() == [OWNED]
    assert found.wait_s.tolist() == [0.0]
    assert found.total_cloud_usd == 0.0
    assert found.owned_gpu_h == pytest.approx(8.0)


def test_what_has_no_room_bursts_at_once_under_immediate_and_costs_its_gpu_hours() -> None:
    """Two hours on four GPUs at a dollar are eight dollars."""
    found = play(columns([(0, HOUR, 8), (60, 2 * HOUR, 4)]), plain(1), IMMEDIATE)
    assert found.where.tolist() == [OWNED, RENTED]
    assert found.total_cloud_usd == pytest.approx(8.0)
    assert found.cloud_usd.tolist() == pytest.approx([0.0, 8.0])


def test_under_never_jobs_wait_for_each_other_and_a_gang_that_cannot_fit_is_left() -> None:
    """No money is spent, and who never fits never starts."""
    found = play(columns([(0, HOUR, 8), (60, HOUR, 8), (120, HOUR, 16)]), plain(1), NEVER)
    assert found.wait_s[:2].tolist() == pytest.approx([0.0, HOUR - 60], abs=1e-6)
    # A gang that owned nodes can never hold is rented for whatever the policy says
    assert found.where[2] == RENTED


def test_patience_that_ends_before_room_comes_is_waited_to_its_end() -> None:
    """Half an hour of patience, then the cloud."""
    found = play(columns([(0, 2 * HOUR, 8), (0, HOUR, 8)]), plain(1), constant(0.5))
    assert found.wait_s.tolist() == pytest.approx([0.0, HOUR / 2])
    assert found.where.tolist() == [OWNED, RENTED]


def test_startup_is_waited_for_and_paid_and_an_idle_node_is_taken_again() -> None:
    """The second job finds the first one's node still there: no start-up, and no second one is paid for."""
    world = plain(0, startup_s=600.0, idle_timeout_s=1200.0)
    found = play(columns([(0, HOUR, 1), (HOUR + 1200.0, HOUR, 1)]), world, IMMEDIATE)
    assert found.wait_s.tolist() == pytest.approx([600.0, 0.0], abs=1e-6)
    # 10 min start-up, 1 h, 10 min idle, 1 h, 20 min idle until it is folded
    assert found.total_cloud_usd == pytest.approx(1 / 6 + 1 + 1 / 6 + 1 + 1 / 3)


def test_a_gang_is_billed_for_whole_nodes() -> None:
    """Eleven GPUs take a node of 8 and one of 4."""
    found = play(columns([(0, HOUR, 11)]), plain(0, cloud_sizes=(1, 2, 4, 8)), IMMEDIATE)
    assert found.total_cloud_usd == pytest.approx(12.0)


def test_a_small_job_passes_a_blocked_gang_only_if_that_is_not_delayed() -> None:
    """EASY: the short one may pass, the long one may not; out of order both may."""
    jobs = columns([(0, HOUR, 4), (1, HOUR, 8), (2, 600, 4), (700, 2 * HOUR, 4)])
    easy = play(jobs, plain(1, known_runtimes=True), NEVER)
    assert easy.wait_s.tolist() == pytest.approx([0.0, HOUR - 1, 0.0, 2 * HOUR - 700], abs=1e-6)
    freely = play(jobs, plain(1, known_runtimes=True, order=Order.ANY), NEVER)
    assert freely.wait_s[3] == pytest.approx(0.0, abs=1e-6)
    in_order = play(jobs, plain(1, known_runtimes=True, order=Order.IN_ORDER), NEVER)
    assert in_order.wait_s[2] == pytest.approx(2 * HOUR - 2)


def test_a_resumable_job_comes_home_with_a_pause_and_its_egress() -> None:
    """Ten hours on rented nodes become one, six minutes of pause and the rest at home."""
    jobs = columns([(0, HOUR, 8), (1, 10 * HOUR, 8)], resumable=np.array([False, True]))
    world = plain(1, checkpoint_gb=2.0, egress_usd_per_gb=0.1, move_s=360.0, known_runtimes=True)
    found = play(jobs, world, make_policy("marginal", value_of_waiting=50.0))
    assert found.moves.tolist() == [0, 1]
    assert found.wait_s[1] == pytest.approx(360.0)
    assert found.egress_usd == pytest.approx(8 * 0.2)
    assert found.total_cloud_usd == pytest.approx(8 * (HOUR - 1) / HOUR + 1.6)


def test_priority_goes_first() -> None:
    """Of two that wait, the later one with the higher priority starts first."""
    jobs = columns([(0, HOUR, 8), (1, HOUR, 8), (2, HOUR, 8)], priority=np.array([0, 0, 5]))
    found = play(jobs, plain(1), NEVER)
    assert found.started_s.tolist() == pytest.approx([0.0, 2 * HOUR, HOUR])


def test_a_job_that_may_not_burst_waits_however_long() -> None:
    """Residency is a hard rule."""
    jobs = columns([(0, HOUR, 8), (1, HOUR, 8)], may_burst=np.array([True, False]))
    found = play(jobs, plain(1), IMMEDIATE)
    assert found.where.tolist() == [OWNED, OWNED]


def test_a_budget_is_never_exceeded_and_work_goes_on_at_home() -> None:
    """Three dollars buy three hours; then what was rented goes home, the resumable from where it was."""
    jobs = columns([(0, 4 * HOUR, 8), (0, 5 * HOUR, 1), (0, 5 * HOUR, 1)], resumable=np.array([False, True, False]))
    found = play(jobs, plain(1, budget_usd=3.0, restart_s=0.0), IMMEDIATE)
    assert found.total_cloud_usd == pytest.approx(3.0)
    assert found.ended_s[1] == pytest.approx(4 * HOUR + 3.5 * HOUR)
    assert found.ended_s[2] == pytest.approx(4 * HOUR + 5 * HOUR)


def test_a_deadline_is_missed_or_met() -> None:
    """Deadlines count from submission."""
    jobs = columns([(0, HOUR, 8), (0, HOUR, 8)], deadline_s=np.array([1.5 * HOUR, 1.5 * HOUR]))
    assert play(jobs, plain(1), NEVER).missed.tolist() == [False, True]


def test_a_spot_zone_that_goes_takes_the_work_since_the_last_checkpoint() -> None:
    """It ran 90 minutes, keeps 80, and goes on where there is spot next, restart included."""
    zone = SpotZone("z", 1800.0, np.array([1, 1, 1, 0] + [1] * 60, dtype=np.float64))
    jobs = columns([(0, 3 * HOUR, 8), (0, 3 * HOUR, 8)], resumable=np.array([False, True]))
    world = plain(1, spot=(zone,), spot_usd=0.1, checkpoint_every_s=1200.0, restart_s=120.0, known_runtimes=True)
    found = play(jobs, world, make_policy("marginal", value_of_waiting=1.0))
    assert found.interruptions.tolist() == [0, 1]
    assert found.wait_s[1] >= 600.0


def _worlds() -> st.SearchStrategy[World]:
    return st.builds(
        plain,
        nodes=st.integers(1, 6),
        startup_s=st.sampled_from([0.0, 180.0]),
        idle_timeout_s=st.sampled_from([0.0, 600.0]),
        cloud_sizes=st.sampled_from([(1,), (1, 2, 4, 8)]),
        order=st.sampled_from(list(Order)),
        checkpoint_gb=st.sampled_from([0.0, 3.0]),
        budget_usd=st.sampled_from([math.inf, 5.0, 50.0]),
        max_cloud_gpus=st.sampled_from([math.inf, 24.0]),
    )


def _policies() -> st.SearchStrategy[Policy]:
    values = st.sampled_from([0.5, 5.0, 100.0])
    return st.one_of(
        st.sampled_from([IMMEDIATE, NEVER, constant(0.3), make_policy("starburst", waiting="cost", coefficient=0.1)]),
        st.builds(lambda value: make_policy("marginal", value_of_waiting=value), values),
        st.builds(lambda: make_policy("deadline")),
    )


@CAREFUL
@given(seed=st.integers(0, 10_000), world=_worlds(), policy=_policies(), movable=st.sampled_from([0.0, 0.5, 1.0]))
def test_whatever_happens_the_books_are_right(seed: int, world: World, policy: Policy, movable: float) -> None:
    """Every job ends once or stays, none before its run time is over, nothing exceeds its limit, and money adds up."""
    jobs = columns(drawn(seed, 120), resumable=np.random.default_rng(seed).random(120) < movable)
    _check(jobs, world, play(jobs, world, policy))


def _check(jobs: Columns, world: World, found: Outcome) -> None:
    ended = np.isfinite(found.ended_s)
    assert ended.all() or world.budget_usd < math.inf or world.max_cloud_gpus < math.inf
    assert (found.wait_s[ended] >= -1e-6).all()
    assert (found.started_s[ended] >= jobs.submit_s[ended] - 1e-6).all()
    assert found.total_cloud_usd <= world.budget_usd * (1 + 1e-9)
    assert (found.moves[~jobs.resumable] == 0).all()
    assert found.cloud_usd.sum() <= found.total_cloud_usd + 1e-6
    assert (found.cloud_usd[found.where == OWNED] == 0).all()
    assert found.series.owned_gpus.max(initial=0) <= world.nodes * world.gpus_per_node
    assert found.series.cloud_gpus.max(initial=0) <= world.max_cloud_gpus
    work = float((jobs.run_s * jobs.gpus)[ended].sum()) / HOUR
    assert found.owned_gpu_h + found.total_cloud_gpu_h >= work - 1e-6


def test_the_same_replay_gives_the_same_outcome() -> None:
    """A replay is pure."""
    jobs = columns(drawn(3, 200), resumable=np.arange(200) % 2 == 0)
    one, two = (play(jobs, plain(3), MARGINAL) for _ in range(2))
    assert np.array_equal(one.ended_s, two.ended_s)
    assert one.total_cloud_usd == two.total_cloud_usd


def test_a_policy_without_a_rule_is_refused_with_the_way_out() -> None:
    """`threshold` looks at others' ages, which is no rule of plain numbers."""
    with pytest.raises(ValueError, match="policy 'threshold' has no rule of plain numbers"):
        play(columns([(0, HOUR, 1)]), plain(1), make_policy("threshold"))
