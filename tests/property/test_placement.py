"""What must hold of every decision, whatever the queue."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.domain.decision import Verdict
from spillover.domain.job import Hints
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolStatus, Usage
from spillover.domain.resources import Demand, Resources
from spillover.placement.place import decide
from spillover.placement.policies import make_policy
from spillover.placement.snapshot import LiveWork, PoolView, QueuedJob, Snapshot

NOW = 1_000_000.0
CPUS = 4
POLICIES = [make_policy("never"), make_policy("immediate"), make_policy("threshold", rules=[[2, 60], [1, 600]])]


def cpu(amount: float) -> Resources:
    return Resources({"CPU": amount})


@st.composite
def queued_jobs(draw, shapes=(1, 2, 3, 4), most=12):
    jobs = []
    for number in range(draw(st.integers(0, most))):
        count, size = draw(st.integers(1, 3)), draw(st.sampled_from(shapes))
        jobs.append(
            QueuedJob(
                submission_id=f"j{number:02d}",
                user="ann",
                team=draw(st.sampled_from(["red", "blue"])),
                priority=draw(st.sampled_from([0, 0, 0, 5])),
                submitted_at=NOW - draw(st.integers(0, 1000)),
                demand=Demand(((count, cpu(size)),)),
                hints=Hints(pools=draw(st.sampled_from([(), (), ("onprem",), ("cloud",)]))),
                runtime_s=float(draw(st.integers(1, 500))),
                runtime_source="the job's own hint",
                not_before=draw(st.sampled_from([0.0, 0.0, 0.0, NOW + 5])),
                may_burst=draw(st.booleans()),
            )
        )
    return tuple(jobs)


@st.composite
def baseline(draw, nodes=3):
    """An owned pool with observed one-node jobs, some foreign use and few driver slots."""
    node_type = NodeType("own", cpu(CPUS), Market.OWNED, 0.3, nodes)
    pool = Pool("onprem", PoolKind.ATTACHED, PoolRole.BASELINE, (node_type,), max_drivers=draw(st.integers(1, 12)))
    live, usage = [], []
    for number in range(nodes):
        held = draw(st.integers(0, CPUS))
        owner = draw(st.sampled_from([f"w{number}", None]))
        if held:
            usage.append(Usage(f"n{number}", owner, cpu(held)))
        if held and owner:
            ends_at = NOW + draw(st.integers(5, 600))
            live.append(LiveWork(owner, "red", Demand(((1, cpu(held)),)), ends_at))
    found = tuple(Node(f"n{i}", "", "own", cpu(CPUS)) for i in range(nodes))
    return PoolView(pool, PoolStatus.UP, found, tuple(usage), tuple(live))


@st.composite
def rented(draw):
    types = (NodeType("spot", cpu(CPUS), Market.SPOT, 0.4, 3), NodeType("od", cpu(CPUS), Market.ON_DEMAND, 1.0, 2))
    pool = Pool("cloud", PoolKind.LAUNCHED, PoolRole.BURST, types, 0.1, max_drivers=draw(st.integers(1, 12)))
    status = draw(st.sampled_from(list(PoolStatus)))
    new = {"spot": draw(st.integers(0, 3)), "od": draw(st.integers(0, 2))}
    pending = tuple(LiveWork(f"p{i}", "blue", Demand(((1, cpu(2)),)), NOW + 99) for i in range(draw(st.integers(0, 2))))
    return PoolView(
        pool, status, work=pending, max_new_nodes=new, blocked=draw(st.sampled_from(["", "", "is blocked"]))
    )


@st.composite
def snapshots(draw):
    return Snapshot(NOW, draw(queued_jobs()), (draw(baseline()), draw(rented())))


@given(snapshots(), st.sampled_from(POLICIES))
def test_no_job_vanishes(snapshot, policy):
    """There is exactly one decision for each queued job."""
    found = [d.submission_id for d in decide(snapshot, policy)]
    assert sorted(found) == [job.submission_id for job in snapshot.jobs]


@given(snapshots(), st.sampled_from(POLICIES), st.randoms(use_true_random=False))
def test_decisions_do_not_depend_on_anything_else(snapshot, policy, random: Random):
    """The same queue in any order, asked twice, gets the same decisions."""
    shuffled = list(snapshot.jobs)
    random.shuffle(shuffled)
    again = decide(replace(snapshot, jobs=tuple(shuffled)), policy)
    first = decide(snapshot, policy)
    assert sorted(first, key=lambda d: d.submission_id) == sorted(again, key=lambda d: d.submission_id)


@given(snapshots(), st.sampled_from(POLICIES))
def test_nothing_is_placed_over_capacity(snapshot, policy):
    """Live and placed work together never exceed CPUs, nodes for large bundles, or driver slots."""
    jobs = {job.submission_id: job for job in snapshot.jobs}
    for view in snapshot.pools:
        taken = [jobs[d.submission_id] for d in decide(snapshot, policy) if d.pool == view.pool.name]
        if not taken:
            continue
        nodes = len(view.nodes) + sum(view.max_new_nodes.values())
        observed = {use.owner for use in view.usage}
        held = sum(use.resources["CPU"] for use in view.usage)
        held += sum(w.demand.total()["CPU"] for w in view.work if w.submission_id not in observed)
        assert held + sum(job.demand.total()["CPU"] for job in taken) <= nodes * CPUS
        large = [n for job in taken for n, shape in job.demand.bundles if shape["CPU"] > CPUS / 2]
        assert sum(large) <= nodes
        assert len(view.work) + len(taken) <= view.pool.max_drivers


@given(snapshots(), st.sampled_from(POLICIES))
def test_hard_rules_hold(snapshot, policy):
    """No job runs where its hints or its team forbid it, on a closed pool, or before its back-off is over."""
    jobs = {job.submission_id: job for job in snapshot.jobs}
    views = {view.pool.name: view for view in snapshot.pools}
    for decision in decide(snapshot, policy):
        if decision.verdict is Verdict.TAKE:
            job, view = jobs[decision.submission_id], views[decision.pool]
            assert not job.hints.pools or decision.pool in job.hints.pools
            assert job.may_burst or view.pool.role is PoolRole.BASELINE
            assert not view.blocked
            assert view.status in {PoolStatus.UP, PoolStatus.DOWN, PoolStatus.RAISING}
            assert job.not_before <= NOW


@given(snapshots(), st.sampled_from(POLICIES))
def test_a_team_keeps_its_order(snapshot, policy):
    """Within a team and priority, jobs are taken in submit order."""
    jobs = {job.submission_id: job for job in snapshot.jobs}
    queues: dict[object, list[tuple[float, str]]] = {}
    for decision in decide(snapshot, policy):
        job = jobs[decision.submission_id]
        if decision.reason not in {"backoff", "never_fits"}:
            queues.setdefault((job.team, job.priority), []).append((job.submitted_at, job.submission_id))
    assert all(queue == sorted(queue) for queue in queues.values())


def earliest(free: float, ends: list[tuple[float, float]], need: float) -> float | None:
    """When `need` CPUs are free, by sums alone: an independent check for demands that any node can hold."""
    at = NOW
    for end, amount in sorted(ends):
        if free >= need:
            return at
        at, free = end, free + amount
    return at if free >= need else None


@st.composite
def crowded(draw):
    """One owned pool that is part full, and jobs of one-CPU bundles, so that sums decide."""
    node_type = NodeType("own", cpu(CPUS), Market.OWNED, 0.3, 3)
    pool = Pool("onprem", PoolKind.ATTACHED, PoolRole.BASELINE, (node_type,), max_drivers=100)
    live, usage = [], []
    for number in range(3):
        held = draw(st.integers(0, CPUS))
        if held:
            usage.append(Usage(f"n{number}", f"w{number}", cpu(held)))
            live.append(LiveWork(f"w{number}", "red", Demand(((1, cpu(held)),)), NOW + draw(st.integers(5, 600))))
    nodes = tuple(Node(f"n{i}", "", "own", cpu(CPUS)) for i in range(3))
    jobs = tuple(
        QueuedJob(
            f"j{i:02d}", "ann", draw(st.sampled_from(["red", "blue"])), 0, NOW - 50 + i,
            Demand(((draw(st.integers(1, 12)), cpu(1)),)), Hints(), float(draw(st.integers(1, 700))), "hint",
        )
        for i in range(draw(st.integers(2, 12)))
    )  # fmt: skip
    return Snapshot(NOW, jobs, (PoolView(pool, PoolStatus.UP, nodes, tuple(usage), tuple(live)),))


@settings(max_examples=400)
@given(crowded())
def test_backfill_never_delays_the_first_blocked_job(snapshot):
    """Whatever is let by, the first blocked job's earliest start is what it was before, and what it was told."""
    (view,) = snapshot.pools
    jobs = {job.submission_id: job for job in snapshot.jobs}
    free = 3 * CPUS - sum(use.resources["CPU"] for use in view.usage)
    ends = [(w.ends_at, w.demand.total()["CPU"]) for w in view.work]
    blocked, told, before = None, None, None
    for decision in decide(snapshot, POLICIES[0]):
        job = jobs[decision.submission_id]
        need = job.demand.total()["CPU"]
        if decision.verdict is Verdict.TAKE:
            free -= need
            ends.append((NOW + job.runtime_s, need))
        elif blocked is None:
            blocked, told = need, decision.expected_start_at
            before = earliest(free, ends, need)
    assert free >= 0
    if blocked is not None:
        assert told == before == earliest(free, ends, blocked)


@given(crowded())
def test_no_room_is_wasted_on_the_first_blocked_job(snapshot):
    """A job that waits behind the first one either does not fit now or would delay it."""
    (view,) = snapshot.pools
    jobs = {job.submission_id: job for job in snapshot.jobs}
    found = decide(snapshot, POLICIES[0])
    free = 3 * CPUS - sum(use.resources["CPU"] for use in view.usage)
    free -= sum(jobs[d.submission_id].demand.total()["CPU"] for d in found if d.verdict is Verdict.TAKE)
    waiting = [d for d in found if d.verdict is Verdict.WAIT]
    for decision in waiting:
        job = jobs[decision.submission_id]
        if job.demand.total()["CPU"] <= free:
            assert decision.reason == "behind_first"
            assert NOW + job.runtime_s > (waiting[0].expected_start_at or 0.0)
