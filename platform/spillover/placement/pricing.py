"""What running a job somewhere costs, everything that it causes included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.pool import Market, NodeType, Pool
from ..domain.resources import Resources
from .capacity import Room
from .packing import Free, Plan, add

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Price:
    """`fixed_usd` is paid however short the job is, `usd_per_s` for each second that it runs."""

    fixed_usd: float
    usd_per_s: float

    def cost(self, runtime_s: float) -> float:
        """US dollars for a run of that many seconds: fixed_usd + usd_per_s x runtime_s."""
        return self.fixed_usd + self.usd_per_s * runtime_s


def price_plan(plan: Plan, rooms: Sequence[Room], pool: Pool, *, raises_head: bool) -> Price:
    """What the plan costs on that pool.

    - A rented node that is newly started is paid for whole, from its start on:
      price_usd_per_hour x (runtime + startup_s) / 3600.
    - An owned node, or one that is up or coming anyway, costs the job its share of it while it runs:
      price_usd_per_hour x dominant share x runtime / 3600. The rest is paid for whether the job comes or not.
      For owned nodes this is the amortised price.
    - A head that must be raised (`raises_head`) is paid for as a newly started node.
    """
    rented = [t.price_usd_per_hour for t in plan.opened if t.market is not Market.OWNED]
    if raises_head:
        rented.append(pool.head_price_usd_per_hour)
    whole_per_s = sum(rented) / _HOUR_S
    shared_per_s = sum(_shares(plan, rooms)) / _HOUR_S
    return Price(whole_per_s * pool.startup_s, whole_per_s + shared_per_s)


def _shares(plan: Plan, rooms: Sequence[Room]) -> list[float]:
    """Dollars an hour for each node of which only a share is paid."""
    taken: dict[int, Free] = {}
    for index, need in plan.takes:
        add(taken.setdefault(index, {}), need)
    shares = []
    for index, amounts in taken.items():
        node_type, total = _node(index, plan, rooms)
        if node_type is not None:
            share = min(1.0, Resources(amounts).dominant_share(total))
            shares.append(node_type.price_usd_per_hour * share)
    return shares


def _node(index: int, plan: Plan, rooms: Sequence[Room]) -> tuple[NodeType | None, Resources]:
    """Type and size of a node that is paid by share; no type if it is the head's slots or paid whole."""
    if index < len(rooms):
        return rooms[index].type, rooms[index].total
    opened = plan.opened[index - len(rooms)]
    return (opened if opened.market is Market.OWNED else None), opened.resources


def main_type(plan: Plan, rooms: Sequence[Room]) -> tuple[NodeType | None, int]:
    """The node type that most of the gang runs on, and how many nodes the gang runs on in all."""
    used = {index for index, _ in plan.takes}
    found = [rooms[i].type if i < len(rooms) else plan.opened[i - len(rooms)] for i in sorted(used)]
    types = {t.name: t for t in found if t is not None}
    names = [t.name for t in found if t is not None]
    most = max(types, key=names.count, default=None)
    return (None if most is None else types[most]), len(names)
