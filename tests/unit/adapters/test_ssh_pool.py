"""Ray on named hosts: started and ended by its own handle, and nothing else with it. Real programs, but for SSH and Ray."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssh_site import HEAD, ONE, TWO, SshSite

from spillover.domain.provider import Lease
from spillover.errors import LauncherError

pytestmark = pytest.mark.asyncio

LEASE = Lease("l1", "t", 2, 0.0)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshSite]:
    made = SshSite(tmp_path)
    monkeypatch.setenv("SITE", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    yield made
    made.end()


async def test_a_pool_is_raised_and_folded_host_by_host(site: SshSite) -> None:
    """The head first, then workers; the provider shows what runs; after the fold nothing does."""
    pool = site.pool()
    raised = await pool.raise_cluster(LEASE, no_restart=False)
    assert (raised.head_ip, [(n.id, n.kind) for n in raised.nodes]) == (HEAD, [(HEAD, "head")])
    assert await asyncio.gather(pool.start(ONE), pool.start(TWO)) == [f"node-of-{ONE}", f"node-of-{TWO}"]
    assert {n.id for n in await pool.nodes()} == {HEAD, ONE, TWO}
    assert (site.running(HEAD), site.running(ONE)) == (["gcs_server", "raylet"], ["raylet"])
    assert (await pool.check(ONE)).facts["node_id"] == f"node-of-{ONE}"
    assert await pool.fold() == []
    assert [site.running(host) for host in (HEAD, ONE, TWO)] == [[], [], []]
    assert await pool.nodes() == []


async def test_commands_of_the_yaml_are_honoured(site: SshSite) -> None:
    """`ray stop` of the YAML ends nothing of others, the autoscaler's file is left out, RAY_HEAD_IP is set."""
    pool = site.pool()
    await pool.raise_cluster(LEASE, no_restart=False)
    await pool.start(ONE)
    starts = [call for call in site.ray_calls(HEAD) + site.ray_calls(ONE) if not call.startswith("--version")]
    assert [call.split()[0] for call in starts] == ["start", "start"]
    assert "--head" in starts[0]
    assert "autoscaling" not in starts[0]
    assert f"--address={HEAD}:6379" in starts[1]


async def test_setup_runs_when_it_has_changed(site: SshSite) -> None:
    """Setup commands run once on a host, in Ray's order, and again when they are others; mounts go before them."""
    (site.folder / "secret").write_text("s")
    (site.folder / "tree" / "sub").mkdir(parents=True)
    (site.folder / "tree" / "sub" / "a").write_text("a")
    site.config["file_mounts"] = {"~/.ray/auth_token": str(site.folder / "secret"), "~/tree": str(site.folder / "tree")}
    for key in ("initialization_commands", "setup_commands", "worker_setup_commands", "head_setup_commands"):
        site.config[key] = [f"cat ~/.ray/auth_token >> ~/done; echo -n :{key} >> ~/done"]
    pool = site.pool()
    await pool.start(ONE)
    done = "s:initialization_commandss:setup_commandss:worker_setup_commands"
    assert (site.folder / ONE / "done").read_text() == done
    assert (site.folder / ONE / "tree" / "sub" / "a").read_text() == "a"
    await pool.start(ONE)
    assert (site.folder / ONE / "done").read_text() == done
    site.config["setup_commands"] = ["echo -n again > ~/done"]
    await pool.start(ONE)
    assert (site.folder / ONE / "done").read_text().startswith("s:initialization_commands") is False
    assert (site.folder / ONE / "done").read_text().startswith("again")


async def test_a_second_start_replaces_the_first(site: SshSite) -> None:
    """What an earlier start left on the host is ended before, so that there is one raylet."""
    pool = site.pool()
    await pool.start(ONE)
    await pool.start(ONE)
    assert site.running(ONE) == ["raylet"]


async def test_other_clusters_on_the_host_are_left_alone(site: SshSite) -> None:
    """Stopping one cluster's Ray on a host does not end that of another installation there."""
    ours, theirs = site.pool(), site.pool("ffffffffffff")
    await ours.start(ONE)
    await theirs.start(ONE)
    assert site.running(ONE) == ["raylet", "raylet"]
    await ours.stop(ONE)
    assert site.running(ONE) == ["raylet"]
    assert [n.id for n in await theirs.nodes()] == [ONE]


async def test_a_start_that_fails_says_why_and_leaves_nothing(site: SshSite) -> None:
    """The error has the command, its status and its last words; what it had started is ended."""
    (site.folder / ONE / "broken").touch()
    pool = site.pool()
    with pytest.raises(
        LauncherError, match=rf"{ONE}: start: `export A=1; ray start .* ended with status 3: no GCS at {HEAD}"
    ):
        await pool.start(ONE)
    assert site.running(ONE) == []


async def test_a_head_that_cannot_be_started_fails_the_raise(site: SshSite) -> None:
    """The raise is refused with all that is wrong with the head, and no fold is owed for what was never started."""
    (site.folder / HEAD / "bin" / "ray").unlink()
    pool = site.pool()
    with pytest.raises(LauncherError, match=rf"head {HEAD}: there is no working `ray` on the PATH"):
        await pool.raise_cluster(LEASE, no_restart=False)
    site.fault(HEAD, "ssh: connect to host: Connection timed out")
    assert await pool.fold() == []


async def test_a_head_that_is_up_is_not_restarted(site: SshSite) -> None:
    """With `no_restart` nothing is done to the head."""
    pool = site.pool()
    await pool.raise_cluster(LEASE, no_restart=False)
    before = len(site.ray_calls(HEAD))
    await pool.raise_cluster(LEASE, no_restart=True)
    assert len(site.ray_calls(HEAD)) == before


async def test_hosts_that_do_not_answer_are_not_gone(site: SshSite) -> None:
    """A head that does not answer keeps the pool from being down, until an operator vouches for it."""
    vouched = [False]
    pool = site.pool(vouched=lambda: vouched[0])
    await pool.raise_cluster(LEASE, no_restart=False)
    site.fault(HEAD, "ssh: connect to host: No route to host")
    assert [n.id for n in await pool.fold()] == [HEAD]
    assert [n.id for n in await pool.nodes()] == [HEAD]
    vouched[0] = True
    assert await pool.fold() == []


async def test_a_lost_worker_is_gone_when_its_head_is(site: SshSite) -> None:
    """A worker that does not answer counts as gone once its head was ended longer ago than Ray tries to reconnect."""
    now = [time.time()]
    pool = site.pool(clock=lambda: now[0])
    await pool.raise_cluster(LEASE, no_restart=False)
    await pool.start(ONE)
    site.fault(ONE, "ssh: connect to host: No route to host")
    assert [n.id for n in await pool.fold()] == [ONE]
    now[0] += 60
    assert [n.id for n in await pool.fold()] == [ONE]
    now[0] += 16
    assert await pool.fold() == []


async def test_drain_asks_the_head(site: SshSite) -> None:
    """`ray drain-node` runs where the head does, towards the port that the head listens on."""
    pool = site.pool()
    await pool.raise_cluster(LEASE, no_restart=False)
    await pool.drain("ab12", 3600.0, "for maintenance")
    assert site.ray_calls(HEAD)[-1] == (
        "drain-node --address 10.9.0.1:6400 --node-id ab12 --reason DRAIN_NODE_REASON_PREEMPTION "
        "--reason-message for maintenance --deadline-remaining-seconds 3600"
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("me@10.9.0.2: Permission denied (publickey).", "none of the keys here is refused for me@10.9.0.2"),
        ("ssh: connect to host 10.9.0.2 port 22: Connection refused", "unreachable over SSH: .*Connection refused"),
        ("Host key verification failed.", "run `ssh-keygen -R 10.9.0.2 -f .*known_hosts`"),
    ],
)
async def test_what_ssh_says_becomes_a_finding(site: SshSite, said: str, told: str) -> None:
    """A host that cannot be entered is told apart: its key, ours, or no way there, each with the remedy."""
    site.fault(ONE, said)
    report = await site.pool().check(ONE)
    assert not report.ok
    assert re.search(told, report.problem), report.problem


async def test_a_mount_that_is_not_here_is_told(site: SshSite) -> None:
    """A file that cannot be copied stops the start with both names in the error."""
    site.config["file_mounts"] = {"~/x": "/nowhere/y"}
    with pytest.raises(LauncherError, match="there is no /nowhere/y here to copy to ~/x"):
        await site.pool().start(ONE)
    assert site.ray_calls(ONE) == []
