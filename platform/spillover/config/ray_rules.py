"""What `ray up` dies of besides its schema, and what its autoscaler dies of on the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .cluster_file import ClusterFile
from .mistakes import Mistake, nearest
from .positions import mapping
from .ray_defaults import PROVIDERS

# Ray reads them without looking whether they are there. Its own providers' defaults have them all.
_READ_UNASKED = {
    "max_workers": "0 or more",
    "file_mounts": "{}",
    "cluster_synced_files": "[]",
    "initialization_commands": "[]",
    "setup_commands": "[]",
    "head_setup_commands": "[]",
    "worker_setup_commands": "[]",
    "head_start_ray_commands": "how to start Ray on the head",
}


def rule_mistakes(file: ClusterFile) -> Iterator[Mistake]:
    """What the schema lets pass and `ray up` does not."""
    for path, line in file.twice:
        yield file.mistake(path, f"is written twice, here and in line {line}; Ray takes the last", warning=True)
    yield from _provider(file, mapping(file.tree.get("provider")))
    yield from _missing(file)
    yield from _head(file)
    yield from _workers(file)
    yield from _docker(file, mapping(file.filled.get("docker")))
    yield from _local_files(file)


def _provider(file: ClusterFile, provider: Mapping[str, Any]) -> Iterator[Mistake]:
    kind, module = provider.get("type"), provider.get("module")
    if isinstance(kind, str) and kind not in PROVIDERS:
        meant = nearest(kind, PROVIDERS)
        text = "Ray has no such provider" + ("" if meant else f"; it has {', '.join(PROVIDERS)}")
        yield file.mistake(("provider", "type"), text, kind, meant=meant)
    if kind == "external" and module is None:
        yield file.mistake(("provider", "module"), "is required for an external provider: package.module.Class")
    if kind == "external" and isinstance(module, str) and not _is_here(module):
        yield file.mistake(("provider", "module"), "cannot be imported here: write package.module.Class", module)
    if kind == "local":
        yield from _named_machines(file, provider)


def _is_here(module: str) -> bool:
    package, dot, _ = module.partition(".")
    # The package alone: to look for what is in it would run its code
    return bool(package and dot) and find_spec(package) is not None


def _named_machines(file: ClusterFile, provider: Mapping[str, Any]) -> Iterator[Mistake]:
    if "available_node_types" in file.tree:
        yield file.mistake(("available_node_types",), "Ray has no node types for provider 'local': leave it out")
    if "coordinator_address" in provider:
        return
    for key, what in (("head_ip", "the head's address"), ("worker_ips", "the workers' addresses, [] for none")):
        if key not in provider:
            yield file.mistake(("provider", key), f"is required for provider 'local': {what}")


def _missing(file: ClusterFile) -> Iterator[Mistake]:
    if mapping(file.tree.get("provider")).get("type") not in PROVIDERS:
        return
    for key, what in _READ_UNASKED.items():
        if key not in file.filled:
            yield file.mistake((key,), f"is required: {what}")


def _head(file: ClusterFile) -> Iterator[Mistake]:
    head, path = file.filled.get("head_node_type"), ("head_node_type",)
    if head is None and file.node_types:
        yield file.mistake(path, "is required: which of 'available_node_types' the head is")
    elif isinstance(head, str) and head not in file.node_types:
        text = "is none of 'available_node_types'" + ("" if file.head_type else f"; they are {_names(file)}")
        yield file.mistake(path, text, head, meant=file.head_type)


def _workers(file: ClusterFile) -> Iterator[Mistake]:
    fewest = {name: _count(mapping(t).get("min_workers"), 0) for name, t in file.node_types.items()}
    for name, least in fewest.items():
        path = ("available_node_types", str(name), "min_workers")
        most = mapping(file.node_types[name]).get("max_workers")
        if least < 0:
            yield file.mistake(path, "must be 0 or more", least)
        if isinstance(most, int) and least > most:
            yield file.mistake(path, f"is more than the type's max_workers, {most}", least)
    whole = file.filled.get("max_workers")
    if isinstance(whole, int) and sum(fewest.values()) > whole >= 0:
        yield file.mistake(("max_workers",), f"is less than the sum of all min_workers, {sum(fewest.values())}", whole)


def _docker(file: ClusterFile, docker: Mapping[str, Any]) -> Iterator[Mistake]:
    image = docker.get("image") or (docker.get("head_image") and docker.get("worker_image"))
    if bool(image) != bool(docker.get("container_name")):
        missing = "container_name" if image else "image"
        yield file.mistake(("docker", missing), "is required: 'image' and 'container_name' go together")


def _local_files(file: ClusterFile) -> Iterator[Mistake]:
    """Files of this machine. Where `ray up` will run is unknown, so names that start from there are left alone."""
    named = {("file_mounts", str(remote)): name for remote, name in mapping(file.tree.get("file_mounts")).items()}
    named["auth", "ssh_private_key"] = mapping(file.tree.get("auth")).get("ssh_private_key")
    for path, name in named.items():
        if isinstance(name, str) and name.startswith(("/", "~")) and not Path(name).expanduser().exists():
            yield file.mistake(path, "there is no such file", name)


def _names(file: ClusterFile) -> str:
    return ", ".join(f"'{name}'" for name in file.node_types) or "none"


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default
