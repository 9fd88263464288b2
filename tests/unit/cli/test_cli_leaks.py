"""`spillover leaks` from the outside, towards a real EC2 API: with no server running."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from moto_server import REGION, Cloud, cloud
from spillover.adapters.sql_store import SqlStore
from spillover.domain.pool import PoolState, PoolStatus


@pytest.fixture(scope="module")
def aws() -> Iterator[Cloud]:
    with cloud() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: Cloud) -> Iterator[SqlStore]:
    """The settings of a rented pool, and the store that a server of theirs has left; its pool holds a lease."""
    monkeypatch.chdir(tmp_path)
    worker = {"resources": {"CPU": 2}, "max_workers": 2, "node_config": {"InstanceType": "m5.large"}}
    cluster = {
        "cluster_name": "c",
        "max_workers": 2,
        "provider": {**aws.provider, "availability_zone": f"{REGION}a"},
        "auth": {"ssh_user": "root"},
        "head_node_type": "head",
        "available_node_types": {"head": {"resources": {"CPU": 0}, "node_config": {}}, "worker": worker},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(cluster))
    node_types = {"worker": {"market": "on_demand", "price_usd_per_hour": 0.1}}
    pool = {"kind": "launched", "role": "burst", "cluster": "c.yaml", "head_price_usd_per_hour": 0.1}
    settings = {
        "state_dir": str(tmp_path / "state"),
        "defaults": {"demand": "1x{CPU:1}"},
        "teams": {"default": {"may_burst": True}},
        "pools": {"aws": {**pool, "node_types": node_types}},
    }
    (tmp_path / "spillover.yaml").write_text(yaml.safe_dump(settings))
    store = SqlStore.in_folder(tmp_path / "state")
    store.save_pool(PoolState("aws", PoolStatus.UP, lease_id="now", lease_expires_at=time.time() + 900))
    yield store
    store.close()


def launch(aws: Cloud, store: SqlStore, lease: str, pool: str = "aws") -> str:
    """A machine of this installation."""
    tags = {"spillover-installation": store.installation_id(), "spillover-pool": pool, "spillover-lease": lease}
    (name,) = aws.launch({**tags, "spillover-lease-expires": str(int(time.time()) + 900), "ray-node-type": "worker"})
    return name


def test_without_strays_the_exit_code_is_0(bare, house: SqlStore, aws: Cloud) -> None:
    """Machines under the pool's lease are counted and left alone; those of other installations are not seen."""
    kept = launch(aws, house, "now")
    aws.launch({"spillover-installation": "another", "spillover-pool": "aws"})
    result = bare("leaks")
    assert (result.exit_code, result.stdout) == (0, "0 stray machines, 1 under a lease; asked for pools aws.\n")
    assert aws.state_of(kept) == "running"


def test_strays_are_ended_and_the_exit_code_is_1(bare, house: SqlStore, aws: Cloud) -> None:
    """Of an earlier lease, or of a pool that never was: each is shown with its reason, and ended; so says the history."""
    kept, old, unknown = launch(aws, house, "now"), launch(aws, house, "earlier"), launch(aws, house, "x", "nowhere")
    result = bare("leaks")
    assert result.exit_code == 1, result.output
    assert "orphaned: its lease is 'earlier', pool aws holds 'now'" in result.stdout
    assert "unknown: no pool 'nowhere' was ever raised by this installation" in result.stdout
    assert "2 stray machines, 1 under a lease" in result.stdout
    states = {name: aws.state_of(name) for name in (kept, old, unknown)}
    assert states == {kept: "running", old: "terminated", unknown: "terminated"}
    assert any(f"stray machine {old}" in event.text for event in house.events("pool:aws"))


def test_a_dry_run_ends_nothing(bare, house: SqlStore, aws: Cloud) -> None:
    """It lists the same, as JSON too, with the same exit code, and leaves them alone."""
    old = launch(aws, house, "earlier")
    result = bare("leaks", "--dry-run", "--json")
    assert result.exit_code == 1
    (stray,) = json.loads(result.stdout)["strays"]
    assert (stray["id"], stray["state"], stray["error"]) == (old, "running", "")
    assert aws.state_of(old) == "running"


def test_a_lease_that_ran_out_while_nobody_looked_makes_strays(bare, house: SqlStore, aws: Cloud) -> None:
    """A server that died long ago renewed nothing: what still runs then should have ended itself, and is ended."""
    house.save_pool(PoolState("aws", PoolStatus.UP, lease_id="now", lease_expires_at=time.time() - 100))
    name = launch(aws, house, "now")
    result = bare("leaks")
    assert result.exit_code == 1
    assert "expired: lease 'now' ended" in result.stdout
    assert aws.state_of(name) == "terminated"


def test_a_provider_that_does_not_answer_is_told_and_the_exit_code_is_2(bare, house: SqlStore, tmp_path: Path) -> None:
    """That nothing was found is not the same as that nothing is there."""
    cluster = yaml.safe_load((tmp_path / "c.yaml").read_text())
    cluster["provider"]["aws_credentials"]["endpoint_url"] = "http://127.0.0.1:9"
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(cluster))
    result = bare("leaks")
    assert result.exit_code == 2
    assert "its provider does not answer, what it has is unknown" in result.stderr


def test_settings_that_never_had_a_server_are_refused(bare, house: SqlStore, tmp_path: Path) -> None:
    """Without its store an installation does not know its name, so it cannot know its machines."""
    (tmp_path / "state" / "spillover.db").unlink()
    result = bare("leaks")
    assert result.exit_code == 2
    assert "no server of these settings was ever started" in result.stderr
