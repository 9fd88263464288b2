"""Served applications, the keys of those who call them, and what their requests came to, in the store."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from ..domain.job import JobTarget
from ..domain.serving import REPLICA, ApiKey, Application, Replicas, ServeTerms, Usage
from ..ports import Event
from . import codec
from .seal import Sealer
from .sql_base import SqlBase
from .sql_jobs import put_event
from .sql_tables import api_keys, applications, jobs, ledger, meta, served

_MARK = "served_mark"
_SUMS = ("requests", "errors", "tokens_in", "tokens_out", "busy_s")
_PACKAGE = re.compile(r"gcs://[A-Za-z0-9_.+!-]+")


class SqlServing(SqlBase):
    """The served applications' part of ports.Store."""

    def applications(self) -> list[Application]:
        with self._read() as db:
            rows = db.execute(select(applications).order_by(applications.c.name)).all()
        return [_load_application(row, self._sealer) for row in rows]

    def save_applications(self, applications_: Sequence[Application], events: Sequence[Event] = ()) -> None:
        with self._write() as db:
            for application in applications_:
                db.execute(delete(applications).where(applications.c.name == application.name))
                db.execute(insert(applications).values(_application_row(application, self._sealer)))
            for event in events:
                put_event(db, event)

    def delete_application(self, name: str, event: Event) -> None:
        with self._write() as db:
            if db.execute(delete(applications).where(applications.c.name == name)).rowcount:
                put_event(db, event)

    def add_api_key(self, key: ApiKey, event: Event) -> None:
        with self._write() as db:
            db.execute(insert(api_keys).values(_key_row(key)))
            put_event(db, event)

    def api_keys(self) -> list[ApiKey]:
        with self._read() as db:
            rows = db.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)).all()
        return [_load_key(row) for row in rows]

    def revoke_api_key(self, key_id: str, at: float, event: Event) -> bool:
        not_expired = or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > at)
        living = (api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None) & not_expired
        with self._write() as db:
            revoked = bool(db.execute(update(api_keys).where(living).values(revoked_at=at)).rowcount)
            put_event(db, event if revoked else None)
            return revoked

    def add_usage(self, usage: Sequence[Usage], mark: str) -> None:
        with self._write() as db:
            for part in usage:
                _book(db, part)
            db.execute(delete(meta).where(meta.c.name == _MARK))
            db.execute(insert(meta).values(name=_MARK, value=mark))

    def usage_mark(self) -> str:
        with self._read() as db:
            return str(db.execute(select(meta.c.value).where(meta.c.name == _MARK)).scalar() or "")

    def usage(self, since: date | None = None, until: date | None = None, tenant: str | None = None) -> list[Usage]:
        query = select(served).order_by(*served.primary_key.columns)
        if since:
            query = query.where(served.c.day >= since.isoformat())
        if until:
            query = query.where(served.c.day < until.isoformat())
        if tenant is not None:
            query = query.where(served.c.tenant == tenant)
        with self._read() as db:
            return [Usage(**row._mapping) for row in db.execute(query)]  # noqa: SLF001  # SQLAlchemy's public name

    def replica_costs(self, since: date | None = None, until: date | None = None) -> dict[tuple[str, str, str], int]:
        booked = (jobs.c.submission_id, jobs.c.request, ledger.c.pool, ledger.c.day)
        query = select(*booked, func.sum(ledger.c.nano_usd)).join(jobs, jobs.c.submission_id == ledger.c.submission_id)
        query = query.where(jobs.c.submission_id.startswith(REPLICA, autoescape=True)).group_by(*booked)
        if since:
            query = query.where(ledger.c.day >= since.isoformat())
        if until:
            query = query.where(ledger.c.day < until.isoformat())
        found: dict[tuple[str, str, str], int] = {}
        with self._read() as db:
            for submission_id, request, pool, day, nanos in db.execute(query):
                if name := _application_of(submission_id, request):
                    found[name, pool, day] = found.get((name, pool, day), 0) + int(nanos)
        return found


def _application_of(submission_id: str, request: str) -> str | None:
    """The application that the job was a replica of. A deleted job keeps its id alone, which begins with the name."""
    if request == "{}":
        return submission_id.removeprefix(REPLICA).rpartition("-")[0]
    application = json.loads(request).get("application")
    return str(application["name"]) if application else None


def _application_row(application: Application, sealer: Sealer) -> dict[str, Any]:
    # Secrets may stand anywhere in it: in env_vars of it or of a deployment, in the arguments. So all of it is sealed.
    config = codec.dump(application.config)
    return {
        "name": application.name,
        "user": application.user,
        "team": application.team,
        "route_prefix": application.route_prefix,
        "config": sealer.seal(config),
        "packages": " ".join(sorted(set(_PACKAGE.findall(config)))),
        "terms": codec.dump(dataclasses.asdict(application.terms)),
        "deployed_at": application.deployed_at,
        "generation": application.generation,
        "target": application.target.value,
    }


def _load_application(row: Row[Any], sealer: Sealer) -> Application:
    return Application(
        name=row.name,
        user=row.user,
        team=row.team,
        route_prefix=row.route_prefix,
        config=json.loads(sealer.open(row.config)),
        terms=_terms(row.terms),
        deployed_at=row.deployed_at,
        generation=row.generation,
        target=JobTarget(row.target),
    )


def _terms(text: str) -> ServeTerms:
    raw: dict[str, Any] = json.loads(text)
    lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
    replicas = {role: Replicas(**raw[role]) for role in ("baseline", "burst")}
    return ServeTerms(**{**raw, **lists, **replicas})


def _key_row(key: ApiKey) -> dict[str, Any]:
    row = dataclasses.asdict(key)
    lists = {name: codec.dump(row[name]) for name in ("regions", "applications")}
    return {**row, **lists}


def _load_key(row: Row[Any]) -> ApiKey:
    data = dict(row._mapping)  # noqa: SLF001
    lists = {name: tuple(json.loads(data[name])) for name in ("regions", "applications")}
    return ApiKey(**{**data, **lists})


def _book(db: Connection, part: Usage) -> None:
    """Add to the row of the same day, application, key, tenant and pool."""
    row = dataclasses.asdict(part)
    same = [column == row[column.name] for column in served.primary_key.columns]
    sums = {name: served.c[name] + row[name] for name in _SUMS}
    if not db.execute(update(served).where(*same).values(sums)).rowcount:
        db.execute(insert(served).values(row))
