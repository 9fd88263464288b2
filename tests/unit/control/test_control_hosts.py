"""Hosts that are named one by one: joined, tried again, drained, and what an operator may ask of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from fake_hosts import HEAD, ONE, TWO, site
from fakes import Crash
from world import ALICE, OPAL, running_world

from spillover.domain.questions import HostQuery, PoolQuery
from spillover.errors import BadRequest, Forbidden, NotFound

pytestmark = pytest.mark.asyncio


async def test_workers_are_started_once_the_head_is_up(tmp_path: Path) -> None:
    """All hosts are up after the raise: each worker was checked, then started once, and the head by neither."""
    async with site(tmp_path) as here:
        await here.until(ONE, "up")
        await here.until(TWO, "up")
        assert sorted(here.hosts.checks) == sorted(here.hosts.starts) == [ONE, TWO]
        assert (here.status(HEAD), here.state(HEAD).node_id, here.state(HEAD).kind) == ("up", "onprem-head", "head")
        assert here.events(ONE) == ["Ray was started there", f"up as Ray node {ONE}-n1"]
        await here.world.tick(30)
        assert len(here.hosts.checks) == 2


async def test_a_bad_host_is_told_and_tried_again_with_back_off(tmp_path: Path) -> None:
    """What is wrong is shown and told once; tries are 5, 10, 20 s apart, up to two minutes; other hosts are up."""
    async with site(tmp_path) as here:
        here.hosts.bad[TWO] = "no working `ray`; install it"
        await here.until(TWO, "missing")
        assert here.state(TWO).problem == "no working `ray`; install it"
        await here.until(ONE, "up")
        tries = []
        for _ in range(420):
            before = len(here.hosts.checks)
            await here.world.tick()
            tries += [here.world.clock.now()] if len(here.hosts.checks) > before else []
        gaps = [round(b - a) for a, b in pairwise(tries)]
        assert [least <= gap <= least + 3 for gap, least in zip(gaps, (10, 20, 40, 80, 120), strict=False)] == [
            True
        ] * 5
        assert here.events(TWO) == ["not in the cluster, tried again in 5 s: no working `ray`; install it"]
        del here.hosts.bad[TWO]
        up = await here.until(TWO, "up", 200)
        assert (up.failures, up.retry_at, up.problem) == (0, None, "")


async def test_a_host_that_is_lost_comes_back_by_itself(tmp_path: Path) -> None:
    """When a host's Ray node is gone, the loss is told and the host is started again without anybody's help."""
    async with site(tmp_path) as here:
        await here.until(ONE, "up")
        here.hosts.lose(ONE)
        await here.world.until(lambda: here.state(ONE).node_id == f"{ONE}-n2")
        assert f"lost: Ray node {ONE}-n1 is gone; it is tried again" in here.events(ONE)


async def test_a_host_that_does_not_join_is_a_failure(tmp_path: Path) -> None:
    """Ray that was started and does not appear in the cluster within 90 s is told, and tried again."""
    async with site(tmp_path) as here:
        here.hosts.joins = False
        await here.until(ONE, "joining")
        missing = await here.until(ONE, "missing", 120)
        assert missing.problem.startswith("Ray was started there, and has not joined for 9")
        here.hosts.joins = True
        await here.until(ONE, "up")


async def test_a_warning_stays_in_sight(tmp_path: Path) -> None:
    """What is less than right does not keep a host out, and is shown while it is up."""
    async with site(tmp_path) as here:
        here.hosts.warned[ONE] = "its clock is 4 s ahead"
        up = await here.until(ONE, "up")
        assert up.problem == "its clock is 4 s ahead"


async def test_a_start_that_a_crash_broke_off_is_not_done_twice(tmp_path: Path) -> None:
    """A host that had joined when Spillover died is found in the cluster, and its Ray is not started again."""
    async with site(tmp_path) as here:

        def crash() -> None:
            raise Crash

        here.hosts.when_starting = crash
        await here.world.until(lambda: ONE in here.hosts.starts)
        assert here.status(ONE) == "starting"
        here.hosts.when_starting = None
        await here.restart()
        await here.until(ONE, "up")
        assert here.hosts.starts.count(ONE) == 1


async def test_drain_lets_jobs_finish_and_takes_nothing_new(tmp_path: Path) -> None:
    """A draining host's job goes on, new jobs wait or go elsewhere; when its node has left, Ray is ended there."""
    async with site(tmp_path) as here:
        world, hosts = here.world, here.hosts
        await here.until(TWO, "up")
        await here.until(ONE, "up")
        await world.running("j1", workers="1x{CPU:2}")
        world.clusters["onprem"].use("j1", 1, CPU=2)
        busy = world.clusters["onprem"].nodes[1].ip
        other = TWO if busy == ONE else ONE
        told = await world.control.hosts.drain(OPAL, "onprem", busy)
        assert "takes nothing new" in told
        draining = await here.until(busy, "draining")
        assert (draining.problem, hosts.drains) == ("waits for j1", [f"{busy}-n1"])
        await world.submit("j2", workers="1x{CPU:2}")
        await world.until(lambda: "j2" in world.clusters["onprem"].runs)
        world.clusters["onprem"].run("j2")
        await world.submit("j3", workers="1x{CPU:2}")
        world.clusters["onprem"].end("j1")
        world.clusters["onprem"].using.clear()
        await world.tick(10)
        assert world.job("j3").status == "queued", "the room on the draining host is nobody's"
        hosts.lose(busy)
        await here.until(busy, "drained")
        assert hosts.stops == [busy]
        await world.tick(200)
        assert (here.status(busy), hosts.starts.count(busy), here.status(other)) == ("drained", 1, "up")
        await world.control.hosts.undrain(OPAL, "onprem", busy)
        await here.until(busy, "up")
        await world.until(lambda: "j3" in world.clusters["onprem"].runs)


async def test_an_operators_wish_survives_a_crash(tmp_path: Path) -> None:
    """A drain that was asked for in the last moment before a kill is carried out afterwards, and once only."""
    async with site(tmp_path) as here:
        await here.until(ONE, "up")
        await here.world.control.hosts.drain(OPAL, "onprem", ONE)
        await here.restart()
        assert here.state(ONE).target == "drained"
        await here.until(ONE, "draining")
        await here.restart()
        await here.world.tick(5)
        assert here.hosts.drains == [f"{ONE}-n1"]
        assert here.events(ONE)[-2:] == [
            "drain asked for",
            "draining: nothing new begins there, what runs there goes on",
        ]


async def test_undrain_of_a_busy_host_waits_for_its_work(tmp_path: Path) -> None:
    """Ray cannot be told to stop draining: the host joins again once what runs there has ended, and says so."""
    async with site(tmp_path) as here:
        await here.until(ONE, "up")
        await here.world.control.hosts.drain(OPAL, "onprem", ONE)
        await here.until(ONE, "draining")
        await here.world.control.hosts.undrain(OPAL, "onprem", ONE)
        await here.world.tick(5)
        assert here.status(ONE) == "draining"
        assert here.state(ONE).problem.startswith("told to stay after all")
        here.hosts.lose(ONE)
        up = await here.until(ONE, "up")
        assert up.node_id == f"{ONE}-n2"


async def test_a_drain_that_fails_is_tried_again(tmp_path: Path) -> None:
    """While Ray does not take the request, that is shown; nothing new is placed there meanwhile."""
    async with site(tmp_path) as here:
        await here.until(ONE, "up")
        here.hosts.fail_drain = "the head does not answer"
        await here.world.control.hosts.drain(OPAL, "onprem", ONE)
        await here.world.until(lambda: here.state(ONE).problem == "the head does not answer")
        here.hosts.fail_drain = ""
        await here.world.until(lambda: here.hosts.drains == [f"{ONE}-n1"])
        view = (await here.world.control.loop._passes.snapshot()).pools[0]
        assert view.closed == frozenset({f"{ONE}-n1"})


async def test_a_missing_host_is_drained_at_once(tmp_path: Path) -> None:
    """Where nothing runs there is nothing to wait for; that an unreachable host could not be tidied up is told."""
    async with site(tmp_path) as here:
        here.hosts.bad[ONE] = "unreachable"
        await here.until(ONE, "missing")
        here.hosts.fail_stop = "unreachable"
        await here.world.control.hosts.drain(OPAL, "onprem", ONE)
        drained = await here.until(ONE, "drained")
        assert drained.problem == "what is left of Ray there could not be ended: unreachable"


async def test_repair_tries_one_host_now(tmp_path: Path) -> None:
    """An operator's word cuts the back-off short, for that host alone."""
    async with site(tmp_path) as here:
        here.hosts.bad.update({ONE: "bad", TWO: "bad"})
        await here.until(ONE, "missing")
        await here.world.until(lambda: here.state(TWO).failures >= 5, 400)
        await here.until(TWO, "missing")
        here.hosts.bad.clear()
        assert min((here.state(host).retry_at or 0.0) - here.world.clock.now() for host in (ONE, TWO)) > 20
        await here.world.control.hosts.repair(OPAL, "onprem", ONE)
        await here.until(ONE, "up", 10)
        assert here.status(TWO) == "missing"
        assert "there is nothing to repair" in await here.world.control.hosts.repair(OPAL, "onprem", ONE)


async def test_hosts_follow_their_pool_down(tmp_path: Path) -> None:
    """While the pool is not up its hosts are down, drained ones drained; afterwards only the others come back."""
    async with site(tmp_path) as here:
        await here.until(TWO, "up")
        await here.world.control.hosts.drain(OPAL, "onprem", ONE)
        here.world.launchers["onprem"].fail_raise = "head 127.0.0.9: unreachable"
        here.world.clusters["onprem"].up = False
        lost = await here.until(HEAD, "missing", 80)
        assert lost.problem == "pool 'onprem' does not answer"
        await here.until(TWO, "down", 200)
        assert here.status(ONE) == "drained"
        await here.world.until(lambda: "unreachable" in here.state(HEAD).problem, 60)
        here.world.launchers["onprem"].fail_raise = ""
        here.hosts.lose(ONE)
        here.hosts.lose(TWO)
        await here.until(TWO, "up", 200)
        assert here.status(ONE) == "drained"


async def test_room_is_counted_from_hosts_that_come(tmp_path: Path) -> None:
    """A host on its way counts as a coming node; one that was tried in vain, or is drained, does not."""
    async with site(tmp_path) as here:
        passes = here.world.control.loop._passes
        assert (await passes.snapshot()).pools[0].max_new_nodes == {"worker": 2}
        here.hosts.joins = False
        here.hosts.bad[TWO] = "bad"
        await here.until(ONE, "joining")
        await here.until(TWO, "missing")
        assert (await passes.snapshot()).pools[0].max_new_nodes == {"worker": 1}


@pytest.mark.parametrize("verb", ["repair", "drain", "undrain"])
async def test_orders_are_checked(tmp_path: Path, verb: str) -> None:
    """Operators alone, of a host that is there, and never of the head; each refusal names what is right."""
    async with site(tmp_path) as here:
        await here.until(ONE, "up")
        order = getattr(here.world.control.hosts, verb)
        with pytest.raises(Forbidden, match="role operator"):
            await order(ALICE, "onprem", ONE)
        with pytest.raises(NotFound, match=f"has no host 'x'; it has {HEAD}, {ONE}, {TWO}"):
            await order(OPAL, "onprem", "x")
        with pytest.raises(NotFound, match="no pool 'y'; there are onprem"):
            await order(OPAL, "y", ONE)
        with pytest.raises(BadRequest, match="is the head of pool 'onprem'"):
            await order(OPAL, "onprem", HEAD)


async def test_the_table_shows_every_host(tmp_path: Path) -> None:
    """Operators see the head first, then the workers, each with state and problem; others see nothing."""
    async with site(tmp_path) as here:
        here.hosts.bad[TWO] = "no ray"
        await here.until(ONE, "up")
        await here.until(TWO, "missing")
        shown = (await here.world.control.hosts.hosts(OPAL, HostQuery(pool="onprem"))).items
        assert [(h.host, h.role, h.status, h.problem) for h in shown] == [
            (HEAD, "head", "up", ""),
            (ONE, "worker", "up", ""),
            (TWO, "worker", "missing", "no ray"),
        ]
        with pytest.raises(Forbidden):
            await here.world.control.hosts.hosts(ALICE, HostQuery())
        [pool] = (await here.world.control.insight.pools(OPAL, PoolQuery())).items
        assert pool.alarms == (f"host {TWO} is missing: no ray",)


async def test_pools_without_named_hosts_have_none(tmp_path: Path) -> None:
    """A pool that Ray's launcher raises has no hosts to show or to order about."""
    async with running_world(tmp_path) as world:
        assert (await world.control.hosts.hosts(OPAL, HostQuery())).items == ()
        with pytest.raises(BadRequest, match="does not name its hosts"):
            await world.control.hosts.drain(OPAL, "onprem", ONE)
        with pytest.raises(BadRequest, match="no pool 'onprom'; did you mean 'onprem'"):
            await world.control.hosts.hosts(OPAL, HostQuery(pool="onprom"))
