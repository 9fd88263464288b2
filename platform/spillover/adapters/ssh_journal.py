"""On which hosts Ray of ours may run: written before it is started, and struck out when it has been ended."""

from __future__ import annotations

import json
import os
from pathlib import Path


class Journal:
    """A small file, synced at each change."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def hosts(self) -> list[str]:
        """Their names, in the order of the first start."""
        try:
            return [str(host) for host in json.loads(self._file.read_text())]
        except FileNotFoundError:
            return []

    def add(self, host: str) -> None:
        """Ray may run there from now on."""
        if host not in (known := self.hosts()):
            self._write([*known, host])

    def remove(self, host: str) -> None:
        """It does not run there any more."""
        if host in (known := self.hosts()):
            self._write([name for name in known if name != host])

    def _write(self, hosts: list[str]) -> None:
        draft = self._file.with_name(f"{self._file.name}.draft")
        with draft.open("w") as file:
            json.dump(hosts, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
