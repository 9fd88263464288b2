"""Gangs onto nodes: first-fit-decreasing that can be tried without touching what it is tried on.

Amounts are plain dicts here, not `Resources`: this is the innermost loop of a decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..domain.pool import NodeType
from ..domain.resources import Demand, Resources

DRIVER_SLOT = "driver slot"
"""A resource of our own making: the head's room for drivers that ask for nothing."""

Need = tuple[tuple[str, float], ...]
Free = dict[str, float]

_EPS = 1e-9
_PLAIN = frozenset({"CPU", "memory", "object_store_memory", DRIVER_SLOT})


@dataclass(frozen=True, slots=True)
class Unit:
    """What must sit on one node. `pinned`: that node must satisfy the job's label selector."""

    need: Need
    pinned: bool = False


Gang = tuple[tuple[int, Unit], ...]

_SLOT = Unit(((DRIVER_SLOT, 1.0),))


@lru_cache(maxsize=4096)
def gang_of(demand: Demand) -> Gang:
    """The units of a demand with their counts, hardest to place first.

    As in Ray, the label selector binds the driver alone, and a driver that asks for neither resources nor labels
    runs on the head, where it takes a driver slot.
    """
    units = [(count, Unit(tuple(shape.items()))) for count, shape in demand.bundles if shape]
    if demand.driver or demand.labels:
        units.append((1, Unit(tuple(demand.driver.items()), pinned=bool(demand.labels))))
    else:
        units.append((1, _SLOT))
    return tuple(sorted(units, key=_hardness, reverse=True))


def _hardness(counted: tuple[int, Unit]) -> tuple[float, float, float]:
    # Accelerators and custom resources first: a CPU bundle placed before them could take the only GPU node.
    need = dict(counted[1].need)
    special = sum(v for k, v in need.items() if k not in _PLAIN)
    return special, need.get("CPU", 0.0), need.get("memory", 0.0)


def specials(amounts: Mapping[str, float]) -> int:
    """How many resources other than CPU and memory a node has: plain work goes to plain nodes first."""
    return sum(1 for name in amounts if name not in _PLAIN)


def fits(need: Need, free: Mapping[str, float]) -> bool:
    """Whether every amount is there in `free`."""
    for name, amount in need:  # noqa: SIM110  # a generator doubles the time of the innermost loop
        if free.get(name, 0.0) + _EPS < amount:
            return False
    return True


def subtract(free: Free, need: Need) -> None:
    """Take `need` out of `free`, in place. May go below zero: what is over-committed stays owed."""
    for name, amount in need:
        free[name] = free.get(name, 0.0) - amount


def add(free: Free, need: Need) -> None:
    """Give `need` back to `free`, in place."""
    for name, amount in need:
        free[name] = free.get(name, 0.0) + amount


def shown(need: Need) -> str:
    """The need as users write it: `{CPU:16,GPU:2}`."""
    return str(Resources(dict(need)))


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """Where each unit of a gang goes: room index and need. Indices past the rooms are the `opened` nodes, in order."""

    takes: tuple[tuple[int, Need], ...]
    opened: tuple[NodeType, ...] = ()


@dataclass(eq=False, slots=True)
class Trial:
    """One attempt to place a gang over `frees` and at most `new` more nodes by type, neither of which it changes."""

    frees: Sequence[Mapping[str, float]]
    new: Mapping[str, int]
    _left: dict[int, Free] = field(default_factory=dict)
    _takes: list[tuple[int, Need]] = field(default_factory=list)
    _opened: list[NodeType] = field(default_factory=list)

    def put(self, count: int, need: Need, rooms: Sequence[int], types: Sequence[NodeType]) -> bool:
        """Place `count` equal units on `rooms`, then on nodes this trial opened, then on new nodes of `types`.

        A room that is once too small for the shape stays too small, so each room is looked at once.
        """
        for index in (*rooms, *self._opened_of(types)) if self._opened else rooms:
            count -= self._fill(index, need, count)
            if not count:
                return True
        while count:
            opened = self._open(types)
            if opened is None:
                return False
            count -= self._fill(opened, need, count)
        return True

    def _opened_of(self, types: Sequence[NodeType]) -> list[int]:
        names = {t.name for t in types}
        return [len(self.frees) + k for k, t in enumerate(self._opened) if t.name in names]

    def _fill(self, index: int, need: Need, count: int) -> int:
        """Place up to `count` units in this room; returns how many."""
        left = self._left.get(index)
        if left is None:
            if not fits(need, self.frees[index]):
                return 0
            left = self._left[index] = dict(self.frees[index])
        placed = 0
        while placed < count and fits(need, left):
            subtract(left, need)
            placed += 1
        self._takes += [(index, need)] * placed
        return placed

    def _open(self, types: Sequence[NodeType]) -> int | None:
        for node_type in types:
            if sum(t.name == node_type.name for t in self._opened) < self.new.get(node_type.name, 0):
                index = len(self.frees) + len(self._opened)
                self._left[index] = dict(node_type.resources)
                self._opened.append(node_type)
                return index
        return None

    def plan(self) -> Plan:
        """What was placed so far."""
        return Plan(tuple(self._takes), tuple(self._opened))
