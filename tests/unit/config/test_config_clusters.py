"""Cluster YAMLs against Ray: what `ray up` takes passes, and each thing that it dies of is told at its line."""

import copy

import pytest
import yaml
from ray.autoscaler._private.providers import _NODE_PROVIDERS
from ray.autoscaler._private.util import prepare_config, validate_config

from spillover.config import template
from spillover.config.cluster_file import ClusterFile
from spillover.config.ray_defaults import PROVIDERS, autoscaler_folder
from spillover.config.ray_rules import rule_mistakes
from spillover.config.ray_schema import schema_mistakes

EMBEDDED = template().parent / "clusters" / "embedded.yaml"
MINIMAL = {"cluster_name": "m", "provider": {"type": "aws", "region": "us-west-2"}}
LATER = {"file_mounts", "initialization_commands", "head_start_ray_commands"}  # read after Ray has validated

# (what is replaced in conftest's CLUSTER, by what, the one mistake that follows); lines are those of that text.
ONE_MISTAKE = [
    ("max_workers: 3", "max_worker: 3", "clusters/small.yaml:2: max_worker: unknown key; did you mean 'max_workers'?"),
    ("max_workers: 3", "max_workers: -3", "clusters/small.yaml:2: max_workers: value '-3': must be 0 or more"),
    ("max_workers: 3", "max_workers: 3\nauth: []", "clusters/small.yaml:3: auth: value '[]': must be a mapping of keys to values"),
    ("max_workers: 3", "setup_commands: pip", "clusters/small.yaml:2: setup_commands: value 'pip': must be a list"),
    ("max_workers: 3", "setup_commands:\n  - a\n  - 7", "clusters/small.yaml:4: setup_commands.1: value '7': must be text (quote it)"),
    ("max_workers: 3", "head_node: {a: 1}", "clusters/small.yaml:2: head_node: Ray no longer takes it; write 'available_node_types' and 'head_node_type'"),
    ("max_workers: 3", "docker: {image: x}", "clusters/small.yaml:2: docker.container_name: is required: 'image' and 'container_name' go together"),
    ("max_workers: 3", "file_mounts: {/a: /nowhere/at/all}", "clusters/small.yaml:2: file_mounts./a: value '/nowhere/at/all': there is no such file"),
    ("max_workers: 3", "auth: {ssh_private_key: ~/nowhere.pem}", "clusters/small.yaml:2: auth.ssh_private_key: value '~/nowhere.pem': there is no such file"),
    ("max_workers: 3", "auth: {ssh_proxy_use_node_id: true}", "clusters/small.yaml:2: auth.ssh_proxy_command: is required"),
    ("type: aws", "type: awss", "clusters/small.yaml:3: provider.type: value 'awss': Ray has no such provider; did you mean 'aws'?"),
    ("type: aws", "type: oracle-cloud", "clusters/small.yaml:3: provider.type: value 'oracle-cloud': Ray has no such provider; it has local,"),
    ("type: aws, ", "", "clusters/small.yaml:3: provider.type: is required"),
    ("region: eu-west-1", "gcp_credentials: {type: service_acount}", "provider.gcp_credentials.type: value 'service_acount': must be 'credentials_token' or 'service_account'; did you mean 'service_account'?"),
    ("head_node_type: head", "head_node_type: heda", "clusters/small.yaml:4: head_node_type: value 'heda': is none of 'available_node_types'; did you mean 'head'?"),
    ("node_config: {}}", "node_config: {}, min_workers: 3, max_workers: 2}", "clusters/small.yaml:6: available_node_types.head.min_workers: value '3': is more than the type's max_workers, 2"),
    ("node_config: {}, labels", "node_config: {}, min_workers: 4, labels", "clusters/small.yaml:2: max_workers: value '3': is less than the sum of all min_workers, 4"),
    ("node_config: {}, labels", "min_workers: -1, node_config: {}, labels", "clusters/small.yaml:7: available_node_types.worker.min_workers: value '-1': must be 0 or more"),
    ("node_config: {}, labels", "labels", "clusters/small.yaml:7: available_node_types.worker.node_config: is required"),
    ("node_config: {}, labels", "node_confg: {}, labels", "clusters/small.yaml:7: available_node_types.worker.node_confg: unknown key; did you mean 'node_config'?"),
    ("{CPU: 4}", "{CPU: 0.5}", "clusters/small.yaml:7: available_node_types.worker.resources.CPU: value '0.5': must be a whole number"),
    ("{CPU: 4}", "{CPU: 4, 7: 1}", "clusters/small.yaml:7: available_node_types.worker.resources.7: is no text: quote the name"),
    ("zone: a", "zone: 1", "clusters/small.yaml:7: available_node_types.worker.labels.zone: value '1': must be text (quote it)"),
    ("cluster_name: small", "cluster_name: [", "clusters/small.yaml:3: is no YAML: expected ',' or ']'"),
    ("cluster_name: small", "cluster_nam: small", "clusters/small.yaml:1: cluster_nam: unknown key; did you mean 'cluster_name'?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), ONE_MISTAKE)
def test_a_mistake_is_told_at_its_line_in_the_cluster_yaml(old, new, said, folder):
    """What Ray would refuse is one line: the cluster YAML's own file and line, the key, the value, what was meant."""
    folder.change(old, new, "clusters/small.yaml")
    told = [line for line in folder.mistakes() if line.startswith("clusters/")]
    assert len(told) == 1, folder.mistakes()
    assert said in told[0]


def test_all_mistakes_of_both_files_are_told_at_once(folder):
    """Ray stops at the first; here all are told, those of the settings first, each file in its own order."""
    folder.change("max_workers: 3", "max_worker: 3", "clusters/small.yaml")
    folder.change("{CPU: 4}", "{CPU: many}", "clusters/small.yaml")
    folder.change("role: baseline", "role: base")
    where = [line.split(": ")[:2] for line in folder.mistakes()]
    assert where == [
        ["s.yaml:6", "pools.onprem.role"],
        ["clusters/small.yaml:2", "max_worker"],
        ["clusters/small.yaml:7", "available_node_types.worker.resources.CPU"],
    ]


def test_two_pools_with_one_cluster_yaml_hear_of_it_once(folder):
    """A mistake of a shared file is not repeated for each pool."""
    folder.change("max_workers: 3", "max_worker: 3", "clusters/small.yaml")
    pool = (folder.path / "s.yaml").read_text().partition("  onprem:\n")[2]
    folder.write("s.yaml", (folder.path / "s.yaml").read_text() + "  other:\n" + pool)
    assert len([line for line in folder.mistakes() if "max_worker" in line]) == 1


def test_a_key_that_is_written_twice_is_warned_of(folder):
    """Ray takes the last of two without a word, so it is a warning and no mistake."""
    folder.change("max_workers: 3", "max_workers: 9\nmax_workers: 3", "clusters/small.yaml")
    assert folder.findings() == [
        "clusters/small.yaml:3: warning: max_workers: is written twice, here and in line 2; Ray takes the last"
    ]
    assert folder.load().pools["onprem"].node_types["worker"].max_nodes == 3


def ray_refuses(cluster) -> bool:
    """Ray's own verdict on a cluster: what `ray up` does before it calls its provider."""
    try:
        filled = prepare_config(copy.deepcopy(cluster))
        for node_type in filled["available_node_types"].values():
            if cluster["provider"]["type"] in ("aws", "gcp"):
                node_type.setdefault("resources", {})  # as these two providers do
        validate_config(filled)
    except (Exception, SystemExit):
        return True
    return False


def we_refuse(cluster) -> bool:
    file = ClusterFile(EMBEDDED, cluster, {})
    return any(not m.warning for m in (*schema_mistakes(file), *rule_mistakes(file)))


def changed(cluster, path, value):
    """A copy with another value at the path; None removes the key."""
    copied = copy.deepcopy(cluster)
    node = copied
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return copied


def variants():
    embedded = yaml.safe_load(EMBEDDED.read_text())
    yield "embedded", embedded
    for name in ("aws", "gcp", "azure", "vsphere"):
        yield name, yaml.safe_load((autoscaler_folder() / name / "defaults.yaml").read_text())
    yield "minimal", MINIMAL
    for key in embedded.keys() - {"provider"} - LATER:
        yield f"without {key}", changed(embedded, (key,), None)
    worker = ("available_node_types", "worker")
    for path, value in [
        ((*worker, "resources"), None), ((*worker, "node_config"), None), ((*worker, "priority"), 3),
        ((*worker, "min_workers"), 3), ((*worker, "min_workers"), 2), ((*worker, "idle_timeout_s"), 4.5),
        (("head_node_type",), "worker"), (("head_node_type",), "nobody"), (("min_workers",), 1),
        (("head_node",), {}), (("head_node",), {"a": 1}), (("worker_nodes",), {}), (("docker",), {}),
        (("docker",), {"image": "x", "container_name": "y"}), (("docker",), {"image": "x"}), (("upscaling_speed",), 0.5),
        (("docker",), {"head_image": "x", "worker_image": "x", "container_name": "y"}), (("provider", "extra"), [1]),
        (("metadata",), {"anything": 1}), (("idle_timeout_minutes",), -1), (("max_workers",), "2"), (("no_restart",), True),
    ]:  # fmt: skip
        yield f"{'.'.join(path)}={value}", changed(embedded, path, value)
    no_resources = changed(yaml.safe_load((autoscaler_folder() / "aws" / "defaults.yaml").read_text()), ("docker",), {})
    yield (
        "aws finds resources out",
        changed(no_resources, ("available_node_types", "ray.worker.default", "resources"), None),
    )
    yield "local", {"cluster_name": "l", "provider": {"type": "local", "head_ip": "a", "worker_ips": ["b"]}}
    yield "local without machines", {"cluster_name": "l", "provider": {"type": "local"}}


@pytest.mark.parametrize(("name", "cluster"), [pytest.param(n, c, id=n) for n, c in variants()])
def test_our_verdict_is_rays(name, cluster):
    """A YAML that plain `ray up` takes has no mistake here, and one that it refuses has at least one."""
    assert we_refuse(cluster) is ray_refuses(cluster)


def test_the_providers_are_rays():
    """The names of providers are those that this Ray has."""
    assert set(PROVIDERS) == set(_NODE_PROVIDERS)


def test_what_ray_reads_after_it_has_validated_is_asked_for(folder):
    """Without these an external provider's `ray up` dies half way."""
    embedded = yaml.safe_load(EMBEDDED.read_text())
    for key in LATER:
        assert not ray_refuses(changed(embedded, (key,), None))
        file = ClusterFile(EMBEDDED, changed(embedded, (key,), None), {})
        assert [m.path for m in rule_mistakes(file)] == [(key,)]


def test_an_external_provider_must_be_importable(folder):
    """A provider class whose package is not there is named."""
    embedded = yaml.safe_load(EMBEDDED.read_text())
    file = ClusterFile(EMBEDDED, changed(embedded, ("provider", "module"), "no_such_package.Provider"), {})
    assert [(m.path, m.value) for m in rule_mistakes(file)] == [(("provider", "module"), "no_such_package.Provider")]


def test_shapes_that_the_provider_knows_must_be_said_in_the_settings(folder):
    """AWS finds out by itself what a node has; Spillover must know before there is one."""
    folder.change("resources: {CPU: 4}, node_config: {}, labels", "node_config: {}, labels", "clusters/small.yaml")
    assert folder.mistakes() == [
        "s.yaml:10: pools.onprem.node_types.worker.resources: is required: small.yaml does not say what such a node has"
    ]


def test_a_minimal_cluster_has_its_providers_node_types(folder):
    """Node types that only Ray's defaults name are known by their names."""
    folder.write("clusters/small.yaml", "cluster_name: m\nprovider: {type: aws, region: eu-west-1}\n")
    folder.change("worker: {market", "ray.worker.default: {resources: {CPU: 2}, market")
    assert folder.load().pools["onprem"].node_types["ray.worker.default"].max_nodes == 2
    folder.change("ray.worker.default", "worker")
    said = "worker: small.yaml has no such node type; it has ray.head.default, ray.worker.default"
    assert said in "\n".join(folder.mistakes())
