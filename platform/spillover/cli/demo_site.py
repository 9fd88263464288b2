"""Where a demo lives: its folder, its two cluster YAMLs, its settings, and whether anything of it still runs."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import SpilloverError
from ..node import processes
from ..node.local_layout import Layout
from ..node.processes import Mark

ONPREM, CLOUD = "onprem", "cloud"
NAMES = (ONPREM, CLOUD)
DEMO_MARK = "SPILLOVER_DEMO_DIR"  # every process that a demo starts carries it, or its cluster's own mark
PRICES = {ONPREM: 12.0, CLOUD: 30.0}
PRICES_SAY = "Prices are illustrative: each 2-CPU worker is priced like an 8-GPU node"
TEAMS = {"search": True, "vision": True, "speech": False}
RULES = ("2 jobs older than 10s", "1 job older than 40s")
_STARTUP = "20s"


@dataclass(frozen=True)
class Block:
    """What one cluster has to itself."""

    port_base: int
    net: str


@dataclass(frozen=True)
class Site:
    """One demo's place."""

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "spillover.yaml"

    @property
    def state_dir(self) -> Path:
        return self.root / "state"

    def cluster_file(self, name: str) -> Path:
        return self.root / f"{name}.yaml"

    def home(self, user: str) -> Path:
        """A user's own HOME: only the token is there."""
        return self.root / "home" / user

    @property
    def mark(self) -> Mark:
        return Mark(DEMO_MARK, self.root)

    def marks(self) -> list[Mark]:
        """What every process of this demo carries one of."""
        clusters = [Layout.of({"root": self.root, "port_base": 1024}, name).mark for name in NAMES]
        return [self.mark, *clusters]


def prepare(site: Site, template: Path, blocks: Mapping[str, Block]) -> None:
    """Write the cluster YAMLs and the settings."""
    site.root.mkdir(mode=0o700, exist_ok=True)
    cluster = read_template(template)
    for name in NAMES:
        _write(site.cluster_file(name), cluster_config(cluster, name, site.root, blocks[name]))
    _write(site.settings_file, settings_tree(site))


def read_template(path: Path) -> dict[str, Any]:
    """`clusters/embedded.yaml`. Raises SpilloverError if it is not there or is something else."""
    try:
        cluster = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SpilloverError(
            f"{path} cannot be read ({error.strerror}). Run the demo in a checkout of Spillover, or say "
            "--clusters DIR and --jobs DIR."
        ) from None
    if not isinstance(cluster, dict) or "worker" not in cluster.get("available_node_types", {}):
        raise SpilloverError(f"{path} is not the embedded cluster's YAML: it has no node type 'worker'")
    return cluster


def cluster_config(template: Mapping[str, Any], name: str, root: Path, block: Block) -> dict[str, Any]:
    """The embedded cluster, moved to its own folder, ports and addresses, with one worker of two CPUs at most."""
    config: dict[str, Any] = copy.deepcopy(dict(template))
    config["cluster_name"] = name
    config["provider"].update(root=str(root), port_base=block.port_base, net=block.net)
    config["max_workers"] = 1
    worker = config["available_node_types"]["worker"]
    worker["max_workers"] = 1
    worker["min_workers"] = 1 if name == ONPREM else 0
    worker.setdefault("resources", {})["CPU"] = 2
    worker["labels"] = {**worker.get("labels", {}), "spillover.dev/market": _market(name)}
    return config


def settings_tree(site: Site) -> dict[str, Any]:
    """`spillover.yaml` for the demo: short times, so that a few minutes show what otherwise takes a day."""
    return {
        "state_dir": str(site.state_dir),
        "listen": {"host": "127.0.0.1", "port": 0},
        "policy": {"name": "threshold", "rules": list(RULES)},
        "defaults": {"demand": "2x{CPU:1}", "runtime": "30s"},
        "teams": {"default": {"may_burst": False}, **{name: {"may_burst": may} for name, may in TEAMS.items()}},
        "tick": 0.5,
        "metering_interval": "5s",
        "pools": {name: _pool(site, name) for name in NAMES},
    }


def _pool(site: Site, name: str) -> dict[str, Any]:
    return {
        "kind": "launched",
        "role": "baseline" if name == ONPREM else "burst",
        "cluster": str(site.cluster_file(name)),
        "region": "here" if name == ONPREM else "far-away",
        "startup": _STARTUP,
        "idle_timeout": "8s",
        "lease": "15min",
        "max_drivers": 4,
        "head_price_usd_per_hour": 0 if name == ONPREM else 0.5,
        "node_types": {"worker": {"market": _market(name), "price_usd_per_hour": PRICES[name]}},
    }


def _market(name: str) -> str:
    return "owned" if name == ONPREM else "spot"


def _write(path: Path, tree: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(tree), sort_keys=False, width=1000))


def still_there(site: Site) -> list[str]:
    """What of the demo still runs, a line each: nodes that the provider lists, processes that carry its marks."""
    from ..node.local import LocalNodeProvider

    found = []
    for name in NAMES:
        if site.cluster_file(name).exists():
            cluster = yaml.safe_load(site.cluster_file(name).read_text())
            provider = LocalNodeProvider(cluster["provider"], name)
            found += [f"node {node} of {name}" for node in provider.non_terminated_nodes({})]
    return found + [f"process {p.pid} ({p.name})" for p in processes.find(site.marks())]


def end_site(site: Site, *, keep: bool = False) -> list[str]:
    """End whatever is left of a demo and remove its folder. Returns what would not go; then, too, the folder stays."""
    if not site.root.exists():
        return []
    from ..node.local import end_cluster

    left: list[str] = [f"process {pid}" for pid in processes.end([site.mark])]
    for name in NAMES:
        try:
            end_cluster(site.root, name)
        except RuntimeError as error:
            left.append(str(error))
    if not left and not keep:
        shutil.rmtree(site.root, ignore_errors=True)
    return left


def blocks_of(bases: Sequence[int], nets: Sequence[str]) -> dict[str, Block]:
    """A block a cluster."""
    return {name: Block(base, net) for name, base, net in zip(NAMES, bases, nets, strict=True)}
