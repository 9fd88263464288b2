"""Who may send requests to applications: keys are made, listed and revoked. Only their hashes are kept."""

from __future__ import annotations

import dataclasses
import difflib
import re
import secrets
from collections.abc import Collection, Sequence

from ...domain.access import Caller, Role
from ...domain.answers import KeyView, NewKey, Page, UsageReport
from ...domain.questions import KeyQuery, KeyRequest, UsageQuery
from ...domain.serving import ApiKey
from ...errors import BadRequest, Forbidden, NotFound
from ...placement.eligibility import in_region
from ...units import show_instant
from ..core import Core
from ..paging import page
from ..token_requests import end_of_life
from ..tokens import token_hash
from .usage import Usages

PREFIX = "sk-spillover-"
"""A key is told from other secrets by how it begins."""

_MOST = 10**9
_TENANT = re.compile(r"\w[\w.@+-]{0,63}")


class ApiKeys:
    """Administrators make, list and revoke keys; what their requests came to is shown to all whom it concerns."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._usages = Usages(core)

    async def create(self, caller: Caller, request: KeyRequest) -> NewKey:
        """Make a key. Its secret is in this answer alone. Raises Forbidden, BadRequest."""
        _check_admin(caller)
        now, secret = self._core.clock.now(), PREFIX + secrets.token_hex(24)
        await self._check(request)
        key = ApiKey(
            key_id=secrets.token_hex(4),
            key_hash=token_hash(secret),
            tenant=request.tenant,
            created_at=now,
            created_by=caller.user,
            requests_per_minute=request.requests_per_minute,
            tokens_per_minute=request.tokens_per_minute,
            regions=request.regions,
            applications=request.applications,
            expires_at=end_of_life(request.expires_in_s, now, "a key"),
        )
        event = self._core.event(caller.user, f"key:{key.key_id}", f"key made for {key.tenant}{_limits(key)}")
        await self._core.db(self._core.store.add_api_key, key, event)
        self._core.wake.set()
        return NewKey(secret, _view(key))

    async def list(self, caller: Caller, query: KeyQuery) -> Page[KeyView]:
        """Keys that let requests in, oldest first, and on demand the others too. Raises Forbidden, BadRequest."""
        _check_admin(caller)
        now, keys = self._core.clock.now(), await self._core.db(self._core.store.api_keys)
        shown = [_view(k) for k in keys if (query.dead or k.lives(now)) and query.tenant in (None, k.tenant)]
        return page(shown, query.limit, query.after)

    async def revoke(self, caller: Caller, key_id: str) -> str:
        """Let a key in no more, named by its id or the beginning of it. Raises Forbidden, NotFound, BadRequest."""
        _check_admin(caller)
        now = self._core.clock.now()
        key = _named(key_id, await self._core.db(self._core.store.api_keys), now)
        event = self._core.event(caller.user, f"key:{key.key_id}", f"key of {key.tenant} revoked")
        if not await self._core.db(self._core.store.revoke_api_key, key.key_id, now, event):
            return f"Key {key.key_id} of {key.tenant} lets nobody in anyway: {_why_dead(key)}."
        self._core.wake.set()
        return f"Key {key.key_id} of {key.tenant} is revoked: it lets nobody in once the data plane was told."

    async def usage(self, caller: Caller, query: UsageQuery) -> UsageReport:
        """What requests came to, within what the caller may see. Raises BadRequest."""
        return await self._usages.report(caller, query)

    async def _check(self, request: KeyRequest) -> None:
        """Raises BadRequest that names every mistake."""
        applications = [a.name for a in await self._core.db(self._core.store.applications)]
        regions = {runtime.pool.region for runtime in self._core.pools.values()} - {""}
        mistakes = [*_mistakes(request), *_unknown_applications(request, applications)]
        mistakes += _unknown_regions(request, regions)
        if mistakes:
            raise BadRequest("; ".join(mistakes))


def _check_admin(caller: Caller) -> None:
    if not caller.role.allows(Role.ADMIN):
        who = f"{caller.user}'s, of the role {caller.role}"
        raise Forbidden(f"Forbidden: keys are an admin's business; this token is {who}.")


def _mistakes(request: KeyRequest) -> list[str]:
    found = []
    if not _TENANT.fullmatch(request.tenant):
        found.append(
            f"tenant {request.tenant!r} is no name: write up to 64 letters, digits, '.', '-', '_', '@' or '+', with a "
            "letter or digit first"
        )
    for name in ("requests_per_minute", "tokens_per_minute"):
        limit = getattr(request, name)
        if limit is not None and not 1 <= limit <= _MOST:
            found.append(f"{name} {limit} is no limit: write 1 or more, or leave it out for none")
    return found


def _unknown_applications(request: KeyRequest, known: Collection[str]) -> list[str]:
    unknown = [name for name in request.applications if name not in known]
    return [f"application {name!r} is not deployed; {_near(name, known)}" for name in unknown]


def _unknown_regions(request: KeyRequest, known: Collection[str]) -> list[str]:
    unknown = [wanted for wanted in request.regions if not any(in_region(region, wanted) for region in known)]
    return [f"no pool is in the region {wanted!r}; {_near(wanted, known)}" for wanted in unknown]


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known)) or 'none'}"


def _limits(key: ApiKey) -> str:
    parts = [
        f"{key.requests_per_minute} requests a minute" if key.requests_per_minute else "",
        f"{key.tokens_per_minute} tokens a minute" if key.tokens_per_minute else "",
        f"in {', '.join(key.regions)} alone" if key.regions else "",
        f"for {', '.join(key.applications)} alone" if key.applications else "",
        f"until {show_instant(key.expires_at)}" if key.expires_at else "for ever",
    ]
    return ": " + ", ".join(part for part in parts if part)


def _named(text: str, keys: Sequence[ApiKey], now: float) -> ApiKey:
    """The key of that id, or else the one whose id begins so; living ones first."""
    begun = [k for k in keys if text and k.key_id.startswith(text)]
    found = [k for k in begun if k.key_id == text] or [k for k in begun if k.lives(now)] or begun
    if len(found) > 1:
        raise BadRequest(f"'{text}' could be {' or '.join(k.key_id for k in found)}; write more of it")
    if found:
        return found[0]
    near = difflib.get_close_matches(text, [k.key_id for k in keys], n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`spillover key list --all` shows them"
    raise NotFound(f"There is no key '{text}'; {hint}")


def _why_dead(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"it was revoked on {show_instant(key.revoked_at)}"
    return f"it expired on {show_instant(key.expires_at or 0.0)}"


def _view(key: ApiKey) -> KeyView:
    return KeyView(**{f.name: getattr(key, f.name) for f in dataclasses.fields(KeyView)})
