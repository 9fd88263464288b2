"""Who pays for a node: shares that add up to what it costs, to the nanodollar."""

from __future__ import annotations

from dataclasses import replace

from spillover.domain.money import EntryKind, PaidNode, cost_nanos
from spillover.domain.resources import Resources
from spillover.ledger.split import Payer, charges, split

NODE = PaidNode("p", "n1", "worker", "owned", 3.6, is_head=False, ip="", since=100.0, metered_until=100.0)
TOTAL = Resources({"CPU": 4, "GPU": 2})
NOTHING = Resources()


def payer(name: str, **charged: float) -> Payer:
    return Payer(name, "search", "alice", Resources(charged))


def parts(*payers: Payer, foreign: Resources = NOTHING, total: Resources = TOTAL) -> dict[str, float]:
    """Millidollars by who pays, for a thousand seconds at a tenth of a cent each."""
    entries = split(NODE, total, payers, foreign, 1100.0)
    assert sum(entry.nano_usd for entry in entries) == cost_nanos(3.6, 100.0, 1100.0)
    assert abs(sum(entry.node_s for entry in entries) - 1000.0) < 1e-6
    assert all((entry.start, entry.end) == (100.0, 1100.0) for entry in entries)
    return {entry.submission_id or entry.kind.value: round(entry.nano_usd / 1e6, 3) for entry in entries}


def test_empty_node_is_idle() -> None:
    """A node on which nothing runs is idle, and shown as idle."""
    assert parts() == {"idle": 1000}


def test_job_pays_its_dominant_share() -> None:
    """A job that takes a quarter of the CPUs and half of the GPUs pays half of the node."""
    assert parts(payer("j1", CPU=1, GPU=1)) == {"j1": 500, "idle": 500}


def test_foreign_use_pays_its_own_share() -> None:
    """Work that did not come through us is its own kind, not idle and not anybody's."""
    assert parts(payer("j1", CPU=1), foreign=Resources({"CPU": 2})) == {"j1": 250, "foreign": 500, "idle": 250}


def test_more_than_all_is_scaled_down() -> None:
    """Together nobody pays more than the node costs: over-use is shared in proportion."""
    assert parts(payer("j1", CPU=4), payer("j2", GPU=1), foreign=Resources({"CPU": 2})) == {
        "j1": 500,
        "j2": 250,
        "foreign": 250,
    }


def test_thirds_add_up() -> None:
    """Shares that no decimal can hold still add up to the nanodollar."""
    assert parts(*(payer(f"j{n}", CPU=4 / 3) for n in range(3))) == {"j0": 333.333, "j1": 333.333, "j2": 333.333}


def test_hardly_anything_is_still_booked() -> None:
    """Idle time of a billionth of a node has its own nanodollars; what floating point leaves over is not idle time."""
    almost = replace(NODE, price_usd_per_hour=3_600_000.0)
    entries = split(almost, Resources({"CPU": 1}), [payer("j1", CPU=1 - 5e-10)], NOTHING, 1100.0)
    assert [(e.kind, e.nano_usd) for e in entries] == [(EntryKind.JOB, 10**15 - 500_000), (EntryKind.IDLE, 500_000)]
    tenths = split(NODE, Resources({"CPU": 1}), [payer(f"j{n}", CPU=0.1) for n in range(10)], NOTHING, 1100.0)
    assert {e.kind for e in tenths} == {EntryKind.JOB}


def test_node_of_unknown_size_is_idle() -> None:
    """Without totals there are no shares: the cost is booked, as idle."""
    assert parts(payer("j1", CPU=1), total=NOTHING) == {"idle": 1000}


def test_head_serves_all() -> None:
    """A head's cost is of its own kind, whoever uses it."""
    entries = split(replace(NODE, is_head=True), TOTAL, [payer("j1", CPU=1)], NOTHING, 1100.0)
    assert [(entry.kind, entry.submission_id) for entry in entries] == [(EntryKind.HEAD, None)]


def test_accounts_are_on_the_entries() -> None:
    """An entry names job, team, user, node, type and market."""
    entry = split(NODE, TOTAL, [payer("j1", CPU=4)], NOTHING, 101.0)[0]
    assert (entry.submission_id, entry.team, entry.user) == ("j1", "search", "alice")
    assert (entry.pool, entry.node_id, entry.node_type, entry.market) == ("p", "n1", "worker", "owned")


def test_charges_are_turned_round() -> None:
    """From what each job holds where, to who holds what on each node."""
    held = [("j1", {"n1": {"CPU": 1.0}, "n2": {"GPU": 1.0}}), ("j2", {"n1": {"CPU": 2.0}})]
    assert charges(held) == {
        "n1": {"j1": Resources({"CPU": 1}), "j2": Resources({"CPU": 2})},
        "n2": {"j1": Resources({"GPU": 1})},
    }
