"""What was spent while nobody looked is booked on those who held the nodes."""

from __future__ import annotations

from collections.abc import Sequence

from spillover.domain.job import Hints
from spillover.domain.money import LedgerEntry, PaidNode
from spillover.domain.past import PastJob
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolStatus, Usage
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.ledger.catching_up import as_held, catch_up
from spillover.ledger.meter import Account
from spillover.placement.snapshot import LiveWork, PoolView

TYPE = NodeType("worker", Resources({"CPU": 4}), Market.SPOT, 3.6, 4)
POOL = Pool("p", PoolKind.ATTACHED, PoolRole.BASELINE, (TYPE,))
NODE = PaidNode("p", "n1", "worker", "spot", 3.6, is_head=False, ip="", since=0.0, metered_until=100.0)
SHOWN = Node("n1", "", "worker", Resources({"CPU": 4}))
HALF = Demand(parse_bundles("1x{CPU:2}"))
ACCOUNTS = {"now": Account("search", "alice")}


def live(*names: str) -> tuple[LiveWork, ...]:
    return tuple(LiveWork(name, "search", HALF, 999.0) for name in names)


def ended(name: str, start: float, end: float, pool: str = "p") -> PastJob:
    return PastJob(name, "bob", "ads", 0, HALF, Hints(), 0.0, start, end, pool, "worker", "spot", 0)


def booked(view: PoolView, past: Sequence[PastJob], placed: dict[str, float], now: float) -> dict[str, float]:
    """Node-seconds by who pays."""
    moved, entries = catch_up(view, [NODE], ACCOUNTS, placed, past, now)
    assert [node.metered_until for node in moved] == [now]
    return sums(entries)


def sums(entries: Sequence[LedgerEntry]) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in entries:
        name = entry.submission_id or entry.kind.value
        found[name] = found.get(name, 0.0) + entry.node_s
    return found


def test_jobs_pay_from_their_placing_to_their_end() -> None:
    """One that is there since before pays for all of the time, one that came or went meanwhile for its own part."""
    view = PoolView(POOL, PoolStatus.UP, (SHOWN,), work=live("now"))
    assert booked(view, [], {"now": 50.0}, 200.0) == {"now": 50.0, "idle": 50.0}
    assert booked(view, [], {"now": 180.0}, 200.0) == {"now": 10.0, "idle": 90.0}
    past = [ended("a", 20.0, 130.0), ended("b", 140.0, 160.0), ended("elsewhere", 20.0, 190.0, pool="q")]
    assert booked(view, past, {"now": 180.0}, 200.0) == {"a": 15.0, "b": 10.0, "now": 10.0, "idle": 65.0}


def test_a_job_whose_end_was_just_heard_of_pays_once() -> None:
    """Still live in the snapshot, ended in the store: the store knows until when."""
    view = PoolView(POOL, PoolStatus.UP, (SHOWN,), work=live("now"))
    assert booked(view, [ended("now", 20.0, 120.0)], {}, 200.0) == {"now": 10.0, "idle": 90.0}


def test_nodes_that_nobody_sees_are_held_by_what_was_declared() -> None:
    """A pool that shows nothing is charged on the nodes whose meters run; one that shows nodes, as it shows itself."""
    silent = PoolView(POOL, PoolStatus.UNREACHABLE, usage=(Usage("n1", None, Resources({"CPU": 1})),), work=live("now"))
    held = as_held(silent, [NODE])
    assert [(n.node_id, n.resources) for n in held.nodes] == [("n1", TYPE.resources)]
    assert booked(held, [], {}, 200.0) == {"now": 50.0, "idle": 50.0}
    answers = PoolView(POOL, PoolStatus.UP, (SHOWN,))
    assert as_held(answers, []) is answers
