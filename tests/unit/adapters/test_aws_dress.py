"""A cluster YAML with a lease put into it."""

from __future__ import annotations

import subprocess
import time
from copy import deepcopy
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import hash_launch_conf, prepare_config, validate_config

from spillover.adapters.aws_dress import dress, lease_tags
from spillover.adapters.aws_user_data import LIMIT_BYTES
from spillover.domain.provider import Lease
from spillover.errors import LauncherError
from spillover.node import capacity, lease_watchdog, notices

LEASE = Lease("lease-1", "cloud", 3, 1_764_000_000.4, first_s=300.0)
TAGS = {
    "spillover-installation": "house",
    "spillover-pool": "cloud",
    "spillover-lease": "lease-1",
    "spillover-lease-expires": "1764000001",
    "spillover-first-s": "300",
}


def cluster(**node_config: Any) -> dict[str, Any]:
    """A small cluster of provider aws, its worker with this in its node_config."""
    return {
        "cluster_name": "c",
        "max_workers": 2,
        "provider": {"type": "aws", "region": "us-west-2", "cache_stopped_nodes": True},
        "auth": {"ssh_user": "ubuntu"},
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": {"InstanceType": "m5.large"}},
            "worker": {"resources": {"CPU": 2}, "node_config": {"InstanceType": "m5.large", **node_config}},
        },
        "file_mounts": {"~/mine": "/etc/hostname"},
        "head_start_ray_commands": ["ray start --head"],
        "worker_start_ray_commands": ["ray start --address=$RAY_HEAD_IP:6379"],
    }


def worker(**node_config: Any) -> dict[str, Any]:
    """What becomes of a worker's node_config."""
    config: dict[str, Any] = dress(cluster(**node_config), LEASE, "house")["available_node_types"]["worker"][
        "node_config"
    ]
    return config


def parts(user_data: str) -> list[tuple[str, str]]:
    """Type and text of each part, as cloud-init takes them apart."""
    message = message_from_string(user_data)
    found = [part for part in message.walk() if not part.is_multipart()]
    return [(part.get_content_type(), part.get_payload(decode=True).decode()) for part in found]  # type: ignore[union-attr]


def test_every_machine_carries_the_lease_from_its_creation() -> None:
    """Head and workers get our tags in the create call itself, beside Ray's."""
    dressed = dress(cluster(), LEASE, "house")
    assert lease_tags(LEASE, "house") == TAGS
    for name in ("head", "worker"):
        rays = [{"ResourceType": "instance", "Tags": [{"Key": "ray-node-type", "Value": name}]}]
        AWSNodeProvider._merge_tag_specs(
            rays, dressed["available_node_types"][name]["node_config"]["TagSpecifications"]
        )
        assert {tag["Key"]: tag["Value"] for tag in rays[0]["Tags"]} == {**TAGS, "ray-node-type": name}


def test_a_machine_that_shuts_down_is_gone() -> None:
    """Shutting down terminates, metadata shows tags and wants a token, and stopped nodes are never kept."""
    config = worker(MetadataOptions={"HttpPutResponseHopLimit": 2, "HttpTokens": "optional"})
    assert config["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert config["MetadataOptions"] == {
        "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled", "HttpTokens": "required", "InstanceMetadataTags": "enabled",
    }  # fmt: skip
    assert dress(cluster(), LEASE, "house")["provider"]["cache_stopped_nodes"] is False


def test_ray_takes_what_was_dressed_and_hashes_it_alike() -> None:
    """The result passes Ray's checks, the template is unchanged, and one lease gives one launch hash."""
    template = cluster()
    before = deepcopy(template)
    first, second = (dress(template, LEASE, "house") for _ in range(2))
    assert template == before
    validate_config(prepare_config(deepcopy(first)))
    assert yaml.safe_load(yaml.safe_dump(first)) == second
    hashes = {hash_launch_conf(c["available_node_types"]["head"]["node_config"], c["auth"]) for c in (first, second)}
    assert len(hashes) == 1


def test_our_programs_are_shipped_and_started_beside_ray() -> None:
    """Their files are mounted beside the user's, and they start after Ray: the poller everywhere, fallback on the head."""
    dressed = dress(cluster(), LEASE, "house")
    assert dressed["file_mounts"] == {
        "~/mine": "/etc/hostname",
        "~/.spillover/notices.py": notices.__file__,
        "~/.spillover/capacity.py": capacity.__file__,
    }
    ray, poller = dressed["worker_start_ray_commands"]
    assert ray.startswith("ray start")
    assert "python3 ~/.spillover/notices.py >>" in poller
    ray, poller, fallback = dressed["head_start_ray_commands"]
    assert ray.startswith("ray start")
    assert "notices.py --head >>" in poller
    assert "capacity.py --dashboard http://127.0.0.1:8265 >>" in fallback


def test_rays_own_commands_and_types_are_added_to() -> None:
    """Where the YAML leaves start commands and node types to Ray, Ray's are in force, with ours."""
    plain = {"cluster_name": "c", "provider": {"type": "aws", "region": "us-west-2"}}
    dressed = dress(plain, LEASE, "house")
    assert any("ray start --head" in command for command in dressed["head_start_ray_commands"])
    assert dressed["available_node_types"]["ray.worker.default"]["node_config"]["UserData"]
    assert "UserData" not in dress(plain | {"available_node_types": {}}, LEASE, "house")["available_node_types"]


def test_containers_see_the_lease() -> None:
    """With a docker section, the container is shown where the watchdog publishes the lease's end."""
    config = cluster() | {"docker": {"image": "ray", "container_name": "r", "run_options": ["--ulimit nofile=65536"]}}
    assert dress(config, LEASE, "house")["docker"]["run_options"] == [
        "--ulimit nofile=65536", "-v /run/spillover:/run/spillover:ro",
    ]  # fmt: skip
    assert dress(cluster() | {"docker": {}}, LEASE, "house")["docker"] == {}


def test_the_users_tags_stay_and_ours_win() -> None:
    """Tags of instances and of other resources are kept; one of our names cannot be taken."""
    own = [
        {
            "ResourceType": "instance",
            "Tags": [{"Key": "team", "Value": "x"}, {"Key": "spillover-lease", "Value": "mine"}],
        },
        {"ResourceType": "volume", "Tags": [{"Key": "a/b", "Value": "c"}]},
    ]
    instance, volume = worker(TagSpecifications=own)["TagSpecifications"]
    assert {tag["Key"]: tag["Value"] for tag in instance["Tags"]} == {**TAGS, "team": "x"}
    assert volume == own[1]


@pytest.mark.parametrize("key", ["kubernetes.io/cluster", "my team", "", "..", "_index"])
def test_tags_that_ec2_would_refuse_are_named(key: str) -> None:
    """EC2 launches nothing with such a key once metadata shows tags: said before, with the node type."""
    with pytest.raises(LauncherError, match="node type 'worker': tag"):
        worker(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": key, "Value": "v"}]}])


def test_a_persistent_spot_request_is_refused() -> None:
    """It would start another machine whenever one ends."""
    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "persistent"}}
    with pytest.raises(LauncherError, match="persistent spot request"):
        worker(InstanceMarketOptions=market)
    assert worker(InstanceMarketOptions={"MarketType": "spot"})["InstanceMarketOptions"] == {"MarketType": "spot"}


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ("#!/bin/bash\necho hi\n", "text/x-shellscript"),
        ("#cloud-config\npackages: [höhle]\n", "text/cloud-config"),
        ("#cloud-boothook\n#!/bin/sh\n", "text/cloud-boothook"),
        ("#include\nhttps://example.com/x\n", "text/x-include-url"),
        ("## template: jinja\n#cloud-config\n", "text/jinja2"),
    ],
)
def test_the_users_user_data_comes_second(own: str, kind: str) -> None:
    """Whatever cloud-init knows is kept as it was written, after our script, which runs before anything else may hang."""
    first, second = parts(worker(UserData=own)["UserData"])
    assert first[0] == "text/cloud-boothook"
    assert first[1].startswith("#!/bin/sh")
    assert second == (kind, own)


def test_a_multipart_is_taken_apart() -> None:
    """User data that has parts already gets ours in front of them."""
    text = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
    text += "--b\nContent-Type: text/cloud-config\n\n#cloud-config\n{}\n--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n"
    kinds = [kind for kind, _ in parts(worker(UserData=text)["UserData"])]
    assert kinds == ["text/cloud-boothook", "text/cloud-config", "text/x-shellscript"]


def test_user_data_that_cannot_be_merged_is_refused() -> None:
    """Text that cloud-init does not know, bytes, and more than EC2 takes: each is said with what to do."""
    with pytest.raises(LauncherError, match="node type 'worker': 'UserData' begins with 'echo hi'"):
        worker(UserData="echo hi")
    with pytest.raises(LauncherError, match="'UserData' must be text"):
        worker(UserData=b"\x1f\x8b")
    with pytest.raises(LauncherError, match=rf"bytes of user data, and EC2 takes {LIMIT_BYTES}"):
        worker(UserData="#!/bin/sh\n" + "#" * LIMIT_BYTES)
    assert len(worker()["UserData"]) < LIMIT_BYTES // 2


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of commands that a boot script may call: each writes down that it was called."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("shutdown", "systemctl", "setsid"):
        (bin_folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n')
        (bin_folder / name).chmod(0o755)
    return tmp_path


def boot(machine: Path, lease: Lease, *, python: str) -> list[str]:
    """Run the user data as a machine does, with folders and programs of its own; `python` is what its python3 does."""
    (machine / "bin/python3").write_text(f"#!/bin/sh\n{python}\n")
    (machine / "bin/python3").chmod(0o755)
    user_data = dress(cluster(), lease, "house")["available_node_types"]["head"]["node_config"]["UserData"]
    ((kind, script),) = parts(user_data)
    assert kind == "text/cloud-boothook"
    for folder in ("/var/lib/spillover", "/var/log", "/run/systemd/system", "/etc/systemd"):
        script = script.replace(folder, f"{machine}{folder}")
    (machine / "var/log").mkdir(parents=True)
    path = f"{machine}/bin:/usr/bin:/bin"
    subprocess.run(["sh", "-c", script], env={"PATH": path}, check=True, capture_output=True, timeout=30)
    until = time.monotonic() + 20
    while not (machine / "called").exists() and time.monotonic() < until:  # one of them starts in the background
        time.sleep(0.01)
    return (machine / "called").read_text().splitlines()


def test_the_boot_script_starts_the_watchdog(machine: Path) -> None:
    """Without systemd it runs in a session of its own, again and again, with the lease of its creation."""
    calls = boot(machine, LEASE, python="exit 0")
    unpacked = machine / "var/lib/spillover/lease_watchdog.py"
    assert unpacked.read_bytes() == Path(lease_watchdog.__file__).read_bytes()
    run = f"python3 {unpacked} 1764000001 300"
    assert calls == [f"setsid sh -c trap '' TERM HUP INT; while :; do {run}; sleep 1; done"]


def test_systemd_keeps_the_watchdog(machine: Path) -> None:
    """Where systemd runs, the watchdog is a service that is started again whenever it ends, and at every boot."""
    (machine / "run/systemd/system").mkdir(parents=True)
    (machine / "etc/systemd/system").mkdir(parents=True)
    calls = boot(machine, LEASE, python="exit 0")
    unit = (machine / "etc/systemd/system/spillover-lease.service").read_text()
    assert f"ExecStart=/usr/bin/env python3 {machine}/var/lib/spillover/lease_watchdog.py 1764000001 300" in unit
    assert {"Restart=always", "OOMScoreAdjust=-1000", "DefaultDependencies=no", "StartLimitIntervalSec=0"} <= set(
        unit.splitlines()
    )
    assert calls[-1] == "systemctl start --no-block spillover-lease.service"


@pytest.mark.parametrize(("lease_s", "minutes"), [(7200, 120), (30, 5), (-9000, 5)])
def test_without_python_the_lease_at_creation_is_the_end(machine: Path, lease_s: int, minutes: int) -> None:
    """A machine whose Python cannot run the watchdog shuts down when its lease, or its first seconds, end."""
    calls = boot(machine, Lease("l", "cloud", 1, time.time() + lease_s), python="exit 127")
    assert calls in ([f"shutdown -h +{minutes}"], [f"shutdown -h +{minutes + 1}"])
