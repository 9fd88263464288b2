"""Hard rules: why a job can never run on a pool. Each reason names the value and the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..domain.job import Hints
from ..domain.labels import MARKET_LABEL, selects
from ..domain.pool import NodeType, Pool, PoolKind, PoolRole
from ..domain.resources import Demand
from .capacity import own_resources, type_of
from .packing import DRIVER_SLOT, Free, Need, Trial, Unit, fits, gang_of, shown, specials
from .snapshot import PoolView, QueuedJob


class Ceiling:
    """A pool with all the nodes it may ever have, and nothing on them."""

    def __init__(self, view: PoolView) -> None:
        self.pool = view.pool
        self.types = tuple(sorted(view.pool.node_types, key=lambda t: (specials(t.resources), t.price_usd_per_hour)))
        self._frees: list[Free] = [{DRIVER_SLOT: float(view.pool.max_drivers)}]
        self._labels: list[Mapping[str, str]] = [{}]
        self._of_type: list[str | None] = [None]
        self._new = {t.name: t.max_nodes for t in self.types}
        self._misfits: dict[tuple[Demand, tuple[str, ...]], str] = {}
        self._add_live(view)

    def _add_live(self, view: PoolView) -> None:
        """Nodes that are there count with what they have; the rest with what the settings say of their type."""
        for node in view.nodes:
            if node.is_head and not own_resources(node):
                continue
            node_type = type_of(view.pool, node)
            self._frees.append(dict(node.resources))
            self._labels.append({**(node_type.labels if node_type else {}), **node.labels})
            self._of_type.append(node_type.name if node_type else None)
            if node_type is not None and not (node.is_head and view.pool.kind is PoolKind.LAUNCHED):
                self._new[node_type.name] -= 1  # what others run has its nodes counted with its head

    def live_labels(self) -> list[Mapping[str, str]]:
        """The labels of the nodes that are there."""
        return self._labels[1:]

    def misfit(self, demand: Demand, types: Sequence[NodeType]) -> str:
        """Why the gang can never be held by nodes of `types`, or "" if it can."""
        key = (demand, tuple(t.name for t in types))
        if key not in self._misfits:
            self._misfits[key] = self._misfit(demand, types)
        return self._misfits[key]

    def _misfit(self, demand: Demand, types: Sequence[NodeType]) -> str:
        names = {t.name for t in types}
        trial = Trial(self._frees, self._new)
        for count, unit in gang_of(demand):
            if unit.need == ((DRIVER_SLOT, 1.0),) and self.pool.max_drivers < 1:
                return (
                    f"needs a driver slot on the head; pool '{self.pool.name}' has max_drivers {self.pool.max_drivers}"
                )
            rooms = [i for i, t in enumerate(self._of_type) if (i == 0 or t in names) and self._pins(unit, i, demand)]
            fitting = [t for t in types if takes_unit(t, unit, demand)]
            if not trial.put(count, unit.need, rooms, fitting):
                return self._too_small(demand, unit, names)
        return ""

    def _pins(self, unit: Unit, index: int, demand: Demand) -> bool:
        return not unit.pinned or (index > 0 and selects(demand.labels, self._labels[index]))

    def _too_small(self, demand: Demand, unit: Unit, names: set[str]) -> str:
        shapes = [dict(t.resources) for t in self.types if t.name in names]
        shapes += [free for free, name in zip(self._frees, self._of_type, strict=True) if name in names]
        if not any(fits(unit.need, shape) for shape in shapes):
            largest = _largest(unit.need, shapes)
            return f"needs a node with {shown(unit.need)}; the largest of pool '{self.pool.name}' is {largest}"
        most = max(self.pool.max_nodes, len(self._frees) - 1)
        return f"needs {demand} at once; pool '{self.pool.name}' cannot hold that on its {most} nodes at most"


def _largest(need: Need, shapes: Sequence[Mapping[str, float]]) -> str:
    """The most that one node has of what is needed, written as the need is."""
    best = max(shapes, key=lambda s: min(min(1.0, s.get(k, 0.0) / v) for k, v in need) if need else 0.0, default={})
    return "{" + ",".join(f"{name}:{best.get(name, 0.0):g}" for name, _ in sorted(need)) + "}"


def takes_unit(node_type: NodeType, unit: Unit, demand: Demand) -> bool:
    """Whether an empty node of this type can hold the unit, label selector included."""
    if unit.pinned and not selects(demand.labels, node_type.labels):
        return False
    return fits(unit.need, node_type.resources)


def allowed_types(hints: Hints, ceiling: Ceiling) -> tuple[NodeType, ...]:
    """The pool's node types on the markets that the job accepts: plain before special, cheap before dear."""
    return tuple(t for t in ceiling.types if not hints.markets or t.market.value in hints.markets)


def why_never(job: QueuedJob, ceiling: Ceiling) -> str:
    """Why the job could never run on the pool, or "" if it could."""
    pool, hints = ceiling.pool, job.hints
    if hints.pools and pool.name not in hints.pools:
        return f"the job asks for pools {_list(hints.pools)}; this is '{pool.name}'"
    if hints.regions and not any(in_region(pool.region, wanted) for wanted in hints.regions):
        return f"the job asks for regions {_list(hints.regions)}; pool '{pool.name}' is in '{pool.region}'"
    if not job.may_burst and pool.role is PoolRole.BURST:
        return f"team '{job.team}' may not burst; '{pool.name}' is a burst pool"
    missing = [need for need in hints.needs if need not in pool.provides]
    if missing:
        return f"the job needs {_list(missing)}; pool '{pool.name}' provides {_list(sorted(pool.provides))}"
    return _no_node(job, ceiling)


def _no_node(job: QueuedJob, ceiling: Ceiling) -> str:
    pool, types = ceiling.pool, allowed_types(job.hints, ceiling)
    if pool.node_types and not types:
        markets = sorted({t.market.value for t in pool.node_types})
        return f"the job asks for markets {_list(job.hints.markets)}; pool '{pool.name}' has {_list(markets)}"
    if mixed := _why_mixed(job, pool, types):
        return mixed
    if job.demand.labels and not any(selects(job.demand.labels, labels) for labels in _labels(ceiling, types)):
        wanted = ", ".join(f"{key}={condition}" for key, condition in job.demand.labels)
        return f"the job selects nodes labelled {wanted}; pool '{pool.name}' has none"
    return ceiling.misfit(job.demand, types)


def _why_mixed(job: QueuedJob, pool: Pool, types: Sequence[NodeType]) -> str:
    """Why the job's markets cannot be held to on a pool that has others too, or "" if they can.

    Within a pool Ray places the tasks, and knows no market. An entrypoint that runs on a worker is held to its market
    by a node label; tasks and actors that it starts are out of our reach.
    """
    units = [unit for _, unit in gang_of(job.demand)]
    excluded = [t for t in pool.node_types if t not in types and any(takes_unit(t, u, job.demand) for u in units)]
    if not excluded:
        return ""
    others = sorted({t.market.value for t in excluded})
    where = f"the job asks for markets {_list(job.hints.markets)}; pool '{pool.name}' has {_list(others)} nodes too"
    if job.demand.bundles or not job.demand.driver:
        return f"{where}, and Ray may put its tasks there: give each market a pool, or the entrypoint all resources"
    if any(t.labels.get(MARKET_LABEL) != t.market.value for t in pool.node_types):
        return f"{where}, which Ray cannot tell apart: label its node types with {MARKET_LABEL}"
    return ""


def _labels(ceiling: Ceiling, types: Sequence[NodeType]) -> list[Mapping[str, str]]:
    return [*(t.labels for t in types), *ceiling.live_labels()]


def in_region(region: str, wanted: str) -> bool:
    """`eu` covers `eu-west-1`."""
    return region == wanted or region.startswith(wanted + "-")


def _list(items: Sequence[str]) -> str:
    return ", ".join(items) or "nothing"


def refusals(job: QueuedJob, pools: Sequence[PoolView]) -> dict[str, str]:
    """For each pool on which the job could never run, the reason. If all pools are named, refuse the job."""
    reasons = {view.pool.name: why_never(job, Ceiling(view)) for view in pools}
    return {name: reason for name, reason in reasons.items() if reason}
