"""The administrator's first token: it lies in the state folder, so that whoever owns that can let others in."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from ..domain.access import Caller, Role, Token
from ..ports import Event, Store
from .tokens import token_hash

log = logging.getLogger(__name__)

FIRST = "first"  # its id
MADE_BY = "spillover up"


def admit_first(store: Store, secret: str, write: Callable[[str], None], team: str, now: float) -> bool:
    """Let the administrator in, as a member of `team`. False if the first token was revoked, and stays so.

    `secret` is what lies in the state folder, "" if nothing does; `write` puts another one there. It never expires. A
    secret that was lost, or replaced by hand, is followed by a new one. A revoked one comes back only where no admin's
    token is left that lets anybody in.
    """
    first = next((t for t in store.tokens() if t.token_id == FIRST), None)
    if first and first.revoked_at is not None:
        if any(t.caller.role is Role.ADMIN and not t.why_dead(now) for t in store.tokens()):
            log.warning("The administrator's first token was revoked, and other admins have theirs: it stays so.")
            return False
        secret = ""
    if not secret:
        secret = secrets.token_hex(32)
        write(secret)
    admin, known = Caller("admin", team, Role.ADMIN), store.token(token_hash(secret))
    if known is None:
        _add(store, Token(FIRST, token_hash(secret), admin, now, MADE_BY), again=first is not None)
    elif known.token_id == FIRST and known.caller != admin:
        store.add_token(replace(known, caller=admin))
    return True


def _add(store: Store, token: Token, *, again: bool) -> None:
    text = "the administrator's first token was made" + (" anew; the old one lets nobody in any more" if again else "")
    if again:
        log.warning("%s", text)
    store.add_token(token, Event(token.created_at, MADE_BY, f"token:{FIRST}", text))
