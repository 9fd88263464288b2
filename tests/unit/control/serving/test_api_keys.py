"""Keys of those who call applications are made, listed and revoked by administrators, and kept as hashes alone."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1]))

from world import ALICE, OPAL, ROOT, VIC, World, make_pool, running_world

from spillover.control.serving.api_keys import PREFIX, ApiKeys
from spillover.domain.questions import KeyQuery, KeyRequest
from spillover.domain.serving import Application, ServeTerms
from spillover.errors import BadRequest, Forbidden, NotFound

pytestmark = pytest.mark.asyncio

CHAT = Application("chat", "alice", "search", "/chat", {}, ServeTerms(), 1.0)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path, make_pool(region="eu-west-1")) as opened:
        opened.store.save_applications([CHAT])
        yield opened


@pytest.fixture
def keys(world: World) -> ApiKeys:
    return world.control.keys


async def ids(keys: ApiKeys, **query: Any) -> list[str]:
    return [view.key_id for view in (await keys.list(ROOT, KeyQuery(**query))).items]


async def test_a_key_is_shown_once_and_kept_as_its_hash(world: World, keys: ApiKeys) -> None:
    """Whoever reads the store cannot send requests; what the key allows is kept, and on record."""
    world.control.core.wake.clear()
    made = await keys.create(ROOT, KeyRequest("acme", 60, 1000, ("eu",), ("chat",), 3600.0))
    (kept,) = world.store.api_keys()
    assert made.secret.startswith(PREFIX)
    assert kept.key_hash == hashlib.sha256(made.secret.encode()).hexdigest()
    assert (kept.tenant, kept.requests_per_minute, kept.tokens_per_minute) == ("acme", 60, 1000)
    assert (kept.regions, kept.applications) == (("eu",), ("chat",))
    assert (kept.created_by, kept.expires_at) == ("root", world.clock.now() + 3600)
    (event,) = world.store.events(f"key:{kept.key_id}")
    assert event.text.startswith("key made for acme: 60 requests a minute, 1000 tokens a minute, in eu alone, for chat")
    assert made.secret not in event.text
    assert world.control.core.wake.is_set()


@pytest.mark.parametrize(("life", "ends_in"), [(None, 90 * 86400.0), (0.0, None), (60.0, 60.0)])
async def test_a_key_lives_as_long_as_was_said(
    world: World, keys: ApiKeys, life: float | None, ends_in: float | None
) -> None:
    """90 days if nothing was said, for ever if that was asked for."""
    made = await keys.create(ROOT, KeyRequest("acme", expires_in_s=life))
    assert made.key.expires_at == (None if ends_in is None else world.clock.now() + ends_in)


async def test_all_mistakes_of_a_request_come_at_once(keys: ApiKeys) -> None:
    """Each names the value and the remedy; nothing is made."""
    asked = KeyRequest("", 0, -5, ("mars",), ("chta", "chat"))
    with pytest.raises(BadRequest) as error:
        await keys.create(ROOT, asked)
    for part in (
        "tenant '' is no name",
        "requests_per_minute 0 is no limit",
        "tokens_per_minute -5 is no limit",
        "no pool is in the region 'mars'; there are eu-west-1",
        "application 'chta' is not deployed; did you mean 'chat'?",
    ):
        assert part in error.value.text
    with pytest.raises(BadRequest, match="is no life of a key"):
        await keys.create(ROOT, KeyRequest("acme", expires_in_s=-1.0))
    assert await ids(keys, dead=True) == []


@pytest.mark.parametrize("caller", [ALICE, VIC, OPAL], ids=lambda c: c.role)
async def test_only_administrators_deal_with_keys(keys: ApiKeys, caller: Any) -> None:
    """All others are told so."""
    for call in (
        keys.create(caller, KeyRequest("acme")), keys.list(caller, KeyQuery()), keys.revoke(caller, "x")
    ):  # fmt: skip
        with pytest.raises(Forbidden, match="keys are an admin's business"):
            await call


async def test_lists_show_living_keys_unless_asked(world: World, keys: ApiKeys) -> None:
    """Oldest first, by tenant, dead ones on demand."""
    first = (await keys.create(ROOT, KeyRequest("acme", expires_in_s=10.0))).key.key_id
    world.clock.advance(5)
    second = (await keys.create(ROOT, KeyRequest("zoo"))).key.key_id
    assert await ids(keys) == [first, second]
    assert await ids(keys, tenant="zoo") == [second]
    world.clock.advance(5)
    assert await ids(keys) == [second]
    assert await ids(keys, dead=True) == [first, second]


async def test_a_key_is_revoked_by_the_beginning_of_its_id(world: World, keys: ApiKeys) -> None:
    """It lets nobody in any more; a second time it is said since when."""
    made = (await keys.create(ROOT, KeyRequest("acme"))).key
    world.control.core.wake.clear()
    assert f"Key {made.key_id} of acme is revoked" in await keys.revoke(ROOT, made.key_id[:6])
    assert world.control.core.wake.is_set()
    assert not world.store.api_keys()[0].lives(world.clock.now())
    assert "lets nobody in anyway: it was revoked on" in await keys.revoke(ROOT, made.key_id)
    assert world.store.events(f"key:{made.key_id}")[0].text == "key of acme revoked"


async def test_a_key_that_is_not_there_is_named(keys: ApiKeys) -> None:
    """With the nearest one, or how to see them all."""
    with pytest.raises(NotFound, match="There is no key 'zz'; `spillover key list --all` shows them"):
        await keys.revoke(ROOT, "zz")
