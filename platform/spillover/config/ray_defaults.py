"""What `ray up` makes of a cluster YAML before it checks it (ray.autoscaler._private.util.prepare_config).

Ray itself is not imported: that takes longer than all other checks together.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from .positions import mapping

# Ray's own names of providers (ray.autoscaler._private.providers).
PROVIDERS = (
    "local", "fake_multinode", "fake_multinode_docker", "readonly", "aws", "gcp", "vsphere", "azure", "kuberay",
    "aliyun", "external", "spark",
)  # fmt: skip

LEGACY = ("head_node", "worker_nodes")

_LOCAL_TYPE = "local.cluster.node"

# Providers that find out by themselves what a node has, where the YAML does not say.
_KNOW_RESOURCES = ("aws", "gcp")

_EXTERNAL: dict[str, Any] = {
    "available_node_types": {"ray.head.default": {}, "ray.worker.default": {}},
    "head_node_type": "ray.head.default",
}


def autoscaler_folder() -> Path:
    """Where Ray keeps its launcher's data, without importing it."""
    spec = find_spec("ray")
    assert spec is not None  # noqa: S101  # we depend on it
    return Path((spec.submodule_search_locations or [""])[0]) / "autoscaler"


def as_ray_takes_it(tree: dict[str, Any]) -> dict[str, Any]:
    """The cluster with its provider's defaults. Whatever is malformed is left as it is."""
    kind = mapping(tree.get("provider")).get("type")
    filled = {"auth": {}, **deepcopy(_defaults(kind if isinstance(kind, str) else "")), **deepcopy(tree)}
    filled.pop("min_workers", None)
    for key in LEGACY:
        if not filled.get(key, True):
            del filled[key]
    if kind == "local":
        filled |= _local(filled)
    if kind in _KNOW_RESOURCES:
        for node_type in mapping(filled.get("available_node_types")).values():
            mapping(node_type).setdefault("resources", {})
    return filled


@cache
def _defaults(kind: str) -> dict[str, Any]:
    if kind == "external":
        return _EXTERNAL
    file = autoscaler_folder() / kind / "defaults.yaml"
    return mapping(yaml.safe_load(file.read_text())) if kind in PROVIDERS and file.is_file() else {}


def _local(filled: dict[str, Any]) -> dict[str, Any]:
    """Machines that are named one by one have a node type that Ray makes up."""
    workers = mapping(filled.get("provider")).get("worker_ips")
    count = filled.get("max_workers", len(workers) if isinstance(workers, list) else 0)
    named = {"node_config": {}, "resources": {}, "max_workers": count}
    return {"available_node_types": {_LOCAL_TYPE: named}, "head_node_type": _LOCAL_TYPE, "max_workers": count}
