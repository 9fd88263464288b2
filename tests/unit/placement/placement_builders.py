"""Short ways to write the values that placement works on."""

from __future__ import annotations

from spillover.domain.job import Hints
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolStatus, Usage
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.snapshot import LiveWork, PoolView, QueuedJob, Snapshot

NOW = 1_000_000.0


def res(**amounts: float) -> Resources:
    return Resources(amounts)


def gang(text: str, *, driver: Resources | None = None, labels: tuple[tuple[str, str], ...] = ()) -> Demand:
    bundles = parse_bundles(text) if text else ()
    return Demand(bundles, driver or Resources(), labels)


def job(name: str = "j1", demand: str | Demand = "1x{CPU:1}", **fields: object) -> QueuedJob:
    values: dict[str, object] = {
        "user": "ann",
        "team": "red",
        "priority": 0,
        "submitted_at": NOW - 10,
        "hints": Hints(),
        "runtime_s": 60.0,
        "runtime_source": "the job's own hint",
    }
    values["demand"] = gang(demand) if isinstance(demand, str) else demand
    return QueuedJob(submission_id=name, **{**values, **fields})  # type: ignore[arg-type]


def node_type(name: str = "cpu4", market: Market = Market.OWNED, price: float = 0.36, most: int = 4, **fields):
    resources = fields.pop("resources", None) or res(CPU=4)
    return NodeType(name, resources, market, price, most, **fields)


def onprem(*types: NodeType, **fields) -> Pool:
    fields = {"kind": PoolKind.ATTACHED, "role": PoolRole.BASELINE, **fields}
    return Pool(fields.pop("name", "onprem"), node_types=types or (node_type(),), **fields)


def cloud(*types: NodeType, **fields) -> Pool:
    fields = {"kind": PoolKind.LAUNCHED, "role": PoolRole.BURST, "startup_s": 45.0, **fields}
    default = (node_type("spot4", Market.SPOT, 0.40),)
    return Pool(fields.pop("name", "cloud"), node_types=types or default, **fields)


def up(pool: Pool, nodes: int = 1, *, work=(), usage=(), new: dict[str, int] | None = None, **fields) -> PoolView:
    """The pool with so many nodes of its first type, named n0, n1, ..."""
    first = pool.node_types[0]
    live = tuple(Node(f"n{i}", f"10.0.0.{i}", first.name, first.resources) for i in range(nodes))
    return PoolView(pool, PoolStatus.UP, live, tuple(usage), tuple(work), new or {}, **fields)


def down(pool: Pool, new: dict[str, int] | None = None, **fields) -> PoolView:
    caps = {t.name: t.max_nodes for t in pool.node_types} if new is None else new
    return PoolView(pool, fields.pop("status", PoolStatus.DOWN), max_new_nodes=caps, **fields)


def work(name: str, demand: str, *, ends_in: float = 100.0, team: str = "red", **fields) -> LiveWork:
    return LiveWork(name, team, gang(demand), NOW + ends_in, **fields)


def use(node: str, owner: str | None, **amounts: float) -> Usage:
    return Usage(node, owner, res(**amounts))


def shot(jobs, *views: PoolView, past=(), at: float = NOW) -> Snapshot:
    return Snapshot(at, tuple(jobs), views, tuple(past))
