"""Which of HAProxy's ready-made backends serves which slot of the plan. Kept in a file: HAProxy does not know."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import astuple
from pathlib import Path

from ..errors import DataPlaneError
from .files import write
from .plan import SlotKey
from .shape import slot_names


class Slots:
    """The assignment. What was assigned stays so until it is freed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[str, SlotKey] = {}
        self.read()

    def read(self) -> None:
        """As the file has it: another plane may have written it."""
        self._names = _read(self._path)

    def assigned(self) -> Mapping[str, SlotKey]:
        """Backends in use, by name."""
        return dict(self._names)

    def name(self, key: SlotKey) -> str:
        """The backend of a slot. KeyError if it has none."""
        return next(name for name, k in self._names.items() if k == key)

    def assign(self, keys: Collection[SlotKey]) -> None:
        """Give each slot a backend. Raises DataPlaneError when they run out, which names how many there are."""
        have = set(self._names.values())
        for key in sorted(set(keys) - have):
            self._names[self._free(key)] = key
        self._save()

    def free(self, names: Collection[str]) -> None:
        """Take back backends in which nothing is left."""
        for name in names:
            del self._names[name]
        if names:
            self._save()

    def _free(self, key: SlotKey) -> str:
        """One with the right time limit of its queue, else with the longest below, else with any."""
        free = {name: queue_s for name, queue_s in slot_names().items() if name not in self._names}
        if not free:
            raise DataPlaneError(
                f"No room for application '{key.application}': the data plane has {len(slot_names())} slots, and each "
                "application needs one, and one more for each set of regions that requests may ask for. Shut "
                "applications down, or use fewer regions."
            )
        return min(free, key=lambda name: (free[name] > key.queue_s, abs(free[name] - key.queue_s)))

    def _save(self) -> None:
        write(self._path, json.dumps({name: astuple(key) for name, key in sorted(self._names.items())}, indent=1))


def _read(path: Path) -> dict[str, SlotKey]:
    try:
        saved = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return {name: SlotKey(*key) for name, key in saved.items()}
