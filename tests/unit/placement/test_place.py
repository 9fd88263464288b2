from dataclasses import replace

import pytest
from placement_builders import NOW, cloud, down, gang, job, node_type, onprem, res, shot, up, use, work

from spillover.domain.decision import Verdict
from spillover.domain.job import Hints
from spillover.domain.pool import Market, PoolKind, PoolStatus
from spillover.placement.place import decide
from spillover.placement.policies import make_policy

NEVER = make_policy("never")
NOW_OR_CLOUD = make_policy("immediate")
PATIENT = make_policy("threshold", rules=[[1, 300]])
FULL = up(onprem(), 1, work=[work("w", "4x{CPU:1}", ends_in=180)])


def one(*views, policy=NEVER, **fields):
    (decision,) = decide(shot([job(**fields)], *views), policy)
    return decision


def reasons(decisions):
    return {d.submission_id: d.reason for d in decisions}


def test_a_job_that_fits_runs_on_the_owned_pool():
    """Free owned room is taken at once, with its cost in the sentence."""
    found = one(up(onprem()), down(cloud()), demand="2x{CPU:1}", runtime_s=400.0)
    assert (found.verdict, found.reason, found.pool, found.node_type) == (
        Verdict.TAKE,
        "fits_baseline",
        "onprem",
        "cpu4",
    )
    assert found.sentence == "Runs on onprem now: 2x{CPU:1} is free there, $0.02 for about 7 min."
    assert found.expected_start_at == NOW


def test_an_assumed_run_time_is_said_to_be_assumed():
    """A figure that rests on an assumption says so."""
    found = one(up(onprem()), runtime_s=3600.0, runtime_source="run time unknown, 1 h assumed")
    assert found.sentence.endswith("$0.09 for about 60 min (run time unknown, 1 h assumed).")


def test_a_waiting_job_compares_dollars_and_says_until_when():
    """The policy's answer, the expected start and the price of not waiting are in one sentence."""
    found = one(FULL, down(cloud()), policy=PATIENT, runtime_s=3600.0)
    assert (found.verdict, found.reason, found.until) == (Verdict.WAIT, "waits_baseline", NOW + 290)
    assert found.expected_start_at == NOW + 180
    assert found.sentence == (
        "Waits for onprem: expected to start in about 3 min; bursting to cloud would cost $0.35 more; "
        "threshold bursts it at the latest at 13:51:30 UTC (1 job older than 5 min)."
    )


def test_a_bursting_job_names_the_offer():
    """A burst says why, what it takes, what that costs and when it starts."""
    found = one(FULL, down(cloud()), policy=PATIENT, submitted_at=NOW - 301)
    assert (found.verdict, found.reason, found.market) == (Verdict.TAKE, "burst_threshold", "spot")
    assert found.sentence == (
        "Bursts to cloud: 1 job has waited over 5 min; cheapest offer spot4 x1 at $0.40/h, about $0.04, "
        "starts in about 45 s."
    )


def test_never_waits_at_any_price():
    """The policy 'never' leaves a job waiting while a rented pool is free."""
    assert one(FULL, down(cloud())).reason == "waits_baseline"


def test_a_job_in_backoff_waits_until_it_is_due():
    """A job whose next attempt is not due takes no room, even if some is free."""
    found = one(up(onprem()), not_before=NOW + 30)
    assert (found.verdict, found.reason, found.until) == (Verdict.WAIT, "backoff", NOW + 30)


def test_a_job_that_no_pool_can_run_says_why_for_each():
    """Reasons of all pools are in the sentence."""
    found = one(up(onprem()), down(cloud()), demand="1x{GPU:1}")
    assert found.reason == "never_fits"
    assert "pool 'onprem' is {GPU:0}" in found.sentence
    assert "pool 'cloud' is {GPU:0}" in found.sentence


def test_a_job_that_only_rented_pools_can_run_does_not_wait():
    """Where there is nothing owned to wait for, a policy that ever bursts bursts at once."""
    big = onprem(node_type(resources=res(CPU=1)))
    assert one(up(big), down(cloud()), policy=PATIENT, demand="1x{CPU:4}").reason == "only_burst"
    assert one(up(big), down(cloud()), policy=NEVER, demand="1x{CPU:4}").reason == "never_bursts"


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (down(cloud(), blocked="is blocked: the budget of team red is used up"), "the budget of team red is used up"),
        (down(cloud(), status=PoolStatus.UNREACHABLE), "cloud does not answer"),
        (down(cloud(), status=PoolStatus.FOLDING), "cloud is being folded"),
        (down(cloud(), {}), "cloud is full"),
    ],
)
def test_a_closed_burst_pool_takes_nothing_and_says_why(view, text):
    """Blocked, unreachable, folding or full: the job waits for the owned pool and hears why."""
    found = one(FULL, view, policy=NOW_OR_CLOUD)
    assert (found.verdict, found.reason) == (Verdict.WAIT, "waits_baseline")
    assert text in found.sentence


def test_closed_pools_alone_are_their_own_reason():
    """If all pools that could run a job are closed, that is the reason; if rented ones are full, that is."""
    lost = replace(up(onprem(), 0), status=PoolStatus.UNREACHABLE)
    assert one(lost).reason == "pool_blocked"
    assert one(lost).sentence == "Waits for onprem: it does not answer."
    assert one(down(cloud(), {}), policy=NOW_OR_CLOUD).reason == "no_room"
    assert one(down(cloud(), blocked="is blocked"), policy=NOW_OR_CLOUD).reason == "pool_blocked"


def test_an_owned_pool_that_is_being_raised_is_waited_for():
    """A launched baseline pool gets its jobs when it is up, and its `ready_at` is the expected start."""
    rising = down(onprem(kind=PoolKind.LAUNCHED), status=PoolStatus.RAISING, ready_at=NOW + 20)
    found = one(rising)
    assert (found.verdict, found.expected_start_at) == (Verdict.WAIT, NOW + 20)
    assert found.sentence == "Waits for onprem: it is not up yet; expected to start in about 20 s."


def test_an_attempt_may_be_placed_on_a_burst_pool_that_is_down_or_rising():
    """The control loop raises what was decided for."""
    for status in (PoolStatus.DOWN, PoolStatus.RAISING, PoolStatus.UP):
        assert one(down(cloud(), status=status), policy=NOW_OR_CLOUD).verdict is Verdict.TAKE


def test_a_team_that_may_not_burst_waits():
    """The sentence says that it is the team's rule."""
    found = one(FULL, down(cloud()), policy=NOW_OR_CLOUD, may_burst=False)
    assert "team 'red' may not burst" in found.sentence


def test_each_team_that_may_not_burst_hears_its_own_name():
    """Like jobs of two teams share an answer only where it is the same."""
    jobs = [job("a", may_burst=False), job("b", may_burst=False, team="blue")]
    texts = {d.submission_id: d.sentence for d in decide(shot(jobs, FULL, down(cloud())), NOW_OR_CLOUD)}
    assert "team 'red'" in texts["a"]
    assert "team 'blue'" in texts["b"]


def test_jobs_that_wait_for_one_pool_compare_with_what_each_may_rent():
    """Two jobs alike but for their regions wait for the same pool, and each hears of the pool that it could rent."""
    cheap, eu = cloud(name="cheap"), cloud(node_type("od4", Market.ON_DEMAND, 1.0), name="eu", region="eu")
    own = replace(FULL, pool=replace(FULL.pool, region="eu"))
    jobs = [job("a"), job("b", hints=Hints(regions=("eu",)))]
    texts = {d.submission_id: d.sentence for d in decide(shot(jobs, own, down(cheap), down(eu)), PATIENT)}
    assert "bursting to cheap would cost" in texts["a"]
    assert "bursting to eu would cost" in texts["b"]


def test_a_node_that_a_job_starts_on_an_owned_pool_is_waited_for():
    """Behind jobs that take the last nodes of an owned pool, one new, the next one waits for the first to end."""
    own = up(onprem(kind=PoolKind.LAUNCHED, startup_s=50.0), 1, new={"cpu4": 1})
    jobs = [job(name, "1x{CPU:4}", runtime_s=run_s) for name, run_s in (("a", 500.0), ("b", 100.0), ("c", 60.0))]
    found = decide(shot(jobs, own), NEVER)
    assert [d.expected_start_at for d in found] == [NOW, NOW + 50, NOW + 150]


def test_foreign_use_leaves_no_start_in_sight():
    """Nobody knows when foreign use ends, and nothing is made up."""
    found = one(up(onprem(), 1, usage=[use("n0", None, CPU=4)]))
    assert found.expected_start_at is None
    assert "no start is in sight" in found.sentence


def test_room_is_handed_out_once():
    """A job placed in this pass leaves less for those after it."""
    found = decide(shot([job(f"j{i}", "1x{CPU:2}") for i in range(3)], up(onprem())), NEVER)
    assert [d.verdict for d in found] == [Verdict.TAKE, Verdict.TAKE, Verdict.WAIT]


def test_jobs_share_the_nodes_that_one_of_them_starts():
    """The second job on a new node is cheaper than the first, which pays for starting it."""
    jobs = [job(f"j{i}", "1x{CPU:2}", runtime_s=3600.0) for i in range(2)]
    first, second = decide(shot(jobs, down(cloud())), NOW_OR_CLOUD)
    costs = [next(o.cost_usd for o in d.offers if o.chosen) for d in (first, second)]
    assert costs == [pytest.approx(0.40 * 3945 / 3600), pytest.approx(0.20)]


def test_the_cheapest_rented_offer_is_taken():
    """Among pools and node types, the lowest cost for this job wins."""
    dear = cloud(node_type("od4", Market.ON_DEMAND, 1.0), name="dear")
    assert one(down(dear), down(cloud()), policy=NOW_OR_CLOUD).pool == "cloud"
    assert one(down(dear), down(cloud()), policy=NOW_OR_CLOUD, hints=Hints(markets=("on_demand",))).pool == "dear"


def test_a_node_that_is_up_beats_a_cheaper_one_that_is_not():
    """For a short job, room on a rented node that is up is cheaper than starting another."""
    dear = cloud(node_type("od4", Market.ON_DEMAND, 0.5), name="dear")
    assert one(up(dear, 1), down(cloud()), policy=NOW_OR_CLOUD, runtime_s=30.0).pool == "dear"


def test_a_short_job_may_pass_a_blocked_one():
    """A job that ends before the first blocked one can start is let by."""
    view = up(onprem(), 2, work=[work("w", "4x{CPU:1}", ends_in=100)])
    jobs = [job("big", "2x{CPU:4}", submitted_at=NOW - 20), job("small", "1x{CPU:1}", runtime_s=90.0)]
    assert reasons(decide(shot(jobs, view), NEVER)) == {"big": "waits_baseline", "small": "fits_baseline"}


def test_a_long_job_may_not_pass_a_blocked_one():
    """A job that would still hold the blocked one's room waits, and says for whom."""
    view = up(onprem(), 2, work=[work("w", "4x{CPU:1}", ends_in=100)])
    jobs = [job("big", "2x{CPU:4}", submitted_at=NOW - 20), job("small", "1x{CPU:1}", runtime_s=200.0)]
    big, small = decide(shot(jobs, view), NEVER)
    assert (big.reason, small.reason) == ("waits_baseline", "behind_first")
    assert "it would fit onprem now but delay big, which is ahead" in small.sentence


def test_a_long_job_may_use_what_is_left_over():
    """Room that the blocked job does not need at its start may be used for as long as one likes, but once."""
    view = up(onprem(), 2, work=[work("w", "4x{CPU:1}", ends_in=100)])
    jobs = [job("big", "2x{CPU:3}", submitted_at=NOW - 20)]
    jobs += [job(f"small{i}", "1x{CPU:1}", runtime_s=9000.0, submitted_at=NOW - 10 + i) for i in range(3)]
    found = reasons(decide(shot(jobs, view), NEVER))
    assert found == {
        "big": "waits_baseline",
        "small0": "fits_baseline",
        "small1": "behind_first",
        "small2": "behind_first",
    }


def test_a_job_without_a_start_in_sight_holds_nobody_up():
    """A job that foreign use keeps out reserves nothing."""
    view = up(onprem(), 1, usage=[use("n0", None, CPU=1)])
    jobs = [job("big", "1x{CPU:4}", submitted_at=NOW - 20), job("small", runtime_s=9000.0)]
    assert reasons(decide(shot(jobs, view), NEVER)) == {"big": "waits_baseline", "small": "fits_baseline"}


def test_reasons_hold_from_tick_to_tick():
    """The same state a second later gives the same verdict and reason."""
    snapshot = shot([job()], FULL, down(cloud()))
    ticks = [decide(replace(snapshot, at=NOW + t), PATIENT)[0] for t in range(5)]
    assert len({(d.verdict, d.reason) for d in ticks}) == 1


def test_demand_on_the_head_needs_a_slot_only():
    """Work that asks for nothing fills driver slots, not nodes."""
    jobs = [job(f"j{i}", gang("")) for i in range(3)]
    found = decide(shot(jobs, up(onprem(max_drivers=2), 0)), NEVER)
    assert [d.verdict for d in found] == [Verdict.TAKE, Verdict.TAKE, Verdict.WAIT]
