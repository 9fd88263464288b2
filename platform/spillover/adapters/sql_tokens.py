"""Tokens in the store: their hashes, never the tokens themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from ..domain.access import Caller, Role, Token
from ..ports import Event
from .sql_base import SqlBase
from .sql_jobs import put_event
from .sql_tables import tokens


class SqlTokens(SqlBase):
    """The tokens part of ports.Store."""

    def token(self, token_hash: str) -> Token | None:
        with self._read() as db:
            row = db.execute(select(tokens).where(tokens.c.hash == token_hash)).first()
        return _load(row) if row else None

    def tokens(self) -> list[Token]:
        with self._read() as db:
            return [_load(row) for row in db.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.id))]

    def add_token(self, token: Token, event: Event | None = None) -> None:
        with self._write() as db:
            db.execute(delete(tokens).where(or_(tokens.c.hash == token.token_hash, tokens.c.id == token.token_id)))
            db.execute(insert(tokens).values(_row(token)))
            put_event(db, event)

    def revoke_token(self, token_id: str, at: float, event: Event) -> bool:
        not_expired = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > at)
        living = (tokens.c.id == token_id) & tokens.c.revoked_at.is_(None) & not_expired
        with self._write() as db:
            revoked = bool(db.execute(update(tokens).where(living).values(revoked_at=at)).rowcount)
            put_event(db, event if revoked else None)
            return revoked

    def note_token_used(self, token_id: str, at: float) -> None:
        with self._write() as db:
            db.execute(update(tokens).where(tokens.c.id == token_id).values(used_at=at))


def _row(token: Token) -> dict[str, Any]:
    return {
        "id": token.token_id,
        "hash": token.token_hash,
        "user": token.caller.user,
        "team": token.caller.team,
        "role": token.caller.role.value,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "used_at": token.used_at,
    }


def _load(row: Row[Any]) -> Token:
    return Token(
        token_id=row.id,
        token_hash=row.hash,
        caller=Caller(row.user, row.team, Role(row.role)),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )
