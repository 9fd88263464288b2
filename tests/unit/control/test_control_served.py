"""Applications are kept served: replicas are jobs, pools' Serve is told of them, requests find them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from world import World, burst, make_pool, running_world

from spillover.domain.job import Job, JobTarget
from spillover.domain.serving import Application, Replicas, Served, ServeTerms

pytestmark = pytest.mark.asyncio

LIMITS = ServeTerms(Replicas(1, 2), Replicas(0, 2), latency_target_s=0.5, ongoing=4, idle_s=20.0)


def application(name: str = "chat", terms: ServeTerms = LIMITS, **changes: Any) -> Application:
    """One whose only deployment takes a CPU for each replica."""
    config = {
        "name": name,
        "route_prefix": f"/{name}",
        "import_path": "m:app",
        "deployments": [{"name": "D", "num_replicas": 1, "ray_actor_options": {"num_cpus": 1}}],
    }
    fields = {"user": "alice", "team": "search", "route_prefix": f"/{name}", "deployed_at": 0.0, **changes}
    return Application(name=name, config=config, terms=terms, **fields)


def replicas(world: World, name: str = "chat") -> list[Job]:
    """Those that have not ended."""
    jobs = world.store.jobs()
    return [j for j in jobs if (j.request.application or {}).get("name") == name and not j.status.final]


async def served(world: World, pool: str = "onprem", name: str = "chat") -> None:
    """Tick until the pool's Serve has all its replicas, and they answer."""
    await world.until(lambda: world.serves[pool].wanted(name) > world.serves[pool].up.get(name, 0))
    world.serves[pool].come_up(name)
    await world.until(lambda: all(j.status == "running" for j in replicas(world, name)))
    await world.tick(2)


def come_up(world: World, name: str = "chat") -> bool:
    """Whatever Serve was told of answers. Always true."""
    for serve in world.serves.values():
        serve.come_up(name)
    return True


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An owned pool, a rented one, and the application deployed and served."""
    async with running_world(tmp_path, make_pool(), burst()) as made:
        made.store.save_applications([application()])
        await served(made)
        await made.tick(6)  # calm long enough to count as that
        yield made


async def test_a_replica_is_a_job_that_serve_is_told_of(world: World) -> None:
    """It is placed as any job, handed to the pool's Serve, and requests are sent there."""
    (replica,) = replicas(world)
    assert (replica.status, replica.user, replica.team) == ("running", "alice", "search")
    assert world.clusters["onprem"].submits == []
    assert world.serves["onprem"].entries["chat"]["deployments"][0]["num_replicas"] == 1
    assert world.plane.doors("chat") == {"onprem": "open"}
    (backend,) = world.plane.table.routes[0].backends
    assert (backend.limit, backend.port) == (4, 8000)
    assert world.store.decisions(replica.submission_id)[-1].pool == "onprem"


async def test_pressure_brings_owned_then_rented_replicas_and_calm_takes_them_back(world: World) -> None:
    """Requests spill to a pool that was raised for them, come back with hysteresis, and the pool is given back."""
    world.plane.queued["chat"], world.plane.ongoing["chat", "onprem"] = 20, 4
    await world.until(lambda: world.serves["onprem"].wanted("chat") == 2)
    assert world.serves["cloud"].entries == {}
    await world.until(lambda: come_up(world) and world.plane.doors("chat") == {"onprem": "open", "cloud": "open"})
    world.plane.queued["chat"] = 0
    await world.tick(3)
    assert world.plane.doors("chat")["cloud"] == "open"
    await world.until(lambda: world.plane.doors("chat")["cloud"] == "drain")
    await world.until(lambda: world.plane.doors("chat") == {"onprem": "open"}, ticks=60)
    await world.until(lambda: world.serves["cloud"].entries == {})
    assert any("Spills" in text for text in world.events("serve:chat"))


async def test_requests_go_straight_to_replicas_that_listen_themselves(world: World) -> None:
    """As many as Serve lists, each with its part of the limit; through the pool's proxy again where it lists none."""
    one, two = ("10.0.0.1", 30000), ("10.0.0.2", 30000)
    world.plane.queued["chat"], world.plane.ongoing["chat", "onprem"] = 20, 4
    await world.until(lambda: come_up(world) and len(replicas(world)) > 1 and world.serves["onprem"].up["chat"] == 2)

    def entries() -> tuple[tuple[tuple[str, int], ...], int]:
        near = world.plane.table.routes[0].backends[0]
        return near.replicas, near.limit

    await world.until(lambda: entries() == ((), 8))
    world.serves["onprem"].listening["chat"] = (one,)
    await world.until(lambda: entries() == ((one,), 4))
    world.serves["onprem"].listening["chat"] = (one, two)
    await world.until(lambda: entries() == ((one, two), 8))
    del world.serves["onprem"].listening["chat"]
    await world.until(lambda: entries() == ((), 8))


async def test_a_restart_of_spillover_does_not_send_requests_around(world: World) -> None:
    """The first table of a new control knows where replicas listen: the data plane has nothing to change."""
    world.serves["onprem"].listening["chat"] = (("10.0.0.1", 30000),)
    await world.until(lambda: bool(world.plane.table.routes[0].backends[0].replicas))
    told = list(world.plane.told)
    await world.restart()
    await world.tick(3)
    assert world.plane.told[len(told) :] == []


async def test_a_replica_that_still_answers_is_not_taken_away(world: World) -> None:
    """The last replica on a pool goes only when no request is there any more."""
    world.plane.queued["chat"], world.plane.ongoing["chat", "onprem"] = 20, 4
    await world.until(lambda: come_up(world) and len(world.plane.doors("chat")) == 2)
    world.plane.queued["chat"], world.plane.ongoing["chat", "onprem"] = 0, 0
    world.plane.ongoing["chat", "cloud"] = 1
    await world.until(lambda: all(j.target is JobTarget.STOP for j in replicas(world) if "burst" in str(j.request)), 80)
    await world.tick(10)
    assert world.serves["cloud"].wanted("chat") > 0
    world.plane.ongoing["chat", "cloud"] = 0
    await world.until(lambda: world.serves["cloud"].entries == {})


async def test_a_pool_that_dies_is_replaced_at_once(world: World) -> None:
    """Its data plane says that it is down: a rented replica is raised before the pool counts as lost."""
    world.clusters["onprem"].up = False
    world.plane.down.add("onprem")
    await world.until(lambda: world.serves["cloud"].wanted("chat") == 1)
    world.serves["cloud"].come_up("chat")
    await world.until(lambda: world.plane.doors("chat").get("cloud") == "open")
    await world.until(lambda: any(j.status == "queued" for j in replicas(world)), ticks=120)
    assert "onprem" not in world.plane.doors("chat")


async def test_a_restarted_head_serves_again(world: World) -> None:
    """The new session knows nothing: the replica is lost, and comes up there again."""
    world.clusters["onprem"].restart()
    await served(world)
    (replica,) = replicas(world)
    assert replica.attempts == 2


async def test_a_kill_of_spillover_changes_nothing(world: World) -> None:
    """The next process finds its replicas, and tells Serve the same as before."""
    before = {j.submission_id for j in replicas(world)}
    await world.restart()
    await world.tick(5)
    assert {j.submission_id for j in replicas(world)} == before
    assert world.serves["onprem"].wanted("chat") == 1
    assert world.plane.doors("chat") == {"onprem": "open"}


async def test_what_cannot_be_deployed_is_not_tried_for_ever(world: World) -> None:
    """Serve says why; no other replica is made until the next deploy."""
    world.store.save_applications([application("bad")])
    world.serves["onprem"].status["bad"] = ("DEPLOY_FAILED", "No module named 'm'")
    await world.until(lambda: any(j.status == "failed" for j in world.store.jobs()))
    failed = [j for j in world.store.jobs() if j.status == "failed"]
    assert failed[0].message == "No module named 'm'"
    await world.tick(20)
    assert replicas(world, "bad") == []
    world.serves["onprem"].status.pop("bad")
    world.store.save_applications([application("bad", generation=2)])
    await served(world, name="bad")


async def test_a_new_deploy_reaches_the_pool(world: World) -> None:
    """The replica stays the same job; Serve is told of the new configuration."""
    before = world.serves["onprem"].deploys
    (replica,) = replicas(world)
    world.store.save_applications([application(generation=2)])
    await world.until(lambda: world.serves["onprem"].deploys > before)
    assert [j.submission_id for j in replicas(world)] == [replica.submission_id]


async def test_a_larger_replica_replaces_the_smaller_one_after_it_runs(world: World) -> None:
    """Another demand is another job: made first, and only when it answers the old one goes."""
    (old,) = replicas(world)
    bigger = application(generation=2)
    bigger.config["deployments"][0]["ray_actor_options"]["num_cpus"] = 2
    world.store.save_applications([bigger])
    await world.until(lambda: len(replicas(world)) == 2)
    assert world.job(old.submission_id).target is JobTarget.RUN
    world.serves["onprem"].come_up("chat")
    await world.until(lambda: world.job(old.submission_id).target is JobTarget.STOP)


async def test_taking_down_lets_requests_finish(world: World) -> None:
    """The door is closed, what is there ends, Serve forgets it, and so do we."""
    world.plane.ongoing["chat", "onprem"] = 1
    world.store.save_applications([application(target=JobTarget.STOP)])
    await world.until(lambda: world.plane.doors("chat") == {"onprem": "drain"})
    await world.tick(5)
    assert "chat" in world.serves["onprem"].entries
    world.plane.ongoing["chat", "onprem"] = 0
    await world.until(lambda: world.store.applications() == [])
    assert world.serves["onprem"].entries == {}
    assert world.plane.table.routes == ()


async def test_requests_are_booked_once_whatever_dies(world: World) -> None:
    """Sums by day, application, key and pool, with the mark up to which they were read."""
    one = Served(world.clock.now(), "chat", "k1", "acme", "onprem", 200, 0.1, 0.2, 0.4, tokens_in=3, tokens_out=5)
    world.plane.log = [one] * 150
    await world.tick(3)
    await world.restart()
    world.plane.log += [one]
    await world.tick(3)
    (usage,) = world.store.usage()
    assert (usage.requests, usage.errors, usage.tokens_in, usage.tokens_out) == (151, 0, 453, 755)
    assert usage.busy_s == pytest.approx(151 * 0.3)


async def test_what_replicas_hold_is_theirs(world: World) -> None:
    """Serve's actors belong to Serve's own core job: their names say whose they are, and the ledger books them."""
    (replica,) = replicas(world)
    world.clusters["onprem"].use("SERVE_REPLICA::chat#D#abc", CPU=1.0)
    world.clusters["onprem"].use("SERVE_REPLICA::theirs#D#xyz", node=2, CPU=1.0)
    await world.tick(10)
    owners = {use.owner for use in world.control.core.pools["onprem"].seen.usage}
    assert owners == {replica.submission_id, None}


async def test_a_data_plane_that_does_not_start_is_said_once(world: World) -> None:
    """Its reason stands in the history, and it is tried again."""
    world.plane.broken = "no haproxy here"
    await world.tick(5)
    assert world.events("dataplane") == ["no haproxy here"]
    world.plane.broken = ""
    await world.tick(2)
    assert world.plane.doors("chat") == {"onprem": "open"}
