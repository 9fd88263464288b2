"""Who gets in, and who lets them in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes import ManualClock

from spillover.adapters.sql_store import SqlStore
from spillover.control.core import ControlSettings, Core
from spillover.control.first_token import admit_first
from spillover.control.token_requests import DEFAULT_LIFE_S
from spillover.control.tokens import CACHE_S, NOTE_USE_EVERY_S, Tokens, token_hash
from spillover.domain.access import Caller, Role
from spillover.domain.questions import TokenQuery, TokenRequest
from spillover.domain.resources import Demand, parse_bundles
from spillover.errors import BadRequest, Forbidden, NotFound
from spillover.placement.policies import make_policy

pytestmark = pytest.mark.asyncio

ROOT = Caller("root", "search", Role.ADMIN)
OPERATOR = Caller("olga", "search", Role.OPERATOR)
NEW_YEAR = 1_800_000_000.0  # 2027-01-15 08:00 UTC, where ManualClock begins
UNKNOWN = "Forbidden: Invalid authentication token"
EXTRA = "ask an administrator for a new one: `spillover token create`"


@dataclass
class Desk:
    """Tokens on a real store, and what was called of it."""

    tokens: Tokens
    store: SqlStore
    clock: ManualClock
    calls: list[str]

    async def make(
        self, user: str = "alice", team: str = "search", role: str = "user", life: float | None = None
    ) -> str:
        return (await self.tokens.create(ROOT, TokenRequest(user, team, role, life))).secret

    async def ids(self, **query: Any) -> list[str]:
        return [view.token_id for view in (await self.tokens.list(ROOT, TokenQuery(**query))).items]

    def id_of(self, secret: str) -> str:
        token = self.store.token(token_hash(secret))
        assert token is not None
        return token.token_id

    def first(self, secret: str = "", team: str = "search") -> tuple[bool, str]:
        """What a start of `spillover up` makes of the file in the state folder."""
        written = [secret]
        return admit_first(self.store, secret, written.append, team, self.clock.now()), written[-1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store, clock, calls = SqlStore.in_folder(tmp_path), ManualClock(NEW_YEAR), []

    class Counting(Core):
        async def db(self, call: Any, *args: Any) -> Any:
            calls.append(call.__name__)
            await asyncio.sleep(0)
            return call(*args)

    settings = ControlSettings(Demand(parse_bundles("1x{CPU:1}")), may_burst={"search": True, "ads": False})
    core = Counting(store, clock, settings, make_policy("never"), {}, tmp_path)
    yield Desk(Tokens(core), store, clock, calls)
    store.close()


async def test_a_token_names_its_holder(desk: Desk) -> None:
    """A new secret lets its user in with team and role; it is 64 hex digits, and only its hash is kept."""
    made = await desk.tokens.create(ROOT, TokenRequest("alice", "search", "operator"))
    assert await desk.tokens.caller_of(made.secret) == Caller("alice", "search", Role.OPERATOR)
    assert len(bytes.fromhex(made.secret)) == 32
    assert len(bytes.fromhex(made.token.token_id)) == 4
    kept = desk.store.tokens()[0]
    assert (kept.token_hash, kept.created_by) == (token_hash(made.secret), "root")
    assert made.secret not in repr(kept)


async def test_what_lets_nobody_in_is_refused_in_rays_words(desk: Desk) -> None:
    """An unknown token is told exactly what Ray says; a dead one besides since when it is dead, and what to do."""
    revoked, expiring = await desk.make(), await desk.make(life=3600)
    await desk.tokens.revoke(ROOT, desk.id_of(revoked))
    with pytest.raises(Forbidden) as caught:
        await desk.tokens.caller_of("0" * 64)
    assert caught.value.text == UNKNOWN
    desk.clock.advance(3599.5)
    assert (await desk.tokens.caller_of(expiring)).user == "alice"
    desk.clock.advance(0.5)
    for secret, why in (
        (revoked, "it was revoked on 2027-01-15 08:00 UTC"),
        (expiring, "it expired on 2027-01-15 09:00 UTC"),
    ):
        with pytest.raises(Forbidden) as caught:
            await desk.tokens.caller_of(secret)
        assert caught.value.text == f"{UNKNOWN} ({why}; {EXTRA})"


async def test_polling_costs_no_reading(desk: Desk) -> None:
    """A token is read from the store once in a few seconds, however often it is used."""
    secret = await desk.make()
    desk.calls.clear()
    for _ in range(20):
        await desk.tokens.caller_of(secret)
        desk.clock.advance(CACHE_S / 25)
    assert desk.calls.count("token") == 1
    desk.clock.advance(CACHE_S)
    await desk.tokens.caller_of(secret)
    assert desk.calls.count("token") == 2


async def test_a_use_is_noted_once_a_minute(desk: Desk) -> None:
    """`used_at` is right to the minute, across a restart too, and costs one write in that time."""
    secret = await desk.make()
    desk.calls.clear()
    for _ in range(120):
        await desk.tokens.caller_of(secret)
        desk.clock.advance(1)
    assert desk.calls.count("note_token_used") == 2
    assert desk.store.tokens()[0].used_at == NEW_YEAR + NOTE_USE_EVERY_S
    desk.clock.advance(-30)
    after_a_restart = Tokens(desk.tokens._core)
    await after_a_restart.caller_of(secret)
    assert desk.calls.count("note_token_used") == 2


async def test_revoking_works_at_once(desk: Desk) -> None:
    """A token that was used a moment ago lets nobody in after it was revoked; nor does one that was being looked up."""
    secret = await desk.make()
    token_id = desk.id_of(secret)
    await desk.tokens.caller_of(secret)
    assert (
        await desk.tokens.revoke(ROOT, token_id) == f"Token {token_id} of alice is revoked: it lets nobody in any more."
    )
    with pytest.raises(Forbidden, match="revoked"):
        await desk.tokens.caller_of(secret)
    assert desk.store.events(f"token:{token_id}")[0].text == "token of alice revoked"


async def test_a_look_up_that_was_under_way_is_not_kept(desk: Desk) -> None:
    """What was read before a token was revoked, and arrives after it, is used for that request alone."""
    secret = await desk.make()
    gate, found = asyncio.Event(), desk.store.token(token_hash(secret))
    db = desk.tokens._core.db

    async def slow(call: Any, *args: Any) -> Any:
        if call == desk.store.token and not gate.is_set():
            await gate.wait()
            return found
        return await db(call, *args)

    desk.tokens._core.db = slow  # type: ignore[method-assign]
    under_way = asyncio.create_task(desk.tokens.caller_of(secret))
    await asyncio.sleep(0)
    await desk.tokens.revoke(ROOT, desk.id_of(secret))
    gate.set()
    await under_way
    with pytest.raises(Forbidden, match="revoked"):
        await desk.tokens.caller_of(secret)


@pytest.mark.parametrize(
    ("life", "expires_at"),
    [(None, NEW_YEAR + DEFAULT_LIFE_S), (0, None), (60.0, NEW_YEAR + 60), (3650 * 86400, NEW_YEAR + 3650 * 86400)],
)
async def test_tokens_end_unless_asked_otherwise(desk: Desk, life: float | None, expires_at: float | None) -> None:
    """90 days if nothing is said, never if 0 is, and this is on record."""
    made = await desk.tokens.create(ROOT, TokenRequest("alice", "search", expires_in_s=life))
    assert made.token.expires_at == expires_at
    event = desk.store.events(f"token:{made.token.token_id}")[0]
    assert event.actor == "root"
    assert event.text.startswith("token made for alice: user of team 'search' ")
    assert ("for ever" in event.text) == (expires_at is None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (TokenRequest("alice", "search", "oprator"), "role 'oprator' is unknown; did you mean 'operator'?"),
        (TokenRequest("alice", "search", "x"), "role 'x' is unknown; there are viewer, user, operator, admin"),
        (TokenRequest("alice", "serach"), "team 'serach' is none of the settings' teams; did you mean 'search'?"),
        (TokenRequest("alice", "x"), "there are search, ads"),
        (TokenRequest("alice", "*"), "team '*' is for viewers, who only look; a token of the role 'user' needs a team"),
        (TokenRequest("alice", "*", "admin"), "team '*' is for viewers"),
        (TokenRequest("", "search"), "user '' is no name for a user"),
        (TokenRequest("a/b", "search"), "user 'a/b' is no name"),
        (TokenRequest("..", "search"), "user '..' is no name"),
        (TokenRequest("a\nb", "search"), r"user 'a\nb' is no name"),
        (TokenRequest("a" * 65, "search"), "up to 64"),
        (TokenRequest("spillover", "search"), "user 'spillover' is who acts in the history"),
        (TokenRequest("alice", "search", expires_in_s=-1.0), "expires_in_s -1 is no life"),
        (TokenRequest("alice", "search", expires_in_s=float("nan")), "expires_in_s nan is no life"),
        (TokenRequest("alice", "search", expires_in_s=1e12), "0 for one that never expires"),
    ],
)
async def test_what_no_token_can_be_is_refused(desk: Desk, asked: TokenRequest, said: str) -> None:
    """A refusal names the field, its value and what to write instead; nothing is made."""
    with pytest.raises(BadRequest) as caught:
        await desk.tokens.create(ROOT, asked)
    assert said in caught.value.text
    assert desk.store.tokens() == []


@pytest.mark.parametrize("user", ["alice", "a.b-c_d+e@example.com", "Zoë", "7"])
async def test_names_of_people_are_names(desk: Desk, user: str) -> None:
    """Mail addresses and names of other alphabets can hold tokens; a viewer may look at every team."""
    made = await desk.tokens.create(ROOT, TokenRequest(user, "*", "viewer"))
    assert await desk.tokens.caller_of(made.secret) == Caller(user, "*", Role.VIEWER)


async def test_tokens_are_an_admins_business(desk: Desk) -> None:
    """An operator may neither make nor list nor revoke tokens."""
    for attempt in (
        desk.tokens.create(OPERATOR, TokenRequest("alice", "search")),
        desk.tokens.list(OPERATOR, TokenQuery()),
        desk.tokens.revoke(OPERATOR, "first"),
    ):
        with pytest.raises(
            Forbidden, match="tokens are an admin's business; this token is olga's, of the role operator"
        ):
            await attempt


async def test_the_list_is_of_living_tokens(desk: Desk) -> None:
    """Revoked and expired ones are listed on demand; users and roles can be picked; a page says where to go on."""
    alice, short, bob = await desk.make(), await desk.make(life=1), await desk.make("bob", role="viewer")
    desk.clock.advance(1)
    await desk.tokens.revoke(ROOT, desk.id_of(alice))
    assert await desk.ids() == [desk.id_of(bob)]
    assert sorted(await desk.ids(dead=True)) == sorted(map(desk.id_of, (alice, short, bob)))
    assert await desk.ids(user="bob", dead=True) == await desk.ids(role="viewer") == [desk.id_of(bob)]
    assert await desk.ids(user="nobody") == []
    part = await desk.tokens.list(ROOT, TokenQuery(dead=True, limit=2))
    rest = await desk.tokens.list(ROOT, TokenQuery(dead=True, limit=2, after=part.next))
    assert (len(part.items), len(rest.items), rest.next) == (2, 1, None)


async def test_a_token_can_be_named_by_its_beginning(desk: Desk) -> None:
    """The beginning of an id is enough where it is the only one; where not, both are told; a living one goes first."""
    desk.first()
    token_ids = ["aaaa0001", "aabb0002", "aacc0003"]
    for token_id in token_ids:
        made = desk.store.token(token_hash(await desk.make()))
        assert made is not None
        desk.store.revoke_token(made.token_id, desk.clock.now(), desk.tokens._core.event("root", "x", "x"))
        desk.store.add_token(type(made)(**{**made.__dict__, "token_id": token_id}))
    with pytest.raises(BadRequest, match="'aa' could be aaaa0001 or aabb0002 or aacc0003; write more of it"):
        await desk.tokens.revoke(ROOT, "aa")
    assert "Token aaaa0001" in await desk.tokens.revoke(ROOT, "aaa")
    assert "Token aabb0002" in await desk.tokens.revoke(ROOT, "aabb0002")
    assert "Token aacc0003 of alice is revoked" in await desk.tokens.revoke(ROOT, "aa")
    with pytest.raises(NotFound, match=r"There is no token 'aacc0030'; did you mean 'aacc0003'\?"):
        await desk.tokens.revoke(ROOT, "aacc0030")
    for nothing in ("", "zz"):
        with pytest.raises(NotFound, match=f"There is no token '{nothing}'; `spillover token list --all` shows them"):
            await desk.tokens.revoke(ROOT, nothing)


async def test_revoking_twice_says_so(desk: Desk) -> None:
    """A token that lets nobody in is left as it is, and the answer says since when."""
    token_id = desk.id_of(await desk.make(life=60))
    desk.clock.advance(60)
    said = await desk.tokens.revoke(ROOT, token_id)
    assert said == f"Token {token_id} of alice lets nobody in anyway: it expired on 2027-01-15 08:01 UTC."
    assert desk.store.tokens()[0].revoked_at is None


async def test_an_administrator_always_remains(desk: Desk) -> None:
    """The last admin's token that lives cannot be revoked, however the others ended; nor both of two at once."""
    desk.first()
    expiring = await desk.make("carol", role="admin", life=10)
    desk.clock.advance(10)
    with pytest.raises(
        BadRequest, match=r"Token first is the last living one of an admin: .* Make one first: `spillover token create"
    ):
        await desk.tokens.revoke(ROOT, "first")
    dora = desk.id_of(await desk.make("dora", role="admin"))
    both = await asyncio.gather(*(desk.tokens.revoke(ROOT, t) for t in ("first", dora)), return_exceptions=True)
    assert [type(said) for said in both] == [str, BadRequest]
    assert (await desk.tokens.list(ROOT, TokenQuery(role="admin"))).items[0].token_id == dora
    assert desk.id_of(expiring) not in await desk.ids()


# -- the first token, as a start of `spillover up` finds it


async def test_the_first_start_lets_the_administrator_in(desk: Desk) -> None:
    """The first token is `first`, of the settings' team, and never expires; a second start changes nothing."""
    admitted, secret = desk.first()
    assert admitted
    assert await desk.tokens.caller_of(secret) == Caller("admin", "search", Role.ADMIN)
    before = desk.store.tokens()
    assert desk.first(secret) == (True, secret)
    assert desk.store.tokens() == before
    assert (before[0].token_id, before[0].created_by, before[0].expires_at) == ("first", "spillover up", None)
    assert [e.text for e in desk.store.events("token:first")] == ["the administrator's first token was made"]


async def test_the_first_token_follows_the_settings_team(desk: Desk) -> None:
    """When `defaults.team` changes, so does the administrator's; whose token it is, and since when, does not."""
    _, secret = desk.first()
    desk.clock.advance(100)
    desk.first(secret, team="ads")
    assert (await desk.tokens.caller_of(secret)).team == "ads"
    assert desk.store.tokens()[0].created_at == NEW_YEAR


async def test_a_lost_first_token_is_made_anew(desk: Desk) -> None:
    """If its file is gone, a start makes another secret, on record, and the old one lets nobody in."""
    _, lost = desk.first()
    _, secret = desk.first("")
    assert secret != lost
    assert (await desk.tokens.caller_of(secret)).role is Role.ADMIN
    with pytest.raises(Forbidden, match=f"^{UNKNOWN}$"):
        await desk.tokens.caller_of(lost)
    assert "anew" in desk.store.events("token:first")[0].text


@pytest.mark.parametrize("in_the_folder", ["as it was", ""])
async def test_a_revoked_first_token_stays_revoked(desk: Desk, in_the_folder: str) -> None:
    """A start does not bring it back, whether its file is still there or not, while another admin has a token."""
    _, secret = desk.first()
    await desk.make("dora", role="admin")
    await desk.tokens.revoke(ROOT, "first")
    found = secret if in_the_folder else ""
    assert desk.first(found) == (False, found)
    with pytest.raises(Forbidden, match="revoked"):
        await desk.tokens.caller_of(secret)


async def test_nobody_is_locked_out_for_good(desk: Desk) -> None:
    """Where no admin's token lives any more, whoever owns the state folder gets a new first one by a start."""
    _, secret = desk.first()
    await desk.make("dora", role="admin", life=10)
    await desk.tokens.revoke(ROOT, "first")
    desk.clock.advance(10)
    admitted, renewed = desk.first(secret)
    assert admitted
    assert renewed != secret
    assert (await desk.tokens.caller_of(renewed)).role is Role.ADMIN


async def test_another_living_token_in_the_folder_is_left_alone(desk: Desk) -> None:
    """A user's token that somebody put there is not made an administrator's."""
    desk.first()
    alice = await desk.make()
    assert desk.first(alice) == (True, alice)
    assert (await desk.tokens.caller_of(alice)).role is Role.USER
