"""What a cluster YAML with named hosts is read as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from spillover.adapters.ssh_plan import PlanFile, SshPlan, is_named_hosts, read_plan
from spillover.config.ray_defaults import as_ray_takes_it
from spillover.domain.host import Host
from spillover.errors import LauncherError

ONPREM = Path(__file__).parents[3] / "clusters" / "onprem.yaml"


@pytest.fixture
def cluster() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(ONPREM.read_text())
    return loaded


def plan_of(cluster: dict[str, Any], max_workers: int = 9) -> SshPlan:
    return read_plan(as_ray_takes_it(cluster), Path("/k"), max_workers)


def test_the_file_is_valid_for_ray(cluster: dict[str, Any]) -> None:
    """Ray's own schema accepts clusters/onprem.yaml, and no command of it ends every Ray on a host."""
    validate_config(prepare_config(cluster))
    commands = [text for key, texts in cluster.items() if key.endswith("_commands") for text in texts]
    assert not any("ray stop" in text for text in commands)


def test_the_file_is_read_as_its_comments_say(cluster: dict[str, Any]) -> None:
    """Head and workers, how they are entered, what is mounted, and which ports each needs."""
    plan = plan_of(cluster)
    assert is_named_hosts(cluster)
    assert plan.hosts == (Host("10.77.0.1", "head"), Host("10.77.0.2", "worker"), Host("10.77.0.3", "worker"))
    assert (plan.access.user, plan.access.private_key) == ("ray", Path("~/.ssh/id_ed25519").expanduser())
    assert plan.mounts == (("~/.ray/auth_token", Path("~/.ray/auth_token").expanduser(), False),)
    assert (plan.head.ports, plan.worker.ports) == ((6379, 8265, 10001, 52365), (52365,))
    assert plan.min_free_disk_bytes == 5e9
    assert "--autoscaling-config" not in plan.head.start[0]
    assert plan.environment == {"RAY_HEAD_IP": "10.77.0.1"}


def test_commands_keep_rays_order(cluster: dict[str, Any]) -> None:
    """Initialization, then setup for all, then setup for the kind of host."""
    for key in ("initialization", "setup", "head_setup", "worker_setup"):
        cluster[f"{key}_commands"] = [key]
    plan = plan_of(cluster)
    assert plan.head.setup == ("initialization", "setup", "head_setup")
    assert plan.worker.setup == ("initialization", "setup", "worker_setup")


def test_options_of_ray_start_are_found(cluster: dict[str, Any]) -> None:
    """Ports, GPUs and the session folder are read from the start commands however they are written."""
    ports = "--node-manager-port=7000 --dashboard-agent-listen-port=0"
    cluster["worker_start_ray_commands"] = [
        f"ulimit -n 65536; ray start --address $RAY_HEAD_IP:6400 --num-gpus 4 --temp-dir='/big disk/ray' {ports}"
    ]
    cluster["head_start_ray_commands"] = ["ray start --head --port 6400"]
    plan = plan_of(cluster)
    assert (plan.worker.gpus, plan.worker.temp_dir, plan.worker.ports) == (4, "/big disk/ray", (7000,))
    assert (plan.gcs_port, plan.head.gpus, plan.head.temp_dir) == (6400, None, "/tmp/ray")


def test_rays_own_start_commands_stand_where_there_are_none(cluster: dict[str, Any]) -> None:
    """A file without start commands gets those that `ray up` would run."""
    del cluster["head_start_ray_commands"], cluster["worker_start_ray_commands"]
    plan = plan_of(cluster)
    assert plan.worker.start[-1] == "ray start --address=$RAY_HEAD_IP:6379"
    assert plan.head.start[-1] == "ulimit -c unlimited; ray start --head --port=6379"


def test_no_more_workers_than_the_settings_allow(cluster: dict[str, Any]) -> None:
    """`max_nodes` of the settings leaves the last hosts out."""
    assert [host.name for host in plan_of(cluster, 1).hosts] == ["10.77.0.1", "10.77.0.2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"docker": {"image": "x", "container_name": "c"}}, "'docker' is not supported for named hosts"),
        ({"auth": {"ssh_user": "me", "ssh_proxy_command": {"a": "b"}}}, "write one command"),
    ],
)
def test_what_cannot_be_done_is_refused(cluster: dict[str, Any], change: dict[str, Any], told: str) -> None:
    """Parts that have no meaning here are refused with the remedy, not skipped."""
    with pytest.raises(LauncherError, match=told):
        plan_of({**cluster, **change})


def test_ssh_is_told_never_to_ask(cluster: dict[str, Any]) -> None:
    """Options of ssh: no questions, a timeout, host keys in a file of our own, the key and the proxy of the file."""
    cluster["auth"]["ssh_proxy_command"] = "ssh -W %h:%p gate"
    options = " ".join(plan_of(cluster).access.options())
    for part in ("BatchMode=yes", "ConnectTimeout=10", "StrictHostKeyChecking=accept-new", "UserKnownHostsFile=/k"):
        assert f"-o {part}" in options
    assert "-o ProxyCommand=ssh -W %h:%p gate" in options
    assert "id_ed25519 " in options


def test_a_plan_follows_its_file(cluster: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Hosts that are added are seen; a file that has become unreadable is told once, and the last plan stands."""
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(cluster))
    plan = PlanFile(file, as_ray_takes_it, Path("/k"), 9)
    cluster["provider"]["worker_ips"].append("10.77.0.4")
    file.write_text(yaml.safe_dump(cluster))
    assert len(plan().hosts) == 4
    for text in ("provider: [", "provider: {}", "x"):
        file.write_text(text)
        assert len(plan().hosts) == 4
        assert len(plan().hosts) == 4
    assert caplog.text.count("the plan before stands") == 3
    with pytest.raises(LauncherError, match="cannot be read"):
        PlanFile(tmp_path / "none.yaml", as_ray_takes_it, Path("/k"), 9)


def test_other_clusters_name_no_hosts() -> None:
    """Cloud clusters, and the local provider behind Ray's coordinator, are Ray's launcher's business."""
    assert not is_named_hosts({"provider": {"type": "aws"}})
    assert not is_named_hosts({"provider": {"type": "local", "coordinator_address": "x:1"}})
