"""The nodes of one local cluster, in a JSON file that `ray up`, the head's autoscaler and `ray down` share."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND

RUNNING, ENDING, TERMINATED = "running", "ending", "terminated"


@dataclass(slots=True)
class LocalNode:
    """`ending` is still there: a node is gone only when its processes are."""

    ip: str
    tags: dict[str, str] = field(default_factory=dict)
    state: str = RUNNING
    created_at: float = 0.0
    ready_at: float = 0.0

    @property
    def there(self) -> bool:
        return self.state != TERMINATED

    @property
    def is_head(self) -> bool:
        return bool(self.tags.get(TAG_RAY_NODE_KIND) == NODE_KIND_HEAD)

    def matches(self, tags: dict[str, str]) -> bool:
        return all(self.tags.get(key) == value for key, value in tags.items())


class StateFile:
    """Reads need no lock, since each write replaces the whole file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(f"{path}.lock")

    def read(self) -> dict[str, LocalNode]:
        try:
            raw = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        return {node_id: LocalNode(**node) for node_id, node in raw.items()}

    @contextmanager
    def change(self) -> Iterator[dict[str, LocalNode]]:
        """Nodes to change in place; written if the block ends well."""
        with self._lock:
            nodes = self.read()
            yield nodes
            self._write(nodes)

    def _write(self, nodes: dict[str, LocalNode]) -> None:
        draft = self._path.with_suffix(".tmp")
        with draft.open("w") as file:
            json.dump({node_id: asdict(node) for node_id, node in nodes.items()}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
