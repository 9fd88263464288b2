"""The ledger adds up, whatever runs where and whenever the meters are read."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.domain.money import LedgerEntry, PaidNode, cost_nanos
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolStatus, Usage
from spillover.domain.resources import Demand, Resources
from spillover.ledger.meter import Account, meter
from spillover.placement.snapshot import LiveWork, PoolView

START = 1_800_000_000.0
NAMES = ("CPU", "GPU", "tpu")

amounts = st.floats(0, 64, allow_nan=False).map(lambda x: round(x, 3))
resources = st.dictionaries(st.sampled_from(NAMES), amounts, max_size=3).map(Resources)
demands = st.lists(st.tuples(st.integers(1, 4), resources), max_size=3).map(lambda bundles: Demand(tuple(bundles)))
prices = st.floats(0, 500, allow_nan=False)
instants = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=6).map(sorted)


@st.composite
def views(draw: st.DrawFn, pool: Pool, nodes: tuple[Node, ...]) -> PoolView:
    """The same nodes with other work on them, some of it foreign, some of it over what there is."""
    jobs = [f"j{n}" for n in range(draw(st.integers(0, 4)))]
    work = tuple(LiveWork(job, "team", draw(demands), START) for job in jobs)
    owners = st.sampled_from([*jobs, None, "gone"])
    ids = st.sampled_from([node.node_id for node in nodes] or ["none"])
    usage = tuple(draw(st.lists(st.builds(Usage, ids, owners, resources), max_size=6)))
    return PoolView(pool, PoolStatus.UP, nodes, usage, work)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_entries_add_up_to_what_each_node_costs(data: st.DataObject) -> None:
    """Over any instants, the entries of a node sum to the cost of its whole span, and none is below zero."""
    node_type = NodeType("t", data.draw(resources), Market.OWNED, 1.0, 8)
    pool = Pool("p", PoolKind.ATTACHED, PoolRole.BASELINE, (node_type,))
    nodes = tuple(Node(f"n{i}", "ip", "t", data.draw(resources)) for i in range(data.draw(st.integers(1, 3))))
    times = [START + t for t in data.draw(instants)]
    paid = [
        PaidNode("p", n.node_id, "t", "owned", data.draw(prices), data.draw(st.booleans()), "", START, START)
        for n in nodes
    ]
    accounts = {f"j{n}": Account("team", "user") for n in range(data.draw(st.integers(0, 4)))}
    entries: list[LedgerEntry] = []
    moved = paid
    for at in times:
        moved, new = meter(data.draw(views(pool, nodes)), moved, accounts, at)
        entries += new
    check(paid, entries, times[-1])


def check(paid: list[PaidNode], entries: list[LedgerEntry], end: float) -> None:
    """Money and time of each node add up, without gap or overlap."""
    cost: dict[str, int] = defaultdict(int)
    node_s: dict[str, float] = defaultdict(float)
    spans: dict[str, set[tuple[float, float]]] = defaultdict(set)
    for entry in entries:
        assert entry.nano_usd >= 0
        assert entry.node_s >= 0
        cost[entry.node_id] += entry.nano_usd
        node_s[entry.node_id] += entry.node_s
        spans[entry.node_id].add((entry.start, entry.end))
    for node in paid:
        assert cost[node.node_id] == cost_nanos(node.price_usd_per_hour, START, end)
        assert abs(node_s[node.node_id] - (end - START)) < 1e-3
        ordered = sorted(spans[node.node_id])
        assert all(a[1] == b[0] for a, b in pairwise(ordered))


@given(price=prices, cuts=st.lists(st.floats(0, 1e7, allow_nan=False), min_size=2, max_size=10))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_cost_of_a_span_does_not_depend_on_how_it_is_cut(price: float, cuts: list[float]) -> None:
    """Sums of parts equal the whole to the nanodollar, and time forwards costs nothing less than nothing."""
    times = sorted(START + cut for cut in cuts)
    parts = [cost_nanos(price, a, b) for a, b in pairwise(times)]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == cost_nanos(price, times[0], times[-1])
