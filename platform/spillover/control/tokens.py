"""Who gets in: tokens are looked up, made, listed and revoked. Only their hashes are kept."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import secrets
from collections.abc import Sequence

from ..domain.access import Caller, Role, Token
from ..domain.answers import NewToken, Page, TokenView
from ..domain.questions import TokenQuery, TokenRequest
from ..errors import BadRequest, Forbidden, NotFound
from ..units import show_instant
from .core import Core
from .paging import page
from .token_requests import expiry, holder

# Ray's text. Its clients wrap it in an AuthenticationError, by the status.
UNKNOWN = "Forbidden: Invalid authentication token"

CACHE_S = 3.0
NOTE_USE_EVERY_S = 60.0


def token_hash(token: str) -> str:
    """Tokens are kept as their SHA-256 alone: they are random, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """Looks tokens up for every request; administrators make, list and revoke them.

    What was looked up holds for CACHE_S, so that following a job costs no reading from disk. Revoking ends that at
    once, but for other processes on the same store.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._known: dict[str, tuple[Token, float]] = {}  # by hash: a token, and until when it is not read again
        self._noted: dict[str, float] = {}  # by id: when a use was last written down
        self._revoking = asyncio.Lock()

    async def caller_of(self, token: str) -> Caller:
        """Who holds the token. Raises Forbidden for one that lets nobody in."""
        found = await self._find(token_hash(token))
        now = self._core.clock.now()
        if why := _why_dead(found, now):
            raise Forbidden(f"{UNKNOWN} ({why}; ask an administrator for a new one: `spillover token create`)")
        if now - self._noted.get(found.token_id, found.used_at or 0.0) >= NOTE_USE_EVERY_S:
            self._noted[found.token_id] = now
            await self._core.db(self._core.store.note_token_used, found.token_id, now)
        return found.caller

    async def _find(self, hashed: str) -> Token:
        known, now = self._known, self._core.clock.now()
        if hashed in known and now < known[hashed][1]:
            return known[hashed][0]
        found = await self._core.db(self._core.store.token, hashed)
        if found is None:
            raise Forbidden(UNKNOWN)
        # If a token was revoked meanwhile, this goes into a dictionary that nobody looks at any more
        known[hashed] = (found, now + CACHE_S)
        return found

    async def create(self, caller: Caller, request: TokenRequest) -> NewToken:
        """Make a token. Its secret is in this answer alone. Raises Forbidden, BadRequest."""
        _check_admin(caller)
        now, secret = self._core.clock.now(), secrets.token_hex(32)
        held_by, expires_at = holder(request, self._core.settings.may_burst), expiry(request, now)
        token_id = _free_id(await self._core.db(self._core.store.tokens))
        token = Token(token_id, token_hash(secret), held_by, now, caller.user, expires_at)
        until = f"until {show_instant(expires_at)}" if expires_at else "for ever"
        text = f"token made for {held_by.user}: {held_by.role} of team '{held_by.team}' {until}"
        event = self._core.event(caller.user, f"token:{token_id}", text)
        await self._core.db(self._core.store.add_token, token, event)
        return NewToken(secret, _view(token))

    async def list(self, caller: Caller, query: TokenQuery) -> Page[TokenView]:
        """Tokens that let somebody in, oldest first, and on demand the others too. Raises Forbidden, BadRequest."""
        _check_admin(caller)
        now = self._core.clock.now()
        shown = [
            _view(token)
            for token in await self._core.db(self._core.store.tokens)
            if (query.dead or not token.why_dead(now))
            and query.user in (None, token.caller.user)
            and query.role in (None, token.caller.role)
        ]
        return page(shown, query.limit, query.after)

    async def revoke(self, caller: Caller, token_id: str) -> str:
        """Let a token in no more, named by its id or the beginning of it. Raises Forbidden, NotFound, BadRequest."""
        _check_admin(caller)
        async with self._revoking:  # of the last two administrators' tokens, only one
            everyone, now = await self._core.db(self._core.store.tokens), self._core.clock.now()
            token = _named(token_id, everyone, now)
            name = f"Token {token.token_id} of {token.caller.user}"
            if why := _why_dead(token, now):
                return f"{name} lets nobody in anyway: {why}."
            _check_not_last_admin(token, everyone, now)
            event = self._core.event(caller.user, f"token:{token.token_id}", f"token of {token.caller.user} revoked")
            await self._core.db(self._core.store.revoke_token, token.token_id, now, event)
            self._known = {}
        return f"{name} is revoked: it lets nobody in any more."


def _check_admin(caller: Caller) -> None:
    if not caller.role.allows(Role.ADMIN):
        who = f"{caller.user}'s, of the role {caller.role}"
        raise Forbidden(f"Forbidden: tokens are an admin's business; this token is {who}.")


def _why_dead(token: Token, now: float) -> str:
    why = token.why_dead(now)
    if why == "revoked":
        return f"it was revoked on {show_instant(token.revoked_at or now)}"
    return f"it expired on {show_instant(token.expires_at or now)}" if why else ""


def _free_id(tokens: Sequence[Token]) -> str:
    taken = {token.token_id for token in tokens}
    while (token_id := secrets.token_hex(4)) in taken:
        continue
    return token_id


def _named(text: str, tokens: Sequence[Token], now: float) -> Token:
    """The token of that id, or else the one whose id begins so; living ones first."""
    begun = [t for t in tokens if text and t.token_id.startswith(text)]
    found = [t for t in begun if t.token_id == text] or [t for t in begun if not t.why_dead(now)] or begun
    if len(found) > 1:
        raise BadRequest(f"'{text}' could be {' or '.join(t.token_id for t in found)}; write more of it")
    if found:
        return found[0]
    near = difflib.get_close_matches(text, [t.token_id for t in tokens], n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`spillover token list --all` shows them"
    raise NotFound(f"There is no token '{text}'; {hint}")


def _check_not_last_admin(token: Token, tokens: Sequence[Token], now: float) -> None:
    admins = [t.token_id for t in tokens if t.caller.role is Role.ADMIN and not t.why_dead(now)]
    if admins == [token.token_id]:
        raise BadRequest(
            f"Token {token.token_id} is the last living one of an admin: without it nobody could make another. "
            "Make one first: `spillover token create USER --team TEAM --role admin`"
        )


def _view(token: Token) -> TokenView:
    return TokenView(
        token_id=token.token_id,
        user=token.caller.user,
        team=token.caller.team,
        role=token.caller.role.value,
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        used_at=token.used_at,
    )
