"""Machines on EC2, asked of moto's server over HTTP with boto3."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from moto_server import Cloud, cloud
from spillover.adapters.aws_machines import AwsMachines
from spillover.domain.provider import MachineState
from spillover.errors import ProviderError

pytestmark = pytest.mark.asyncio

UNKNOWN = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def aws() -> Iterator[Cloud]:
    with cloud() as running:
        yield running


@pytest.fixture
def ours() -> str:
    """An installation of each test's own: they share the server."""
    return uuid4().hex


def tags(installation: str, **more: str) -> dict[str, str]:
    lease = {"spillover-pool": "cloud", "spillover-lease": "l1", "spillover-lease-expires": "1790000000"}
    ray = {"ray-node-type": "worker", "ray-user-node-type": "spot-gpu"}
    return {"spillover-installation": installation, **lease, **ray, **more}


async def test_a_machine_is_what_its_tags_and_ec2_say(aws, ours):
    """Pool, lease, node type and kind come from tags, the market, zone, address and times from EC2."""
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}, "Placement": {"AvailabilityZone": "us-west-2b"}}
    (name,) = aws.launch(tags(ours), **spot)
    (machine,) = await AwsMachines(aws.provider, ours).machines()
    told = aws.ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
    assert (machine.id, machine.state, machine.kind) == (name, MachineState.RUNNING, "worker")
    assert (machine.node_type, machine.market, machine.zone) == ("spot-gpu", "spot", "us-west-2b")
    assert (machine.pool, machine.lease_id, machine.lease_expires_at) == ("cloud", "l1", 1790000000.0)
    assert machine.ip == told["PrivateIpAddress"]
    assert machine.launched_at == told["LaunchTime"].timestamp()
    assert (machine.ended_at, machine.billed_s, machine.end_reason) == (None, None, "")


async def test_only_our_installations_machines_are_listed(aws, ours):
    """Those of other installations and of nobody are not; those of other pools are, and a head is told from workers."""
    aws.launch({"Name": "somebody's"})
    aws.launch(tags("another"))
    aws.launch(tags(ours, **{"spillover-pool": "other", "ray-node-type": "head"}))
    (machine,) = await AwsMachines(aws.provider, ours).machines()
    assert (machine.pool, machine.kind, machine.market) == ("other", "head", "on_demand")


async def test_many_pages_are_read(aws, ours, monkeypatch):
    """A list that EC2 cuts into pages is read to its end."""
    monkeypatch.setattr("spillover.adapters.aws_machines._PAGE", 5)
    ids = [name for _ in range(7) for name in aws.launch(tags(ours))]
    assert {m.id for m in await AwsMachines(aws.provider, ours).machines()} == set(ids)


async def test_a_tag_that_is_no_time_is_a_lease_that_ended_long_ago(aws, ours):
    """Neither a missing nor a senseless end of a lease lets a machine live."""
    aws.launch(tags(ours, **{"spillover-lease-expires": "inf"}))
    aws.launch({"spillover-installation": ours})
    machines = await AwsMachines(aws.provider, ours).machines()
    assert [m.lease_expires_at for m in machines] == [0.0, 0.0]


async def test_an_ended_machine_stays_listed_with_its_time_and_reason(aws, ours):
    """EC2's own time of the end counts, and a minute at least is billed."""
    machines = AwsMachines(aws.provider, ours)
    ids = aws.launch(tags(ours), count=2)
    await machines.end(ids[:1])
    ended, alive = sorted(await machines.machines(), key=lambda m: m.id != ids[0])
    assert (ended.state, ended.end_reason) == (
        MachineState.ENDED,
        "Client.UserInitiatedShutdown: User initiated shutdown",
    )
    assert ended.ended_at is not None
    assert 0 <= ended.ended_at - ended.launched_at < 60
    assert ended.billed_s == 60.0
    assert alive.state is MachineState.RUNNING


async def test_one_that_is_unknown_does_not_keep_the_others_alive(aws, ours):
    """EC2 refuses a whole call for one unknown id; the others are ended all the same, and it counts as ended."""
    ids = aws.launch(tags(ours), count=2)
    await AwsMachines(aws.provider, ours).end([ids[0], UNKNOWN, ids[1]])
    assert [aws.state_of(name) for name in ids] == ["terminated", "terminated"]


async def test_those_that_were_refused_are_named_after_all_were_asked_for(aws, ours):
    """A protected machine is named with EC2's reason, and those beside it have ended."""
    ids = aws.launch(tags(ours), count=3)
    aws.ec2.modify_instance_attribute(InstanceId=ids[1], DisableApiTermination={"Value": True})
    with pytest.raises(ProviderError, match=f"TerminateInstances: OperationNotPermitted: .*\\(for {ids[1]}\\)$"):
        await AwsMachines(aws.provider, ours).end(ids)
    assert [aws.state_of(name) for name in ids] == ["terminated", "running", "terminated"]


async def test_ending_what_has_ended_is_done(aws, ours):
    """A second call for the same machine raises nothing, nor does one for none."""
    machines = AwsMachines(aws.provider, ours)
    ids = aws.launch(tags(ours))
    await machines.end(ids)
    await machines.end(ids)
    await machines.end([])


async def test_a_renewal_is_written_on_each_machine(aws, ours):
    """The tag holds whole seconds, cut off, and one unknown id does not keep the others from their renewal."""
    ids = aws.launch(tags(ours), count=2)
    machines = AwsMachines(aws.provider, ours)
    await machines.renew([ids[0], UNKNOWN, ids[1]], 1790003600.9)
    assert [aws.tags_of(name)["spillover-lease-expires"] for name in ids] == ["1790003600"] * 2
    assert {m.lease_expires_at for m in await machines.machines()} == {1790003600.0}


async def test_an_api_that_is_away_is_named_without_secrets(ours):
    """The error names the call, and holds no key."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "s3cr3t-key", "endpoint_url": "http://127.0.0.1:1"}
    machines = AwsMachines({"type": "aws", "region": "us-west-2", "aws_credentials": keys}, ours)
    with pytest.raises(ProviderError, match=r"^DescribeInstances: .*127\.0\.0\.1:1") as failed:
        await machines.machines()
    assert "s3cr3t-key" not in str(failed.value)
