"""Which nodes cost money, from when, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spillover.domain.money import EntryKind, PaidNode
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolState, PoolStatus, Usage
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.ledger.meter import Account, meter, new_nodes, vanished
from spillover.placement.snapshot import LiveWork, PoolView

TYPE = NodeType("worker", Resources({"CPU": 4}), Market.SPOT, 3.6, 4)
POOL = Pool("p", PoolKind.LAUNCHED, PoolRole.BURST, (TYPE,), head_price_usd_per_hour=0.36)
HEAD = Node("h", "10.0.0.1", "head", Resources({"memory": 1e9}), is_head=True)
WORKER = Node("n1", "10.0.0.2", "worker", Resources({"CPU": 4}), started_at=90.0)
UP = PoolState("p", PoolStatus.UP, lease_id="L", since=50.0)
ACCOUNTS = {"j1": Account("search", "alice")}


def view(*nodes: Node, pool: Pool = POOL, status: PoolStatus = PoolStatus.UP, **changes: object) -> PoolView:
    return replace(PoolView(pool, status, nodes), **changes)  # type: ignore[arg-type]


def test_worker_costs_from_its_own_start() -> None:
    """A worker that we first see a little later was paid for from its start; the head by its lease."""
    found = {node.node_id: node for node in new_nodes(view(HEAD, WORKER), UP, [], 100.0)}
    assert set(found) == {"head-L", "n1"}
    assert (found["n1"].since, found["n1"].market, found["n1"].price_usd_per_hour, found["n1"].ip) == (
        90.0,
        "spot",
        3.6,
        "10.0.0.2",
    )
    assert (found["head-L"].is_head, found["head-L"].price_usd_per_hour, found["head-L"].market) == (
        True,
        0.36,
        "on_demand",
    )


@pytest.mark.parametrize("status", [PoolStatus.RAISING, PoolStatus.UP])
def test_head_costs_while_it_is_being_raised(status: PoolStatus) -> None:
    """The meter of a head runs from the moment that raising began, also when it is first metered after that."""
    state = PoolState("p", status, lease_id="L", raised_at=50.0, since=70.0)
    (head,) = new_nodes(view(status=status), state, [], 100.0)
    assert (head.node_id, head.since, head.metered_until) == ("head-L", 50.0, 50.0)


def test_known_nodes_are_not_found_twice() -> None:
    """A node has one meter."""
    known = new_nodes(view(HEAD, WORKER), UP, [], 100.0)
    assert new_nodes(view(HEAD, WORKER), UP, known, 110.0) == []


def test_attached_pools_head_is_seen_not_leased() -> None:
    """A head that others run costs what the settings say, from when we see it; with CPUs it is a node of its type."""
    pool = replace(POOL, kind=PoolKind.ATTACHED)
    (head,) = new_nodes(view(HEAD, pool=pool), PoolState("p", PoolStatus.UP), [], 100.0)
    assert (head.node_id, head.is_head, head.since) == ("h", True, 100.0)
    working = replace(HEAD, resources=Resources({"CPU": 4}))
    (head,) = new_nodes(view(working, pool=pool), PoolState("p", PoolStatus.UP), [], 100.0)
    assert (head.node_type, head.is_head, head.price_usd_per_hour) == ("worker", False, 3.6)


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        (PoolStatus.UP, ["n1"]),
        (PoolStatus.UNREACHABLE, []),
        (PoolStatus.FOLDING, []),
        (PoolStatus.DOWN, ["head-L", "n1"]),
        (PoolStatus.RAISING, ["n1"]),
    ],
)
def test_what_is_missing_depends_on_what_is_known(status: PoolStatus, missing: list[str]) -> None:
    """Only a look that was answered, or the provider's word that all is gone, makes a node missing."""
    known = new_nodes(view(HEAD, WORKER), UP, [], 100.0)
    state = PoolState("p", status, lease_id=None if status is PoolStatus.DOWN else "L", since=120.0)
    nodes = (HEAD,) if status is PoolStatus.UP else ()
    assert sorted(n.node_id for n in vanished(view(*nodes, status=status), state, known)) == missing


def test_job_is_charged_where_its_demand_is_placed() -> None:
    """A job pays on the node that holds its declared demand, before it is seen to use anything."""
    work = LiveWork("j1", "search", Demand(parse_bundles("1x{CPU:1}")), 999.0, "worker")
    known = new_nodes(view(HEAD, WORKER), UP, [], 90.0)
    moved, entries = meter(view(HEAD, WORKER, work=(work,)), known, ACCOUNTS, 1090.0)
    assert {node.metered_until for node in moved} == {1090.0}
    cost = {(e.node_id, e.kind, e.submission_id): e.nano_usd / 1e9 for e in entries}
    assert cost[("n1", EntryKind.JOB, "j1")] == pytest.approx(0.25)
    assert cost[("n1", EntryKind.IDLE, None)] == pytest.approx(0.75)
    assert cost[("head-L", EntryKind.HEAD, None)] == pytest.approx(0.1)


def test_charged_is_the_larger_of_declared_and_observed() -> None:
    """A job that uses more than it declared pays for what it uses; foreign use is nobody's."""
    work = LiveWork("j1", "search", Demand(parse_bundles("1x{CPU:1}")), 999.0)
    usage = (Usage("n1", "j1", Resources({"CPU": 2})), Usage("n1", None, Resources({"CPU": 1})))
    known = [node for node in new_nodes(view(HEAD, WORKER), UP, [], 90.0) if node.node_id == "n1"]
    _, entries = meter(view(HEAD, WORKER, work=(work,), usage=usage), known, ACCOUNTS, 1090.0)
    assert {e.kind.value: round(e.nano_usd / 1e9, 6) for e in entries} == {"job": 0.5, "foreign": 0.25, "idle": 0.25}


def test_node_that_is_gone_is_metered_up_to_its_end() -> None:
    """A node's last entry ends when it did, and never before its meter."""
    node = PaidNode("p", "n1", "worker", "spot", 3.6, is_head=False, ip="", since=90.0, metered_until=100.0)
    (moved,), entries = meter(view(), [replace(node, gone_at=150.0)], {}, 200.0)
    assert moved.metered_until == 150.0
    assert [(e.start, e.end) for e in entries] == [(100.0, 150.0)]
    (moved,), entries = meter(view(), [replace(node, gone_at=100.0)], {}, 200.0)
    assert (moved.metered_until, entries) == (100.0, [])


def test_time_never_runs_backwards() -> None:
    """A clock that was set back books nothing twice."""
    node = PaidNode("p", "n1", "worker", "spot", 3.6, is_head=False, ip="", since=90.0, metered_until=100.0)
    (moved,), entries = meter(view(), [node], {}, 50.0)
    assert (moved.metered_until, entries) == (100.0, [])


def test_no_entry_goes_over_midnight() -> None:
    """Days in which nobody metered are booked day by day, to the same sum."""
    day = 86_400.0
    node = PaidNode("p", "n1", "worker", "spot", 3.6, is_head=False, ip="", since=0.0, metered_until=day - 10)
    (moved,), entries = meter(view(WORKER), [node], {}, 3 * day + 5)
    assert moved.metered_until == 3 * day + 5
    assert [(e.start, e.end) for e in entries] == [
        (day - 10, day),
        (day, 2 * day),
        (2 * day, 3 * day),
        (3 * day, 3 * day + 5),
    ]
    assert sum(e.nano_usd for e in entries) == round((2 * day + 15) * 1e6)
