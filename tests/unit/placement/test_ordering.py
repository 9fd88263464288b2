import pytest
from placement_builders import NOW, cloud, down, gang, job, onprem, up, work

from spillover.placement.ordering import grand_total, held_shares, in_order


def names(jobs, held=None, share=lambda _: 0.1):
    return [j.submission_id for j in in_order(jobs, held or {}, share)]


def queued(name, team="red", at=0.0, priority=0):
    return job(name, team=team, submitted_at=NOW + at, priority=priority)


def test_higher_priority_goes_first():
    """Priority beats submit time."""
    assert names([queued("a"), queued("b", at=1, priority=5)]) == ["b", "a"]


def test_one_team_keeps_submit_order():
    """Within a team jobs go by submit time, then by id."""
    assert names([queued("c", at=2), queued("b", at=1), queued("a", at=2)]) == ["b", "a", "c"]


def test_teams_take_turns():
    """A team that submits many jobs first does not go first with all of them."""
    jobs = [queued(f"r{i}", at=i) for i in range(3)] + [queued("b0", "blue", at=10)]
    assert names(jobs) == ["r0", "b0", "r1", "r2"]


def test_the_team_that_holds_less_goes_first():
    """Shares that live work holds count from the start."""
    assert names([queued("r"), queued("b", "blue", at=5)], {"red": 0.5}) == ["b", "r"]


def test_large_jobs_are_charged_more():
    """A team with jobs twice the size gets half as many turns."""
    jobs = [queued(f"r{i}", at=i) for i in range(2)] + [queued(f"b{i}", "blue", at=i) for i in range(4)]
    order = names(jobs, share=lambda j: 0.2 if j.team == "red" else 0.1)
    assert order[:4] == ["b0", "r0", "b1", "b2"] or order.index("r1") > order.index("b1")


def test_jobs_without_demand_take_turns_too():
    """A demand of nothing is charged a little, so that teams still alternate."""
    jobs = [queued(f"r{i}", at=i) for i in range(2)] + [queued("b", "blue", at=9)]
    assert names(jobs, share=lambda _: 0.0) == ["r0", "b", "r1"]


def test_shares_are_dominant_shares_of_all_pools():
    """What a team holds is its largest fraction of everything the pools could ever have."""
    views = [up(onprem(), 2, work=[work("a", "4x{CPU:1}", team="blue")]), down(cloud())]
    total = grand_total(views)
    assert dict(total) == {"CPU": 32.0}
    assert held_shares(views, total) == {"blue": pytest.approx(0.125)}
    assert gang("1x{CPU:8}").total().dominant_share(total) == pytest.approx(0.25)
