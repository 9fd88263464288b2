"""Where the units of one kind of job may go on one pool: its rooms in order of preference, and types of new nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..domain.labels import selects
from ..domain.pool import NodeType
from ..domain.resources import Demand
from .eligibility import takes_unit
from .packing import DRIVER_SLOT, Unit, fits

if TYPE_CHECKING:
    from .lane import Lane

_ANYWHERE = ""


class Place(NamedTuple):
    """Where one unit may go: `rooms` by index, then new nodes of `types`. `names` are the types of those rooms."""

    rooms: list[int]
    types: list[NodeType]
    names: frozenset[str]


class Places:
    """The places of one kind of job on one pool, found once; nodes that are opened meanwhile are added.

    With `shrinking` they are looked up for the room that is free now, which within a pass never grows: a room that is
    too small for a unit is not looked at again.
    """

    def __init__(self, demand: Demand, types: Sequence[NodeType], lane: Lane, *, shrinking: bool) -> None:
        self._demand = demand
        self._types = types
        self._lane = lane
        self._shrinking = shrinking
        self._known: dict[tuple[Unit, str], Place] = {}
        self._gone: set[str] = set()
        self._count = len(lane.rooms.rooms)

    def of(self, unit: Unit, lead: NodeType | None) -> Place:
        """The places of the unit: those of `lead` if it can hold it, else of all allowed types."""
        if self._count != len(self._lane.rooms.rooms):
            self._add_opened()
        key = (unit, lead.name if lead else _ANYWHERE)
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = self._find(unit, lead)
        if self._shrinking:
            self._shrink(place, unit, key[1])
        return place

    def gone(self, lead: NodeType | None) -> bool:
        """Whether a unit has no place left by that lead, and so the gang none either until the pass is over."""
        return (lead.name if lead else _ANYWHERE) in self._gone

    def _shrink(self, place: Place, unit: Unit, lead: str) -> None:
        rooms = self._lane.rooms
        place.rooms[:] = [index for index in place.rooms if fits(unit.need, rooms.frees[index])]
        place.types[:] = [t for t in place.types if rooms.new[t.name] > 0]
        if not place.rooms and not place.types:
            self._gone.add(lead)

    def _find(self, unit: Unit, lead: NodeType | None) -> Place:
        if unit.need and unit.need[0][0] == DRIVER_SLOT:
            return Place([0], [], frozenset())
        types = [t for t in self._types if takes_unit(t, unit, self._demand)]
        names = frozenset(t.name for t in self._types)
        if lead is not None and lead in types:
            types, names = [lead], frozenset((lead.name,))
        return Place(self._ordered(self._matching(unit, names, range(self._count))), types, names)

    def _add_opened(self) -> None:
        count = len(self._lane.rooms.rooms)
        opened = range(self._count, count)
        for (unit, _), place in self._known.items():
            place.rooms[:] = self._ordered([*place.rooms, *self._matching(unit, place.names, opened)])
        self._count = count

    def _matching(self, unit: Unit, names: frozenset[str], indices: Iterable[int]) -> list[int]:
        rooms = self._lane.rooms.rooms
        found = [i for i in indices if (kind := rooms[i].type) is not None and kind.name in names]
        return [i for i in found if selects(self._demand.labels, rooms[i].labels)] if unit.pinned else found

    def _ordered(self, indices: list[int]) -> list[int]:
        """Nodes that are up first, plain before special."""
        rooms = self._lane.rooms.rooms
        return sorted(indices, key=lambda i: (not rooms[i].live, rooms[i].special))
