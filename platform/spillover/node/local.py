"""Clusters without machines: a Ray NodeProvider whose nodes are groups of processes on this machine.

Used from a cluster YAML, with a plain `ray up`:

    provider:
      type: external
      module: spillover.node.local.LocalNodeProvider
      root: ~/.spillover         # state, tokens, node folders. With cluster_name 36 characters at most, for sockets
      port_base: 31000           # this and the next 399 ports are the cluster's, below the ephemeral range
      net: "127.0.11"            # one loopback address a node; another network for another cluster
      capacity: 3                # optional: most workers, then InsufficientCapacity
      boot_delay_s: 0            # optional: how long a node takes to boot
      pass_env: []               # optional: variables of the launcher that nodes may see, besides PATH and the like
"""

# ruff: noqa: FBT001 -- the signatures are Ray's
import copy
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from ray.autoscaler.node_launch_exception import NodeLaunchException
from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND

from spillover.node import processes
from spillover.node.local_layout import DEFAULT_NET, Layout
from spillover.node.local_runner import LocalCommandRunner
from spillover.node.local_state import ENDING, RUNNING, TERMINATED, LocalNode, StateFile


class LocalNodeProvider(NodeProvider):  # type: ignore[misc]  # Ray has no types
    """State lies in a file, because `ray up`, the head's autoscaler and `ray down` are three processes."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self._layout = Layout.of(provider_config, cluster_name)
        self._layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = StateFile(self._layout.state_file)
        self._capacity: int | None = provider_config.get("capacity")
        self._boot_delay_s = float(provider_config.get("boot_delay_s", 0))
        self._pass_env = frozenset(provider_config.get("pass_env", ()))

    # -- what is there --------------------------------------------------------------------------

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        """Nodes that were made and whose processes have not been ended by us, dead ones included."""
        return [i for i, node in self._file.read().items() if node.there and node.matches(tag_filters)]

    def is_running(self, node_id: str) -> bool:
        node = self._file.read().get(node_id)
        return node is not None and node.state == RUNNING and time.time() >= node.ready_at

    def is_terminated(self, node_id: str) -> bool:
        node = self._file.read().get(node_id)
        return node is None or not node.there

    def node_tags(self, node_id: str) -> dict[str, str]:
        node = self._file.read().get(node_id)
        return node.tags if node else {}

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        with self._file.change() as nodes:
            if node_id in nodes:
                nodes[node_id].tags.update(tags)

    def external_ip(self, node_id: str) -> str:
        return self._file.read()[node_id].ip

    def internal_ip(self, node_id: str) -> str:
        return self.external_ip(node_id)

    # -- make and end ---------------------------------------------------------------------------

    def create_node(self, node_config: dict[str, Any], tags: dict[str, str], count: int) -> dict[str, Any]:
        """Note the nodes as there before anything of them runs; Ray's start commands come later."""
        is_head = tags.get(TAG_RAY_NODE_KIND) == NODE_KIND_HEAD
        with self._file.change() as nodes:
            if is_head:
                self._start_afresh(nodes)
            made = [self._add(nodes, tags, is_head=is_head) for _ in range(self._room(nodes, count, is_head=is_head))]
        if len(made) < count:
            # What fits stays: Ray takes it into use, and asks again for the rest
            raise NodeLaunchException(
                "InsufficientCapacity", f"{len(made)} of {count}: capacity {self._capacity}", None
            )
        return {node_id: {"ip": nodes[node_id].ip} for node_id in made}

    def terminate_node(self, node_id: str) -> None:
        self.terminate_nodes([node_id])

    def terminate_nodes(self, node_ids: list[str]) -> None:
        """End them all at once. A node whose processes would not go stays listed, and this raises."""
        with self._file.change() as nodes:
            going = [i for i in node_ids if i in nodes and nodes[i].there]
            for node_id in going:
                nodes[node_id].state = ENDING
        left = processes.end([self._layout.node_mark(i) for i in going])
        if left:
            raise RuntimeError(f"processes {left} of nodes {going} would not end")
        with self._file.change() as nodes:
            for node_id in going:
                nodes[node_id].state = TERMINATED

    def cleanup_cluster_resources(self) -> None:
        """`ray down` calls this last."""
        end_cluster(self._layout.root, self.cluster_name)

    # -- for Ray --------------------------------------------------------------------------------

    def get_command_runner(
        self,
        log_prefix: str,
        node_id: str,
        auth_config: dict[str, Any],
        cluster_name: str,
        process_runner: object,
        use_internal_ip: bool,
        docker_config: dict[str, Any] | None = None,
    ) -> LocalCommandRunner:
        return LocalCommandRunner(self._layout, node_id, self._file.read()[node_id], self._pass_env)

    @staticmethod
    def bootstrap_config(cluster_config: dict[str, Any]) -> dict[str, Any]:
        """Fix the root now: the head has another HOME, so `~` would mean another folder there."""
        config = copy.deepcopy(cluster_config)
        config["provider"]["root"] = str(Layout.of(config["provider"], config["cluster_name"]).root)
        return config

    # -- inner ----------------------------------------------------------------------------------

    def _start_afresh(self, nodes: dict[str, LocalNode]) -> None:
        """A first head finds no logs, homes or processes of clusters that had this name before."""
        if not any(node.there for node in nodes.values()):
            _end_all(self._layout)
            nodes.clear()
            shutil.rmtree(self._layout.folder, ignore_errors=True)
        self._layout.make_token()

    def _room(self, nodes: dict[str, LocalNode], count: int, *, is_head: bool) -> int:
        if is_head or self._capacity is None:
            return count
        workers = sum(node.there and not node.is_head for node in nodes.values())
        room: int = self._capacity - workers
        return max(0, min(count, room))

    def _add(self, nodes: dict[str, LocalNode], tags: dict[str, str], *, is_head: bool) -> str:
        node_id = f"n{secrets.token_hex(4)}"
        self._layout.tmp_dir(node_id).mkdir(mode=0o700, parents=True)
        now = time.time()
        ip = self._free_ip(nodes, is_head=is_head)
        nodes[node_id] = LocalNode(ip, dict(tags), RUNNING, now, now + self._boot_delay_s)
        return node_id

    def _free_ip(self, nodes: dict[str, LocalNode], *, is_head: bool) -> str:
        used = {node.ip for node in nodes.values() if node.there}
        # The first address is kept for the head, so that callers know where it will be
        wanted = range(1, 2) if is_head else range(2, 255)
        free = [ip for k in wanted if (ip := f"{self._layout.net}.{k}") not in used]
        if not free:
            raise NodeLaunchException("NoFreeAddress", f"every address of {self._layout.net}.0/24 is in use", None)
        return free[0]


def end_cluster(root: Path, cluster_name: str) -> None:
    """End whatever is left of a cluster, nodes and stale processes of a crashed launch alike, and forget its token."""
    layout = Layout.of({"root": root, "port_base": 1024, "net": DEFAULT_NET}, cluster_name)
    _end_all(layout)
    if layout.state_file.exists():
        with StateFile(layout.state_file).change() as nodes:
            for node in nodes.values():
                node.state = TERMINATED
    layout.token_file.unlink(missing_ok=True)


def _end_all(layout: Layout) -> None:
    left = processes.end([layout.mark])
    if left:
        raise RuntimeError(f"processes {left} of cluster {layout.cluster} would not end")
