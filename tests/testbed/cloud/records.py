"""What truly happened to every instance, by the cloud's own clock: past all faults of its API."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LIVE = ("pending", "running")


@dataclass
class Record:
    """One instance. Times are Unix seconds, whole ones where EC2's are."""

    id: str
    ip: str
    type: str
    market: str
    zone: str
    region: str
    launched: int
    state: str = "pending"
    ended: int | None = None
    end_cause: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    runs: list[list[int | None]] = field(default_factory=list)
    """Times that it ran and is billed for: [from, to], the last one open while it does."""
    states: list[tuple[float, str, str, str]] = field(default_factory=list)
    """When, which state, and the API's transition reason and reason code."""
    tag_history: list[tuple[float, dict[str, str]]] = field(default_factory=list)

    def at(self, when: float) -> tuple[str, str, str] | None:
        """State, transition reason and reason code at a moment; None if it was not there yet."""
        return next(((s, r, c) for t, s, r, c in reversed(self.states) if t <= when), None)

    def tags_at(self, when: float) -> dict[str, str]:
        """The tags at a moment."""
        return next((tags for t, tags in reversed(self.tag_history) if t <= when), {})


class Records:
    """All records, and a file that always equals them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._all: dict[str, Record] = {}

    def add(self, record: Record) -> None:
        """An instance was created."""
        now = time.time()
        with self._lock:
            record.runs.append([record.launched, None])
            record.states.append((now, record.state, "", ""))
            record.tag_history.append((now, dict(record.tags)))
            self._all[record.id] = record
            self._write()

    def get(self, instance_id: str) -> Record:
        """One record. Raises KeyError."""
        with self._lock:
            return self._all[instance_id]

    def known(self, instance_id: str) -> bool:
        """Whether this is an instance of ours."""
        return instance_id in self._all

    def at_address(self, ip: str) -> Record | None:
        """The instance that lives at an address."""
        with self._lock:
            return next((r for r in self._all.values() if r.ip == ip and r.state in LIVE), None)

    def live(self) -> list[Record]:
        """Those that take capacity."""
        with self._lock:
            return [record for record in self._all.values() if record.state in LIVE]

    def change(self, instance_id: str, state: str, reason: str = "", cause: str = "", at: int | None = None) -> None:
        """It is in another state now. `at` is the second in which billing ended, or began again."""
        with self._lock:
            record = self._all[instance_id]
            record.state = state
            record.states.append((time.time(), state, reason, cause))
            if state in LIVE and at is not None:
                record.launched, record.ended, record.end_cause = at, None, ""
                record.runs.append([at, None])
            elif state not in LIVE and record.runs[-1][1] is None:
                record.ended, record.end_cause = at, cause
                record.runs[-1][1] = at
            self._write()

    def tag(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Its tags are these now."""
        with self._lock:
            record = self._all[instance_id]
            record.tags = dict(tags)
            record.tag_history.append((time.time(), dict(tags)))
            self._write()

    def _write(self) -> None:
        write(self._path, [asdict(record) for record in self._all.values()])


def write(path: Path, value: Any) -> None:
    """Replace a file at once: a reader sees the old one or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(value))
    fresh.replace(path)
