"""What is free on a pool: by node, after foreign use and after what each live job is charged for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..domain.labels import selects
from ..domain.pool import Node, NodeType, Pool, PoolKind
from ..domain.resources import Resources
from .packing import DRIVER_SLOT, Free, Need, Plan, Unit, add, fits, gang_of, specials, subtract
from .snapshot import LiveWork, PoolView

_HEAD_ONLY = ("memory", "object_store_memory", "node:")

Pots = dict[int, Free]
"""What a job was seen to hold and is not yet set against its declared units, by room."""


@dataclass(frozen=True, eq=False, slots=True)
class Room:
    """A node that is up (`live`) or on its way. Room 0 of a pool is its head's driver slots, of no node type.

    `special` counts its accelerators and custom resources.
    """

    node_id: str
    type: NodeType | None
    total: Resources
    labels: Mapping[str, str]
    special: int
    live: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """What one live job holds, and when it is expected to end (Unix seconds)."""

    ends_at: float
    takes: tuple[tuple[int, Need], ...]


@dataclass(eq=False, slots=True)
class Rooms:
    """Free resources by node (`frees` runs along `rooms`), and new nodes that may still be added, by type."""

    rooms: list[Room]
    frees: list[Free]
    new: dict[str, int]
    holds: list[Hold] = field(default_factory=list)

    def apply(self, plan: Plan) -> None:
        """Take the plan's room away; nodes that it opens become rooms for those after it."""
        for node_type in plan.opened:
            self.open(node_type)
        for index, need in plan.takes:
            subtract(self.frees[index], need)

    def open(self, node_type: NodeType) -> int:
        """Add a coming node of that type and return its index."""
        self.new[node_type.name] -= 1
        size = node_type.resources
        name = f"new:{len(self.rooms)}"
        self.rooms.append(Room(name, node_type, size, node_type.labels, specials(size), live=False))
        self.frees.append(dict(node_type.resources))
        return len(self.rooms) - 1


def rooms_of(view: PoolView) -> Rooms:
    """The rooms of a pool with all live work charged.

    A job is charged the larger of declared and observed. What was observed is subtracted where it was seen. The rest
    of the declaration is placed first-fit on live nodes, then on new ones. What fits nowhere is held against the
    first node large enough, whose room then goes below zero: that work is owed its place before any other.
    """
    rooms, ids = _live_rooms(view)
    pots = _observe(view, rooms, ids)
    filler = _Filler(rooms, view.pool)
    for work in view.work:
        held = _flat(pots.get(work.submission_id, {}))
        takes = held + filler.rest(work, pots.get(work.submission_id, {}))
        rooms.holds.append(Hold(work.ends_at, tuple(takes)))
    return rooms


def _live_rooms(view: PoolView) -> tuple[Rooms, dict[str, int]]:
    slots = Resources({DRIVER_SLOT: float(view.pool.max_drivers)})
    rooms = [Room("head", None, slots, {}, 0)]
    rooms += [_room(view, node) for node in view.nodes if not node.is_head or own_resources(node)]
    may_grow = view.pool.kind is PoolKind.LAUNCHED  # an attached cluster is not ours to grow
    new = {t.name: max(0, view.max_new_nodes.get(t.name, 0)) if may_grow else 0 for t in view.pool.node_types}
    found = Rooms(rooms, [dict(room.total) for room in rooms], new)
    return found, {room.node_id: index for index, room in enumerate(rooms) if index}


def _room(view: PoolView, node: Node) -> Room:
    node_type = type_of(view.pool, node)
    labels = {**(node_type.labels if node_type else {}), **node.labels}
    # A closed node has room for nothing; what is there stays charged to it, and is given back to nobody
    size = Resources() if node.node_id in view.closed else node.resources
    return Room(node.node_id, node_type, size, labels, specials(size))


def own_resources(node: Node) -> bool:
    """Whether a head has anything to run work with; memory alone and Ray's own markers do not count."""
    return any(not name.startswith(_HEAD_ONLY) for name in node.resources)


def type_of(pool: Pool, node: Node) -> NodeType | None:
    """The node's type; a name that the settings do not know counts as the pool's first type."""
    return pool.node_type(node.type_name) or next(iter(pool.node_types), None)


def _observe(view: PoolView, rooms: Rooms, ids: Mapping[str, int]) -> dict[str, Pots]:
    """Subtract all use where it is, and return that of live jobs by job and room.

    Use by an owner who is not live work any more is treated as foreign: it is there, and its end is unknown.
    """
    live = {work.submission_id for work in view.work}
    pots: dict[str, Pots] = defaultdict(lambda: defaultdict(dict))
    for use in view.usage:
        index = ids.get(use.node_id)
        if index is None:
            continue
        need = tuple(use.resources.items())
        subtract(rooms.frees[index], need)
        if use.owner is not None and use.owner in live:
            add(pots[use.owner][index], need)
    return pots


def _flat(pots: Pots) -> list[tuple[int, Need]]:
    return [(index, tuple(pot.items())) for index, pot in pots.items()]


class _Filler:
    """Places the declared demand that was not observed."""

    def __init__(self, rooms: Rooms, pool: Pool) -> None:
        self._rooms = rooms
        self._pool = pool
        self._from: dict[Need, int] = {}

    def rest(self, work: LiveWork, seen: Pots) -> list[tuple[int, Need]]:
        """Place what is missing of the job's units, subtract it and return where it went."""
        pots = {index: dict(pot) for index, pot in seen.items()}
        takes = []
        for unit in _unseen(work, pots):
            index = self._find(unit, work)
            subtract(self._rooms.frees[index], unit.need)
            takes.append((index, unit.need))
        return takes

    def _find(self, unit: Unit, work: LiveWork) -> int:
        index = self._live(unit.need, work.demand.labels if unit.pinned else ())
        if index is None:
            index = self._new(unit.need, work)
        return self._owing(unit.need) if index is None else index

    def _live(self, need: Need, labels: Sequence[tuple[str, str]]) -> int | None:
        # Room only shrinks here: where a shape found no place once, it need not be tried again.
        start = 0 if labels else self._from.get(need, 0)
        for index in range(start, len(self._rooms.rooms)):
            if fits(need, self._rooms.frees[index]) and selects(labels, self._rooms.rooms[index].labels):
                if not labels:
                    self._from[need] = index
                return index
        if not labels:
            self._from[need] = len(self._rooms.rooms)
        return None

    def _new(self, need: Need, work: LiveWork) -> int | None:
        types = sorted(self._pool.node_types, key=lambda t: t.name != work.node_type)
        for node_type in types:
            if self._rooms.new[node_type.name] > 0 and fits(need, node_type.resources):
                return self._rooms.open(node_type)
        return None

    def _owing(self, need: Need) -> int:
        rooms = self._rooms.rooms
        return next((index for index, room in enumerate(rooms) if fits(need, room.total)), len(rooms) - 1)


def _unseen(work: LiveWork, pots: Pots) -> list[Unit]:
    """The job's declared units less what was observed: whole units first, then amounts name by name."""
    missing = []
    for count, unit in gang_of(work.demand):
        for _ in range(count):
            pot = next((pot for pot in pots.values() if unit.need and fits(unit.need, pot)), None)
            if pot is None:
                missing.append(unit)
            else:
                subtract(pot, unit.need)
    over: Free = {}
    for pot in pots.values():
        add(over, tuple(pot.items()))
    return [Unit(_less(unit.need, over), unit.pinned) for unit in missing]


def _less(need: Need, over: Free) -> Need:
    """The need after use that was seen in smaller pieces than declared; what is set off is taken from `over`."""
    rest = []
    for name, amount in need:
        off = min(amount, max(0.0, over.get(name, 0.0)))
        over[name] = over.get(name, 0.0) - off
        rest.append((name, amount - off))
    return tuple((name, amount) for name, amount in rest if amount > 0)
