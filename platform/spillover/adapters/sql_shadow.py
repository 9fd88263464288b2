"""What a second policy would have done, in the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from ..domain.money import day_of
from ..domain.shadow import Difference, Otherwise, ShadowSum
from .sql_base import SqlBase
from .sql_tables import jobs, meta, shadow

_META = "shadow"


class SqlShadow(SqlBase):
    """The shadow policy's part of ports.Store."""

    def begin_shadow(self, policy: str, at: float) -> float:
        with self._write() as db:
            text = db.execute(select(meta.c.value).where(meta.c.name == _META)).scalar()
            found = json.loads(text) if text else {}
            if found.get("policy") == policy:
                return float(found["since"])
            value = json.dumps({"policy": policy, "since": at})
            if not db.execute(update(meta).where(meta.c.name == _META).values(value=value)).rowcount:
                db.execute(insert(meta).values(name=_META, value=value))
            db.execute(delete(shadow))
            return at

    def note_differences(self, differences: Sequence[Difference]) -> None:
        rows = [_row(difference) for difference in differences]
        if rows:
            with self._write() as db:
                db.execute(delete(shadow).where(shadow.c.submission_id.in_([row["submission_id"] for row in rows])))
                db.execute(insert(shadow), rows)

    def forget_differences(self, before: float, most: int) -> None:
        with self._write() as db:
            beyond = select(shadow.c.at).order_by(shadow.c.at.desc()).offset(most).limit(1)
            oldest = max(before, db.execute(beyond).scalar() or before)
            db.execute(delete(shadow).where(shadow.c.at < oldest))

    def difference(self, submission_id: str) -> Difference | None:
        with self._read() as db:
            row = db.execute(select(shadow).where(shadow.c.submission_id == submission_id)).first()
        return _difference(row) if row else None

    def differences(
        self, limit: int | None = None, team: str | None = None, *, unsettled: bool = False
    ) -> list[Difference]:
        query = select(shadow).order_by(shadow.c.at.desc(), shadow.c.submission_id).limit(limit)
        query = query.where(~shadow.c.settled) if unsettled else query
        with self._read() as db:
            rows = db.execute(query if team is None else query.where(shadow.c.team == team))
            return [_difference(row) for row in rows]

    def shadow_sums(self, since: float, team: str | None = None) -> list[ShadowSum]:
        sums = [func.count(), func.sum(shadow.c.usd), func.sum(shadow.c.wait_s), func.count(shadow.c.wait_s)]
        query = select(shadow.c.day, shadow.c.kind, *sums).where(*_of(shadow.c, shadow.c.at >= since, team))
        query = query.group_by(shadow.c.day, shadow.c.kind).order_by(shadow.c.day, shadow.c.kind)
        with self._read() as db:
            return [
                ShadowSum(day, Otherwise(kind), int(count), float(usd), float(wait_s or 0.0), int(waits))
                for day, kind, count, usd, wait_s, waits in db.execute(query)
            ]

    def count_started(self, since: float, team: str | None = None) -> int:
        query = select(func.count()).select_from(jobs).where(*_of(jobs.c, jobs.c.started_at >= since, team))
        with self._read() as db:
            return int(db.execute(query).scalar_one())


def _of(columns: Any, window: ColumnElement[bool], team: str | None) -> list[ColumnElement[bool]]:
    return [window] if team is None else [window, columns.team == team]


def _row(difference: Difference) -> dict[str, Any]:
    row = {name: getattr(difference, name) for name in Difference.__dataclass_fields__}
    return {**row, "kind": difference.kind.value, "day": day_of(difference.at).isoformat()}


def _difference(row: Row[Any]) -> Difference:
    data = {name: getattr(row, name) for name in Difference.__dataclass_fields__}
    return Difference(**{**data, "kind": Otherwise(data["kind"])})
