"""The test bed itself: hosts that boot and die, instances that cost what they should, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest
import yaml
from bed_calls import PRICES, launch, metadata, shown, truth, until

from testbed.bed import Testbed, testbed
from testbed.namespaces import members

pytestmark = [pytest.mark.slow, pytest.mark.testbed]

TESTS = Path(__file__).parents[1]
ELDER = "m5.xlarge"


@pytest.fixture(scope="module")
def bed(module_root: Path) -> Iterator[Testbed]:
    with testbed(module_root / "b", hosts=2) as made, made.inside():
        yield made


@pytest.fixture(scope="module")
def elder(bed: Testbed) -> tuple[str, float]:
    """An instance that all tests of this file leave alone, and when it was launched by their own clock."""
    client = bed.cloud.client("ec2")
    (instance_id,) = launch(bed, client, wait=False, InstanceType=ELDER)
    launched = time.time()
    client.close()
    return instance_id, launched


@pytest.fixture
def ec2(bed: Testbed, elder: tuple[str, float]) -> Iterator[Any]:
    """A client; what a test leaves is ended after it."""
    client = bed.cloud.client("ec2")
    yield client
    here = [each for each in bed.cloud.instances() if each["type"] != ELDER]
    left = [each["id"] for each in here if each["state"] not in {"terminated", "shutting-down"}]
    if left:
        client.terminate_instances(InstanceIds=left)
    client.close()


def ssh(bed: Testbed, ip: str, command: str) -> subprocess.CompletedProcess[str]:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=3", "BatchMode=yes"]
    line = ["ssh", "-q", "-i", str(bed.key), *(part for option in options for part in ("-o", option)), f"root@{ip}"]
    return subprocess.run(
        [*line, command], capture_output=True, text=True, check=False, timeout=30, env=bed.environment()
    )


def answers(ip: str) -> bool:
    with suppress(OSError), socket.create_connection((ip, 22), timeout=0.3):
        return True
    return False


def test_a_host_is_a_machine_of_its_own(bed: Testbed) -> None:
    """Over SSH a host has its own name, disk, processes and Ray; the other host sees none of it."""
    done = ssh(bed, bed.hosts["op1"], "hostname; echo mine > /tmp/mine; ray --version; ls /proc | grep -c '^[0-9]'")
    name, ray, processes = done.stdout.splitlines()
    assert (name, done.returncode) == ("op1", 0)
    assert ray.startswith("ray, version 2.")
    assert int(processes) < 15
    assert ssh(bed, bed.hosts["op2"], "hostname; find /tmp -type f -maxdepth 1").stdout == "op2\n"
    assert bed.run_on("op1", "cat", "/tmp/mine").stdout == "mine\n"
    assert not Path("/tmp/mine").exists()


def test_a_power_cut_takes_well_under_a_second(bed: Testbed) -> None:
    """A cut ends every process of one host at once; it boots again with an empty disk."""
    bed.run_on("op2", "touch", "/tmp/lost")
    began = time.monotonic()
    bed.cut("op2")
    assert time.monotonic() - began < 1.0
    assert not answers(bed.hosts["op2"])
    assert answers(bed.hosts["op1"])
    bed.boot("op2")
    assert answers(bed.hosts["op2"])
    assert bed.run_on("op2", "find", "/tmp", "-type", "f", "-maxdepth", "1").stdout == ""


def test_a_host_boots_with_what_is_wrong_with_it(bed: Testbed) -> None:
    """A wrong key, no Ray, another Ray, a clock that is ahead, and a disk that is full, as asked for."""
    ip = bed.hosts["op2"]
    bed.cut("op2")
    bed.boot("op2", authorized=False)
    assert ssh(bed, ip, "true").returncode == 255
    bed.cut("op2")
    bed.boot("op2", ray=False, clock_skew_s=90, tmp="1m")
    assert ssh(bed, ip, "ray --version").returncode == 127
    assert 85 < int(ssh(bed, ip, "date +%s").stdout) - time.time() < 95
    assert "No space" in ssh(bed, ip, "head -c 2000000 /dev/zero > /tmp/full").stderr
    bed.cut("op2")
    bed.boot("op2", commands={"ray": "#!/bin/sh\necho other\n"})
    assert ssh(bed, ip, "ray --version").stdout == "other\n"
    bed.cut("op2")
    bed.boot("op2")


def test_user_data_runs_at_boot_as_root(bed: Testbed, ec2: Any) -> None:
    """The scripts of MIME multipart UserData run in order, as root, with Python in PATH."""
    message = MIMEMultipart()
    for text in (
        "#!/bin/sh\nid -u; pwd; echo one > /root/order",
        "#!/usr/bin/env python3\nprint('py')",
        "#!/bin/sh\necho three",
    ):
        message.attach(MIMEText(text, "x-shellscript"))
    (instance_id,) = launch(bed, ec2, UserData=message.as_string())
    until(lambda: "three" in bed.run_on(instance_id, "cat", "/var/log/cloud-init-output.log").stdout)
    assert bed.run_on(instance_id, "cat", "/var/log/cloud-init-output.log").stdout == "0\n/\npy\nthree\n"
    assert bed.run_on(instance_id, "cat", "/root/order").stdout == "one\n"


def test_metadata_follows_the_tags_where_it_may(bed: Testbed, ec2: Any) -> None:
    """IMDS tells an instance its tags of now if it was launched so, wants a token, and knows who asks."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a/b", "Value": "1"}]}]
    options = {"HttpTokens": "required", "InstanceMetadataTags": "enabled"}
    (with_tags,) = launch(bed, ec2, MetadataOptions=options, TagSpecifications=tags)
    (without,) = launch(bed, ec2, TagSpecifications=tags)
    assert metadata(bed, with_tags, "instance-id") == (with_tags, 200)
    assert metadata(bed, with_tags, "tags/instance/a/b") == ("1", 200)
    assert metadata(bed, without, "tags/instance/a/b") == ("", 404)
    ec2.create_tags(Resources=[with_tags], Tags=[{"Key": "a/b", "Value": "2"}])
    assert metadata(bed, with_tags, "tags/instance/a/b") == ("2", 200)
    assert [tags for _, tags in truth(bed, with_tags)["tag_history"]] == [{"a/b": "1"}, {"a/b": "2"}]
    assert metadata(bed, with_tags, "instance-id", token=False) == ("", 401)
    assert metadata(bed, without, "instance-id", token=False) == (without, 200)
    with pytest.raises(OSError, match="unreachable"), socket.create_connection(("169.254.169.254", 80), timeout=2):
        pass  # the laptop is no instance


@pytest.mark.parametrize(("behaviour", "end"), [("terminate", "terminated"), ("stop", "stopped")])
@pytest.mark.parametrize("command", [["shutdown", "-h", "now"], ["/sbin/poweroff"], ["halt"]], ids=lambda c: c[0])
def test_a_shutdown_from_inside_ends_the_instance(
    bed: Testbed, ec2: Any, command: list[str], behaviour: str, end: str
) -> None:
    """An instance that turns itself off is terminated or stopped as it was launched to be, and says who did it."""
    (instance_id,) = launch(bed, ec2, InstanceInitiatedShutdownBehavior=behaviour)
    bed.run_on(instance_id, *command, check=False)
    until(lambda: truth(bed, instance_id)["state"] == end)
    assert not answers(truth(bed, instance_id)["ip"])
    seen = shown(ec2, instance_id)
    assert seen["StateReason"]["Code"] == truth(bed, instance_id)["end_cause"] == "Client.InstanceInitiatedShutdown"
    assert seen["StateTransitionReason"] == ""


def test_a_call_ends_an_instance_and_says_when(bed: Testbed, ec2: Any) -> None:
    """The host is gone at once; the API shows it shutting down, then terminated, and the second in which billing ended."""
    (instance_id,) = launch(bed, ec2)
    ip, launched = truth(bed, instance_id)["ip"], shown(ec2, instance_id)["LaunchTime"]
    assert (launched.microsecond, int(launched.timestamp())) == (0, truth(bed, instance_id)["launched"])
    assert answers(ip)
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert shown(ec2, instance_id)["State"] == {"Code": 32, "Name": "shutting-down"}
    until(lambda: not answers(ip), 1.0)
    until(lambda: shown(ec2, instance_id)["State"] == {"Code": 48, "Name": "terminated"})
    seen, ended = shown(ec2, instance_id), truth(bed, instance_id)["ended"]
    when = time.strftime("%Y-%m-%d %H:%M:%S GMT", time.gmtime(ended))
    assert seen["StateTransitionReason"] == f"User initiated ({when})"
    assert seen["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "PrivateIpAddress" not in seen


def test_a_stopped_instance_starts_again_and_is_billed_twice(bed: Testbed, ec2: Any) -> None:
    """Stop ends billing, start begins it anew with a new LaunchTime: two runs of a minute at least."""
    (instance_id,) = launch(bed, ec2)
    ec2.stop_instances(InstanceIds=[instance_id])
    until(lambda: shown(ec2, instance_id)["State"]["Name"] == "stopped")
    ec2.start_instances(InstanceIds=[instance_id])
    until(lambda: answers(truth(bed, instance_id)["ip"]))
    assert int(shown(ec2, instance_id)["LaunchTime"].timestamp()) == truth(bed, instance_id)["runs"][1][0]
    (line,) = [line for line in bed.cloud.bill(PRICES) if line["id"] == instance_id]
    assert line["seconds"] == 120
    assert line["usd"] == pytest.approx(0.12)


def test_a_reclaim_comes_with_notice_and_costs_nothing(bed: Testbed, ec2: Any) -> None:
    """The notice stands in the metadata until the moment that it names; a reclaim in the first hour is free."""
    first, second = launch(bed, ec2, spot=True, MaxCount=2)
    assert metadata(bed, first, "spot/instance-action") == ("", 404)
    began = time.time()
    bed.cloud.interrupt(first, in_s=3)
    text, _ = metadata(bed, first, "spot/instance-action")
    told = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began + 3))
    assert '"action": "terminate"' in text
    assert told in text
    bed.cloud.interrupt(second, in_s=0, notice=False)
    assert truth(bed, second)["state"] == "shutting-down"
    until(lambda: truth(bed, first)["state"] == "terminated")
    assert 2.0 <= truth(bed, first)["ended"] - began <= 4.0
    for each in (first, second):
        assert shown(ec2, each)["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert {line["seconds"] for line in bed.cloud.bill(PRICES) if line["id"] in {first, second}} == {0}
    with pytest.raises(ValueError, match="only living spot ones"):
        bed.cloud.interrupt(first)


def test_capacity_is_finite_where_it_is_said(bed: Testbed, ec2: Any) -> None:
    """A launch is cut down to what is left, and refused below MinCount, by zone and market."""
    bed.cloud.capacity({"m5.large/spot": 2, "m5.large/on_demand/us-west-2b": 0})
    try:
        assert len(launch(bed, ec2, spot=True, MaxCount=3)) == 2
        with pytest.raises(ec2.exceptions.ClientError, match="InsufficientInstanceCapacity"):
            launch(bed, ec2, spot=True)
        with pytest.raises(ec2.exceptions.ClientError, match=r"capacity.*us-west-2b"):
            launch(bed, ec2, Placement={"AvailabilityZone": "us-west-2b"})
        assert len(launch(bed, ec2, Placement={"AvailabilityZone": "us-west-2a"})) == 1
    finally:
        bed.cloud.capacity(dict.fromkeys(["m5.large/spot", "m5.large/on_demand/us-west-2b"]))


def test_on_prem_reaches_object_storage_but_no_instance(bed: Testbed, ec2: Any) -> None:
    """A checkpoint can be read from both sites; their machines do not see each other."""
    (instance_id,) = launch(bed, ec2)
    s3 = bed.cloud.client("s3")
    s3.create_bucket(Bucket="checkpoints", CreateBucketConfiguration={"LocationConstraint": bed.cloud.region})
    s3.put_object(Bucket="checkpoints", Key="step", Body=b"17", ACL="public-read")
    s3.close()
    for host in (instance_id, "op1"):
        read = f"import urllib.request; print(urllib.request.urlopen('{bed.cloud.endpoint}/checkpoints/step').read())"
        assert bed.run_on(host, "python", "-c", read).stdout == "b'17'\n"
    reach = f"import socket; socket.create_connection(('{truth(bed, instance_id)['ip']}', 22), timeout=2)"
    assert bed.run_on(instance_id, "python", "-c", reach).returncode == 0
    assert "timed out" in bed.run_on("op1", "python", "-c", reach, check=False).stderr


HEAD_OPTIONS = "--dashboard-host=0.0.0.0 --autoscaling-config=~/ray_bootstrap_config.yaml"


def cluster(endpoint: str, credentials: Mapping[str, str]) -> dict[str, Any]:
    """As small as a cluster of Ray's aws provider gets: a head without CPU, and one spot worker from zero."""
    machine = {"InstanceType": "m5.large", "ImageId": "ami-12c6146b"}
    start = "ray start --object-store-memory=100000000"
    return {
        "cluster_name": "bed",
        "max_workers": 1,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "aws",
            "region": "us-west-2",
            "availability_zone": "us-west-2a",
            "use_internal_ips": True,
            "cache_stopped_nodes": False,
            "aws_credentials": {**credentials, "endpoint_url": endpoint},
        },
        "auth": {"ssh_user": "root"},
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": machine},
            "spot": {
                "resources": {"CPU": 2},
                "max_workers": 1,
                "node_config": {**machine, "InstanceMarketOptions": {"MarketType": "spot"}},
            },
        },
        "head_start_ray_commands": [f"{start} --head --port=6379 --num-cpus=0 {HEAD_OPTIONS}"],
        "worker_start_ray_commands": [f"{start} --address=$RAY_HEAD_IP:6379"],
    }


JOB = (
    "import os, ray; ray.init(); print('ran on', ray.get(ray.remote(num_cpus=2)(lambda: os.uname().nodename).remote()))"
)


@pytest.mark.skipif(not os.environ.get("SPILLOVER_SOAK"), reason="with SPILLOVER_SOAK: others raise Ray there, too")
@pytest.mark.timeout(600)
def test_ray_raises_a_cluster_runs_a_job_and_folds_it(bed: Testbed, ec2: Any) -> None:
    """Plain `ray up`: a spot worker comes from zero for a job, and `ray down` leaves nothing but a bill."""
    config = bed.folder / "bed.yaml"
    config.write_text(yaml.safe_dump(cluster(bed.cloud.endpoint, bed.cloud.credentials)))
    before = {each["id"] for each in bed.cloud.instances()}
    environment = bed.environment(RAY_AUTH_MODE="disabled")

    def ray(*arguments: str) -> str:
        done = subprocess.run(
            ["ray", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=280
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    ray("up", "-y", str(config))
    (head,) = [each for each in bed.cloud.instances() if each["id"] not in before]
    assert (head["market"], head["tags"]["ray-node-type"]) == ("on_demand", "head")
    said = ray("job", "submit", "--address", f"http://{head['ip']}:8265", "--", "python", "-c", JOB)
    (worker,) = [each for each in bed.cloud.instances() if each["id"] not in {head["id"], *before}]
    assert (worker["market"], worker["tags"]["ray-node-type"]) == ("spot", "worker")
    assert f"ran on {worker['id']}" in said
    ray("down", "-y", str(config))
    until(lambda: all(truth(bed, each["id"])["state"] == "terminated" for each in (head, worker)))
    assert not any(answers(each["ip"]) for each in (head, worker))
    assert sum(line["usd"] for line in bed.cloud.bill(PRICES) if line["id"] in {head["id"], worker["id"]}) > 0


HOLDER = """
import subprocess, sys, time
from pathlib import Path
from testbed.bed import testbed
with testbed(Path(sys.argv[1]), hosts=1, cloud=False) as bed, bed.inside():
    subprocess.Popen(["sleep", "1000"])
    print("up", flush=True)
    time.sleep(1000)
"""


def test_nothing_is_left_when_its_owner_is_killed(bed: Testbed, root: Path) -> None:
    """SIGKILL to whoever holds a second test bed ends all of that one within a second or two, and not of this one."""
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDER, str(root / "b")], stdout=subprocess.PIPE, text=True,
        env={**bed.environment(), "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "up\n"
    second = Testbed(root / "b")
    network = Path(f"/proc/{second.pid}/ns/net").stat().st_ino
    assert len(members(network)) > 3
    assert answers(bed.hosts["op1"])
    holder.kill()
    holder.wait()
    until(lambda: members(network) == [], 5)
    until(lambda: not (root / "b" / "run" / "sandbox.pid").exists(), 5)
    assert str(root) not in Path("/proc/mounts").read_text()
    assert answers(bed.hosts["op1"])


def test_nothing_is_left_when_the_guard_is_killed(bed: Testbed, root: Path) -> None:
    """The sandbox's namespaces end with the process that made them."""
    with testbed(root / "b", hosts=1, cloud=False) as second:
        network = Path(f"/proc/{second.pid}/ns/net").stat().st_ino
        os.kill(int((root / "b" / "run" / "guard.pid").read_text()), signal.SIGKILL)
        until(lambda: members(network) == [], 5)


def test_the_bill_is_the_clocks(bed: Testbed, elder: tuple[str, float], ec2: Any) -> None:
    """What an instance has lived by the test's own clock is what it costs, and no more afterwards."""
    instance_id, launched = elder
    time.sleep(max(0.0, launched + 62 - time.time()))
    ec2.terminate_instances(InstanceIds=[instance_id])
    lived = time.time() - launched
    time.sleep(2)
    (line,) = [line for line in bed.cloud.bill(PRICES) if line["id"] == instance_id]
    assert line["seconds"] == pytest.approx(lived, abs=2)
    assert line["usd"] == pytest.approx(line["seconds"] * 0.002)
