"""The bill is exact to the second, whoever held what, whatever it cost, and whoever was looking."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from bill_history import TEAMS, Maker, Player
from bill_reference import COLUMNS, Key, reference
from sqlalchemy import event, func, select

from spillover.adapters.seal import Sealer
from spillover.adapters.sql_base import open_engine, sqlite_url
from spillover.adapters.sql_store import SqlStore
from spillover.adapters.sql_tables import ledger

NANOS_AN_ENTRY = 2
"""How far an entry may be off its exact share: its own rounding, and that of what its node costs."""


@contextmanager
def opened(folder: Path) -> Iterator[SqlStore]:
    """The embedded store, but for the waiting on the disk."""
    engine = open_engine(sqlite_url(folder / "spillover.db"))
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    store = SqlStore(engine, Sealer.from_file(folder / "seal.key"))
    yield store
    store.close()


@pytest.mark.parametrize("seed", range(40))
def test_the_bill_is_what_a_count_of_all_seconds_says(seed: int, tmp_path: Path) -> None:
    """By day, pool, market, node type, team, user and job, the ledger is within two nanodollars an entry of a reference
    that goes through the history second by second; and whole days, teams and totals are exact sums of each other."""
    history = Maker(seed).history()
    with opened(tmp_path) as store:
        asyncio.run(Player(history, store).play())
        booked = {tuple(row[c] for c in COLUMNS): row for row in store.spend(COLUMNS)}
        entries = entries_of(store)
        exact = reference(history)
        for key in booked.keys() | exact.keys():
            row, part = booked.get(key), exact.get(key)
            nanos, node_s = (row["nano_usd"], row["node_s"]) if row else (0, 0.0)
            assert abs(nanos - (part.nanos if part else 0)) <= NANOS_AN_ENTRY * entries[key], key
            assert abs(node_s - (part.node_s if part else 0)) < 1e-6, key
        check_sums(store, booked)


def entries_of(store: SqlStore) -> Counter[Key]:
    """How many entries there are by COLUMNS."""
    columns = [ledger.c.submission_id if name == "job" else ledger.c[name] for name in COLUMNS]
    with store._read() as db:
        rows = db.execute(select(*columns, func.count()).group_by(*columns)).all()
    return Counter({tuple(row[:-1]): row[-1] for row in rows})


def check_sums(store: SqlStore, booked: dict[Key, dict[str, int]]) -> None:
    """Whatever it is grouped by and cut to, the ledger comes to the same nanodollars, and so do the nodes' meters."""
    total = sum(row["nano_usd"] for row in booked.values())
    assert store.node_cost_nanos() == total
    assert store.pool_cost_nanos() == {row["pool"]: row["nano_usd"] for row in store.spend(["pool"])}
    for name in COLUMNS:
        assert sum(row["nano_usd"] for row in store.spend([name])) == total
    for team in TEAMS:
        mine = sum(row["nano_usd"] for row in booked.values() if row["team"] == team)
        assert store.spend([], team=team)[0]["nano_usd"] == mine
    for day in {row["day"] for row in booked.values()}:
        since = date.fromisoformat(day)
        until = since + timedelta(days=1)
        of_day = sum(row["nano_usd"] for row in booked.values() if row["day"] == day)
        assert store.spend([], since, until)[0]["nano_usd"] == of_day == store.node_cost_nanos(since, until)
        later = sum(row["nano_usd"] for row in booked.values() if row["day"] >= day)
        assert store.spend([], since)[0]["nano_usd"] == later == store.node_cost_nanos(since)
