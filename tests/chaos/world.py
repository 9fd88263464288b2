"""What a chaos run needs of the world that it breaks."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from .records import BillRow, Instance, LedgerRow
from .schedule import Fault
from .served import ChaosServer
from .sink import Sink

HOME, CLOUD = "home", "cloud"
"""The names of the two pools: an owned cluster that others run, and one that is rented when needed."""

LEASE_S = 120.0
"""The rented pool's setting `lease`."""

Lift = Callable[[], None]


class World(Protocol):
    """Two pools with a Spillover in front of them, and somebody who listens to the jobs."""

    server: ChaosServer
    sink: Sink
    sink_address: str
    kinds: Sequence[str]
    markets: Sequence[str]

    def inject(self, fault: Fault) -> tuple[str, Lift | None]:
        """Do it. Returns what was hit ("" if there was nothing to hit), and what lifts it if it lasts."""
        ...

    def clear(self) -> None:
        """Lift whatever is still there."""
        ...

    def instances(self) -> list[Instance]:
        """All rented machines that ever were, by the truth."""
        ...

    def bill(self) -> list[BillRow]:
        """What they cost, by the cloud's own clock."""
        ...


def installation(state_dir: Path) -> str:
    """What Spillover calls itself in its tags."""
    with closing(_open(state_dir)) as db:
        return str(db.execute("SELECT value FROM meta WHERE name = 'installation'").fetchone()[0])


def ledger(state_dir: Path, pool: str) -> list[LedgerRow]:
    """What is booked on each node of a pool, read from the database itself."""
    query = "SELECT node_id, sum(node_s), sum(nano_usd) FROM ledger WHERE pool = ? GROUP BY node_id"
    with closing(_open(state_dir)) as db:
        return [LedgerRow(str(node), float(seconds), int(nanos)) for node, seconds, nanos in db.execute(query, [pool])]


def open_meters(state_dir: Path, pool: str) -> int:
    """How many nodes of a pool still cost money, as Spillover has it."""
    with closing(_open(state_dir)) as db:
        query = "SELECT count(*) FROM nodes WHERE pool = ? AND gone_at IS NULL"
        return int(db.execute(query, [pool]).fetchone()[0])


def events(state_dir: Path) -> list[tuple[float, str, str]]:
    """Spillover's own history: time, subject, text."""
    with closing(_open(state_dir)) as db:
        return list(db.execute("SELECT at, subject, text FROM events ORDER BY seq"))


def keep_logs(folder: Path, keep: Path) -> None:
    """Logs, the cloud's records and Spillover's database, for questions that come later."""
    keep.mkdir(parents=True, exist_ok=True)
    for part in ("beats.jsonl", "s/server.log", "s/state/spillover.db", "s/state/clusters", "b/cloud", "b/logs"):
        source, there = folder / part, keep / part.replace("/", "-")
        if source.is_dir():
            shutil.copytree(source, there, dirs_exist_ok=True, ignore=lambda d, names: [n for n in names if n.endswith(".sock")])
        elif source.exists():
            shutil.copy2(source, there)


def _open(state_dir: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{state_dir / 'spillover.db'}?mode=ro", uri=True, timeout=30)
