"""A Serve config file says what a user's applications are to be: no more, no less, and nobody else's."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1]))

from world import ALICE, AMY, BOB, OPAL, ROOT, VIC, World, burst, make_pool, running_world

from spillover.domain.access import Caller
from spillover.domain.job import JobTarget
from spillover.domain.questions import ApplicationQuery
from spillover.domain.serving import Application, Replicas
from spillover.errors import BadRequest, Forbidden, NotFound

pytestmark = pytest.mark.asyncio

URI = "gcs://_ray_pkg_0123456789abcdef.zip"
SECRET = {"env_vars": {"PASSWORD": "open sesame"}}


def entry(name: str = "chat", route: str | None = None, env: Any = None, **block: Any) -> dict[str, Any]:
    env = {**(env or {}), **({"spillover": block} if block else {})}
    deployments = [{"name": "D", "num_replicas": 1, "ray_actor_options": {"num_cpus": 1}}]
    found = {"name": name, "route_prefix": route or f"/{name}", "import_path": "m:app", "deployments": deployments}
    return {**found, "runtime_env": env} if env else found


async def deploy(world: World, *entries: dict[str, Any], caller: Caller = ALICE, **rest: Any) -> None:
    await world.control.serve.deploy(caller, {"applications": list(entries), **rest})


async def refused(world: World, *entries: dict[str, Any], caller: Caller = ALICE) -> str:
    before = world.store.applications()
    with pytest.raises((BadRequest, Forbidden)) as error:
        await deploy(world, *entries, caller=caller)
    assert world.store.applications() == before
    return error.value.text


def there(world: World) -> dict[str, Application]:
    return {application.name: application for application in world.store.applications()}


def targets(world: World) -> dict[str, tuple[str, int]]:
    return {name: (a.target.value, a.generation) for name, a in there(world).items()}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path, make_pool(), burst(region="eu-west-1")) as opened:
        yield opened


async def test_what_is_deployed_is_kept(world: World) -> None:
    """The entry without its block, the block as terms, whose it is, and a line of history."""
    world.control.core.wake.clear()
    await deploy(world, entry(env=SECRET, baseline="1-2", burst="0-2"), http_options={"port": 8001})
    kept = there(world)["chat"]
    assert (kept.user, kept.team, kept.route_prefix, kept.deployed_at) == (
        "alice",
        "search",
        "/chat",
        world.clock.now(),
    )
    assert (kept.terms.baseline, kept.terms.burst) == (Replicas(1, 2), Replicas(0, 2))
    assert kept.config == entry(env=SECRET)
    assert world.control.core.wake.is_set()
    (event,) = world.store.events("serve:chat")
    assert event.actor == "alice"
    assert event.text.startswith("deployed, generation 1: 1 to 2 replicas on owned pools, 0 to 2 on rented ones")
    assert "http_options of the file left aside" in event.text


async def test_a_file_is_all_that_its_user_has(world: World) -> None:
    """What is not in it any more is taken down, what is in it again comes back; others' applications stay."""
    await deploy(world, entry("a"), entry("b"))
    await deploy(world, entry("c"), caller=BOB)
    await deploy(world, entry("b"))
    assert targets(world) == {"a": ("stop", 1), "b": ("run", 2), "c": ("run", 1)}
    await deploy(world, entry("a"))
    assert targets(world) == {"a": ("run", 2), "b": ("stop", 2), "c": ("run", 1)}


async def test_shutdown_takes_down_ones_own_alone(world: World) -> None:
    """Even an administrator's shutdown leaves what others deployed."""
    await deploy(world, entry("a"))
    await deploy(world, entry("b"), caller=BOB)
    await world.control.serve.shutdown(ROOT)
    assert targets(world) == {"a": ("run", 1), "b": ("run", 1)}
    await world.control.serve.shutdown(ALICE)
    assert targets(world) == {"a": ("stop", 1), "b": ("run", 1)}


async def test_names_and_routes_are_there_once_for_all_users(world: World) -> None:
    """What another user has is refused by name, all at once; a route is free again when its application is to go."""
    await deploy(world, entry("a"), entry("b"))
    text = await refused(world, entry("a", "/new"), entry("c", "/b"), caller=BOB)
    assert "the name 'a' is taken by an application of alice" in text
    assert "the route_prefix '/b' is taken by alice's application 'b'" in text
    await world.control.serve.shutdown(ALICE)
    assert "the name 'a' is taken" in await refused(world, entry("a"), caller=BOB)
    await deploy(world, entry("c", "/b"), caller=BOB)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "my chat"}, "application 'my chat': use 1 to 64 letters"),
        ({"route_prefix": None}, "application 'chat': route_prefix is null"),
        ({"route_prefix": "chat"}, 'Got "chat" for route_prefix. Route prefix must start with "/".'),
        ({"route_prefix": "/chat/"}, 'Route prefix cannot end with "/" unless the entire prefix is just "/".'),
        ({"route_prefix": "/a{b}"}, 'Got "/a{b}" for route_prefix. Route prefix may hold'),
        ({"runtime_env": {"spillover": {"bursts": 1}}}, "unknown key 'bursts'; did you mean 'burst'?"),
        (
            {"runtime_env": {"spillover": {"team": "serch"}}},
            "team 'serch' is not in the settings; did you mean 'search'?",
        ),
    ],
)
async def test_a_bad_entry_is_refused(world: World, changes: dict[str, Any], text: str) -> None:
    """Nothing of the file is deployed; the message names the application, the value and the remedy."""
    assert text in await refused(world, entry("good"), {**entry(), **changes}, caller=ROOT)


async def test_mistakes_of_all_applications_come_at_once(world: World) -> None:
    """One message holds what is wrong with each."""
    text = await refused(world, entry("a", burst="x"), entry("b", timeout="0s"))
    assert "application 'a', block 'spillover': burst: 'x'" in text
    assert "application 'b', block 'spillover': timeout: '0s' is no time at all" in text


async def test_an_entry_without_name_and_route_has_rays(world: World) -> None:
    """Ray calls it `default`, and serves it at `/`."""
    await deploy(world, {"import_path": "m:app"})
    assert [(a.name, a.route_prefix) for a in world.store.applications()] == [("default", "/")]


async def test_replicas_that_can_run_nowhere_are_refused(world: World) -> None:
    """For each role that replicas are asked for, some pool must be able to run one: the reasons are in the message."""
    text = await refused(world, entry(demand="1x{CPU:64}", burst="0-2"))
    assert "up to 1 replica on owned pools, and none can ever run one, which needs 1x{CPU:64}" in text
    assert "up to 2 replicas on rented pools" in text
    assert "write 'burst: 0', or change what it needs" in text
    assert "asks for regions us" in await refused(world, entry(regions="us"))
    assert "may not burst" in await refused(world, entry(burst="0-1"), caller=BOB)
    await deploy(world, entry(baseline=0, burst=1, regions="eu"))


async def test_packages_must_be_there_and_stay(world: World) -> None:
    """An uploaded package is its uploader's; an application keeps it, wherever its entry refers to it."""
    deep = {**entry(), "deployments": [{"name": "D", "ray_actor_options": {"runtime_env": {"py_modules": [URI]}}}]}
    assert f"application 'chat': package {URI} does not exist" in await refused(world, deep)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"zip"

    await world.control.service.put_package(ALICE, URI, chunks(), 3)
    assert "does not exist" in await refused(world, entry(env={"working_dir": URI}), caller=AMY)
    await deploy(world, deep)
    world.clock.advance(10_000)
    await world.control.loop._packages.collect()
    assert await world.control.service.package_exists(ALICE, URI)
    await deploy(world, entry())
    world.clock.advance(10_000)
    await world.control.loop._packages.collect()
    assert not await world.control.service.package_exists(ALICE, URI)


async def test_only_administrators_deploy_for_other_teams(world: World) -> None:
    """As with jobs: a token pays from its own team's account."""
    assert "cannot deploy 'chat' for team 'ads'" in await refused(world, entry(team="ads"))
    await deploy(world, entry(team="ads"), caller=ROOT)
    assert there(world)["chat"].team == "ads"


async def test_viewers_only_look(world: World) -> None:
    """They see their team's applications, and neither deploy nor take down."""
    await deploy(world, entry())
    for change in (deploy(world, caller=VIC), world.control.serve.shutdown(VIC), world.control.serve.stop(VIC, "chat")):
        with pytest.raises(Forbidden, match="looks and does not submit"):
            await change
    assert targets(world) == {"chat": ("run", 1)}
    assert [*(await world.control.serve.details(VIC))["applications"]] == ["chat"]


async def test_each_sees_the_own_teams_applications(world: World) -> None:
    """Of others' neither names nor numbers; operators see all. Secrets are their user's alone."""
    await deploy(world, entry(env=SECRET))
    seen = {}
    for caller in (ALICE, AMY, BOB, OPAL):
        shown = (await world.control.serve.details(caller))["applications"]
        listed = (await world.control.serve.applications(caller, ApplicationQuery())).items
        assert [view.name for view in listed] == [*shown]
        seen[caller.user] = [a["deployed_app_config"]["runtime_env"]["env_vars"]["PASSWORD"] for a in shown.values()]
    assert seen == {"alice": ["open sesame"], "amy": ["<redacted>"], "bob": [], "opal": ["<redacted>"]}
    assert (await world.control.serve.details(BOB))["controller_info"] == {}


async def test_one_application_is_taken_down_by_whom_it_concerns(world: World) -> None:
    """Its user and operators may; others of the team are told whose it is, other teams that there is none."""
    await deploy(world, entry("a"), entry("b"))
    with pytest.raises(Forbidden, match="application a is alice's; this token is amy's"):
        await world.control.serve.stop(AMY, "a")
    with pytest.raises(NotFound, match="There is no application 'a'"):
        await world.control.serve.stop(BOB, "a")
    assert targets(world) == {"a": ("run", 1), "b": ("run", 1)}
    assert await world.control.serve.stop(OPAL, "a") == "Application a is being taken down."
    assert await world.control.serve.stop(ALICE, "b") == "Application b is being taken down."
    assert {a.target for a in world.store.applications()} == {JobTarget.STOP}


async def test_a_list_of_applications_can_be_narrowed(world: World) -> None:
    """By team and by user, in pages."""
    await deploy(world, entry("a"), entry("b"))
    await deploy(world, entry("c"), caller=BOB)

    async def names(**query: Any) -> list[str]:
        return [view.name for view in (await world.control.serve.applications(OPAL, ApplicationQuery(**query))).items]

    assert await names() == ["a", "b", "c"]
    assert await names(team="ads") == ["c"]
    assert await names(user="alice") == ["a", "b"]
    assert await names(limit=1, after="1") == ["b"]
