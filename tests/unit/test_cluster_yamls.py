"""What lies in clusters/: Ray takes the clusters, Spillover the settings, and Kubernetes the manifest."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from spillover.adapters.aws_dress import dress
from spillover.checkup import accept
from spillover.config import read_settings
from spillover.config.cluster_file import ClusterFile, read_cluster_file
from spillover.config.ray_rules import rule_mistakes
from spillover.config.ray_schema import schema_mistakes
from spillover.config.schema import AttachedPool, LaunchedPool, Settings
from spillover.domain.provider import Lease

CLUSTERS = Path(__file__).parents[2] / "clusters"
FILES = sorted(CLUSTERS.glob("*.yaml"))
RAY = [file for file in FILES if re.search(r"^cluster_name:", file.read_text(), re.MULTILINE)]
SETTINGS = [file for file in FILES if re.search(r"^pools:", file.read_text(), re.MULTILINE)]
BURST = CLUSTERS / "aws-burst.yaml"
# What a RayCluster of API version ray.io/v1 may say, of what we say: KubeRay's Go types, without their free maps.
SPEC = {
    "rayVersion",
    "authOptions",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
    "headGroupSpec",
    "workerGroupSpecs",
}
GROUP = {"rayStartParams", "labels", "template"}
WORKER_GROUP = GROUP | {"groupName", "replicas", "minReplicas", "maxReplicas", "priority", "idleTimeoutSeconds"}
AUTOSCALER = {"version", "idleTimeoutSeconds", "upscalingMode", "resources"}


def read(file: Path) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(file.read_text())
    return tree


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the cluster token that the comments tell people to make."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text("token")
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    """clusters/spillover-aws.yaml as `spillover check` accepts it, once the token is there."""
    shutil.copytree(CLUSTERS, home / "clusters")
    (home / "clusters/secrets").mkdir()
    (home / "clusters/secrets/kuberay.token").write_text("token")
    checked, _ = accept(read_settings(home / "clusters/spillover-aws.yaml", environ={}))
    return checked


def test_every_file_is_of_a_known_kind() -> None:
    """clusters/ holds Ray clusters, settings of pools that use them, and one Kubernetes manifest."""
    assert BURST in RAY
    assert sorted([*RAY, *SETTINGS, CLUSTERS / "kuberay.yaml"]) == FILES


@pytest.mark.parametrize("file", RAY, ids=lambda f: f.stem)
def test_ray_takes_every_cluster(file: Path) -> None:
    """Ray's own launcher accepts the file as it is."""
    validate_config(prepare_config(read(file)))


@pytest.mark.parametrize("file", RAY, ids=lambda f: f.stem)
def test_our_checker_agrees_with_ray(file: Path) -> None:
    """What Ray accepts, `spillover check` accepts, but for files that the reader has yet to make."""
    cluster = read_cluster_file(file)
    assert isinstance(cluster, ClusterFile)
    found = [*schema_mistakes(cluster), *rule_mistakes(cluster)]
    assert [mistake for mistake in found if "no such file" not in mistake.text] == []


@pytest.mark.parametrize("file", RAY, ids=lambda f: f.stem)
def test_no_cluster_ends_the_ray_of_others(file: Path) -> None:
    """`ray stop` goes by the names of processes: no command of ours runs it."""
    commands = [text for key, value in read(file).items() if key.endswith("_commands") for text in value]
    assert not [text for text in commands if re.search(r"\bray\s+stop\b", text)]


def test_the_settings_are_accepted_whole(settings: Settings) -> None:
    """`spillover check` finds nothing wrong; shapes come from the cluster, prices and the token from the settings."""
    pool = settings.pools["aws"]
    assert isinstance(pool, LaunchedPool)
    types = read(BURST)["available_node_types"]
    assert set(pool.node_types) == set(types) - {"head"}
    for name, node_type in pool.node_types.items():
        assert node_type.resources == types[name]["resources"]
        assert node_type.labels == types[name]["labels"]
        assert node_type.max_nodes == types[name]["max_workers"]
        assert node_type.labels["spillover.dev/market"] == node_type.market
        assert node_type.labels["spillover.dev/region"] == pool.region
    assert pool.token_file is not None
    assert pool.token_file.read_text() == "token"


def test_spot_is_tried_before_its_twin_on_demand() -> None:
    """Each spot type has an on-demand one that offers the same and costs more, with a lower priority."""
    types = read(BURST)["available_node_types"]
    prices = {
        name: t["price_usd_per_hour"]
        for name, t in read(CLUSTERS / "spillover-aws.yaml")["pools"]["aws"]["node_types"].items()
    }
    spot = {name: t for name, t in types.items() if t["node_config"].get("InstanceMarketOptions")}
    assert len(spot) == 5
    for name, node_type in spot.items():
        twin = types[name.removesuffix("-spot")]
        assert node_type["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
        assert node_type["resources"] == twin["resources"]
        assert node_type["node_config"]["InstanceType"] == twin["node_config"]["InstanceType"]
        assert node_type["priority"] > twin["priority"]
        assert prices[name] < prices[name.removesuffix("-spot")]


def test_the_burst_cluster_starts_from_zero_with_its_token() -> None:
    """No worker is kept, the head takes no tasks, several zones are tried, and each node asks for the token."""
    burst = read(BURST)
    assert {t.get("min_workers", 0) for t in burst["available_node_types"].values()} == {0}
    assert burst["available_node_types"]["head"]["resources"] == {"CPU": 0, "GPU": 0}
    assert len(burst["provider"]["availability_zone"].split(",")) == 3
    assert burst["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}
    (head,), (worker,) = burst["head_start_ray_commands"], burst["worker_start_ray_commands"]
    assert "RAY_AUTH_MODE=token" in head
    assert "RAY_AUTH_MODE=token" in worker
    assert re.search(r"RAY_AUTOSCALER_AVAILABILITY_RECOVERY_S=\d+", head)
    assert re.search(r"RAY_JOB_START_TIMEOUT_SECONDS=\d+", head)


def test_the_burst_cluster_can_be_leased() -> None:
    """With a lease put into it, Ray accepts it as before."""
    dressed = dress(read(BURST), Lease("lease", "aws", 4, 1_800_000_000), "house")
    validate_config(prepare_config(dressed))
    tags = [t["node_config"]["TagSpecifications"] for t in dressed["available_node_types"].values()]
    assert len(tags) == 11
    assert all(tag == tags[0] for tag in tags)


def test_kubernetes_knows_the_manifest() -> None:
    """A RayCluster of ray.io/v1 says only what KubeRay's types have, with autoscaler v2, a token and a head without CPUs."""
    manifest = read(CLUSTERS / "kuberay.yaml")
    assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayCluster")
    spec = manifest["spec"]
    assert spec.keys() <= SPEC
    assert spec["rayVersion"] == "2.60.0"
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"] is True
    assert spec["autoscalerOptions"]["version"] == "v2"
    assert spec["autoscalerOptions"].keys() <= AUTOSCALER
    assert spec["headGroupSpec"].keys() <= GROUP
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in spec["workerGroupSpecs"]:
        assert group.keys() <= WORKER_GROUP
        assert group["minReplicas"] == group["replicas"] == 0 < group["maxReplicas"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in (*group["labels"].values(), *group["rayStartParams"].values()))
        _pod(group["template"]["spec"], spec["rayVersion"])


def _pod(pod: dict[str, Any], ray_version: str) -> None:
    assert pod["restartPolicy"] == "Never"
    (container,) = pod["containers"]
    assert container["image"].startswith(f"rayproject/ray:{ray_version}-py311")
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert all(isinstance(env["value"], str) for env in container.get("env", ()))


def test_the_attached_pool_is_the_manifests(settings: Settings) -> None:
    """Node types in the settings are the worker groups: names, CPUs, GPUs, labels, how many."""
    manifest = read(CLUSTERS / "kuberay.yaml")
    pool = settings.pools["kubernetes"]
    assert isinstance(pool, AttachedPool)
    groups = {group["groupName"]: group for group in manifest["spec"]["workerGroupSpecs"]}
    assert pool.node_types.keys() == groups.keys()
    assert f"//{manifest['metadata']['name']}-head-svc." in pool.address
    for name, node_type in pool.node_types.items():
        limits = groups[name]["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert node_type.max_nodes == groups[name]["maxReplicas"]
        assert node_type.labels == groups[name]["labels"]
        assert node_type.resources["CPU"] == int(limits["cpu"])
        assert node_type.resources.get("GPU", 0) == int(limits.get("nvidia.com/gpu", 0))
