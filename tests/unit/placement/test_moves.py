"""Running work that moves: home when there is room, and out of the way of work that cannot come home later."""

from __future__ import annotations

from dataclasses import replace

from placement_builders import NOW, cloud, job, node_type, onprem, shot, up, use, work

from spillover.domain.decision import Verdict
from spillover.domain.job import Hints
from spillover.domain.pool import Market
from spillover.placement.moves import moves
from spillover.placement.place import decide
from spillover.placement.policies import make_policy

MARGINAL = make_policy("marginal", value_of_waiting=1.0)
RENTED = cloud(node_type("od4", Market.ON_DEMAND, 4.0), egress_usd_per_gb=0.0)
RESUMES = Hints(resumable=True)
HOUR = 3600.0


def running(name: str, pool_job: str = "1x{CPU:4}", *, hours: float = 10.0, movable: bool = True):
    queued = job(name, pool_job, hints=RESUMES, runtime_s=hours * HOUR)
    return work(name, pool_job, ends_in=hours * HOUR, movable=queued if movable else None)


def test_a_resumable_job_comes_home_when_there_is_room():
    """Ten hours at $4 are worth a pause of six minutes."""
    there = up(RENTED, 1, work=[running("away")], usage=[use("n0", "away", CPU=4)])
    found = moves(shot([], up(onprem(), 1), there), MARGINAL)
    assert [(d.verdict, d.submission_id, d.pool, d.reason) for d in found] == [
        (Verdict.MOVE, "away", "onprem", "comes_home")
    ]
    assert "that saves $40.00 of rent and costs $0.10" in found[0].sentence


def test_nobody_comes_home_for_room_that_a_waiting_job_takes():
    """Those that wait are offered it first."""
    there = up(RENTED, 1, work=[running("away")], usage=[use("n0", "away", CPU=4)])
    assert moves(shot([job("waits", "1x{CPU:4}")], up(onprem(), 1), there), MARGINAL) == ()


def test_nobody_comes_home_for_less_than_the_move_costs():
    """With five minutes left, the pause is dearer."""
    there = up(RENTED, 1, work=[running("away", hours=1 / 12)], usage=[use("n0", "away", CPU=4)])
    dear = make_policy("marginal", value_of_waiting=100.0)
    assert moves(shot([], up(onprem(), 1), there), dear) == ()


def test_what_cannot_resume_stays_where_it_is():
    """A job without a checkpoint would begin anew."""
    there = up(RENTED, 1, work=[running("away", movable=False)], usage=[use("n0", "away", CPU=4)])
    assert moves(shot([], up(onprem(), 1), there), MARGINAL) == ()


def test_policies_that_do_not_move_move_nothing():
    """`immediate` never touches running work."""
    there = up(RENTED, 1, work=[running("away")], usage=[use("n0", "away", CPU=4)])
    assert moves(shot([], up(onprem(), 1), there), make_policy("immediate")) == ()


def full_house(*, movable: bool, hours: float = 500.0):
    home = up(onprem(), 1, work=[running("at-home", hours=500.0, movable=movable)], usage=[use("n0", "at-home", CPU=4)])
    new = job("new", "1x{CPU:4}", runtime_s=hours * HOUR)
    return shot([new], home, up(RENTED, 0, new={"od4": 4}))


def test_a_resumable_job_gives_way_to_one_that_could_not_come_home():
    """The long one that cannot move is worth two pauses of the one that can; it waits until that has stopped."""
    waits, gives_way = decide(full_house(movable=True), make_policy("marginal", value_of_waiting=20.0))
    assert (waits.submission_id, waits.verdict, waits.reason) == ("new", Verdict.WAIT, "room_is_made")
    assert (gives_way.submission_id, gives_way.verdict, gives_way.pool) == ("at-home", Verdict.MOVE, None)
    assert "Gives way to new" in gives_way.sentence


def test_nobody_gives_way_who_cannot_resume_or_for_a_short_job():
    """Then the job bursts as it would have."""
    dear = make_policy("marginal", value_of_waiting=20.0)
    assert decide(full_house(movable=False), dear)[0].verdict is Verdict.TAKE
    only = decide(full_house(movable=True, hours=1.0), make_policy("marginal", value_of_waiting=100.0))
    assert [(d.submission_id, d.verdict) for d in only] == [("new", Verdict.TAKE)]


def test_who_was_moved_once_makes_nobody_else_move():
    """Else two jobs could push each other to and fro."""
    snapshot = full_house(movable=True)
    moved = replace(snapshot, jobs=(replace(snapshot.jobs[0], moved=True),))
    assert decide(moved, make_policy("marginal", value_of_waiting=20.0))[0].verdict is Verdict.TAKE


def test_the_fewest_give_way():
    """Two small ones, or the one that is just large enough: it is that one."""
    usage = [use("n0", "a", CPU=2), use("n0", "b", CPU=2), use("n1", "c", CPU=4)]
    shapes = {"a": "1x{CPU:2}", "b": "1x{CPU:2}", "c": "1x{CPU:4}"}
    at_home = [running(name, shape, hours=500.0) for name, shape in shapes.items()]
    home = up(onprem(), 2, work=at_home, usage=usage)
    new = job("new", "1x{CPU:4}", runtime_s=500 * HOUR)
    found = decide(shot([new], home, up(RENTED, 0, new={"od4": 4})), make_policy("marginal", value_of_waiting=20.0))
    assert [d.submission_id for d in found if d.verdict is Verdict.MOVE] == ["c"]
    assert found[0].at == NOW
