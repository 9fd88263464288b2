"""A gang on an empty pool: the nodes that it takes where all that the pool may ever have are free.

What that costs does not depend on who holds what now, so that it can be a yardstick.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.pool import Market, NodeType, Pool
from ..domain.resources import Demand
from .eligibility import takes_unit
from .packing import DRIVER_SLOT, Gang, Plan, Trial, Unit


def empty_plan(
    gang: Gang, demand: Demand, pool: Pool, types: Sequence[NodeType], lead: NodeType | None = None
) -> Plan | None:
    """The gang on new nodes of `types`, on those of `lead` wherever one can hold the unit; None if that cannot be.

    Room 0 is the head's driver slots, as everywhere; the nodes that are opened follow it.
    """
    caps = {t.name: t.max_nodes for t in pool.node_types}
    trial = Trial([{DRIVER_SLOT: float(pool.max_drivers)}], caps)
    for count, unit in gang:
        on_head = unit.need[:1] == ((DRIVER_SLOT, 1.0),)
        fitting = [] if on_head else _fitting(unit, demand, types, lead)
        if not trial.put(count, unit.need, [0] if on_head else [], fitting):
            return None
    return trial.plan()


def _fitting(unit: Unit, demand: Demand, types: Sequence[NodeType], lead: NodeType | None) -> list[NodeType]:
    fitting = [t for t in types if takes_unit(t, unit, demand)]
    return [lead] if lead in fitting else fitting


def cheapest_rate(
    gang: Gang, demand: Demand, pools: Sequence[tuple[Pool, Sequence[NodeType]]], *, on_demand: bool
) -> float | None:
    """Dollars an hour of the cheapest way to hold the gang on whole new nodes of one pool; None if there is none.

    `pools` come with the node types that the gang may use; with `on_demand` others than on-demand ones are left out.
    A gang that needs no node at all costs what the head does.
    """
    rates = []
    for pool, allowed in pools:
        types = [t for t in allowed if t.market is Market.ON_DEMAND or not on_demand]
        for lead in (*types, None):
            plan = empty_plan(gang, demand, pool, types, lead)
            if plan is not None:
                rates.append(sum(t.price_usd_per_hour for t in plan.opened) or _head_rate(plan, pool))
    return min(rates, default=None)


def _head_rate(plan: Plan, pool: Pool) -> float:
    return 0.0 if plan.opened else pool.head_price_usd_per_hour
