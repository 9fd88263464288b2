"""The local node provider and its command runner, with plain commands in place of Ray."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler.node_launch_exception import NodeLaunchException

from spillover.node import processes
from spillover.node.local import LocalNodeProvider, end_cluster
from spillover.node.local_layout import Layout
from spillover.node.local_runner import LocalCommandRunner

HEAD = {"ray-node-type": "head", "ray-user-node-type": "head"}
WORKER = {"ray-node-type": "worker", "ray-user-node-type": "worker"}


class Cluster:
    def __init__(self, root: Path, name: str = "c", **provider: Any) -> None:
        self.config = {"root": str(root), "port_base": 20000, "net": "127.0.77"} | provider
        self.layout = Layout.of(self.config, name)
        self.provider = LocalNodeProvider(self.config, name)

    def make(self, tags: dict[str, str], count: int = 1) -> list[str]:
        return list(self.provider.create_node({}, tags, count))

    def runner(self, node_id: str) -> LocalCommandRunner:
        return self.provider.get_command_runner("", node_id, {}, "c", subprocess, use_internal_ip=True)

    def running(self, node_id: str) -> list[int]:
        return [process.pid for process in processes.find([self.layout.node_mark(node_id)])]


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # pytest's own folders are too long for Ray's sockets; no Ray runs here
    monkeypatch.setattr("spillover.node.local_layout._SOCKET_PATH_MAX", 500)
    folder = tmp_path_factory.mktemp("r")
    yield folder
    for state in folder.glob("*.json"):
        end_cluster(folder, state.stem)


def test_each_node_has_its_own_address(root: Path) -> None:
    """The head has the first address of the network, workers have the next ones."""
    cluster = Cluster(root)
    [head], workers = cluster.make(HEAD), cluster.make(WORKER, 2)
    assert cluster.provider.internal_ip(head) == "127.0.77.1"
    assert [cluster.provider.external_ip(worker) for worker in workers] == ["127.0.77.2", "127.0.77.3"]


def test_nodes_are_found_by_tags_from_another_process(root: Path) -> None:
    """Another provider of the same cluster sees the nodes and their tags; one of another cluster does not."""
    cluster = Cluster(root)
    [head], [worker] = cluster.make(HEAD), cluster.make(WORKER)
    cluster.provider.set_node_tags(worker, {"ray-node-status": "up-to-date"})
    twin = Cluster(root).provider
    assert twin.non_terminated_nodes({}) == [head, worker]
    assert twin.non_terminated_nodes({"ray-node-status": "up-to-date"}) == [worker]
    assert Cluster(root, "other").provider.non_terminated_nodes({}) == []


def test_capacity_is_an_end(root: Path) -> None:
    """Beyond its capacity the provider makes what fits and says InsufficientCapacity; the head does not count."""
    cluster = Cluster(root, capacity=1)
    cluster.make(HEAD)
    with pytest.raises(NodeLaunchException, match="1 of 2") as caught:
        cluster.make(WORKER, 2)
    assert caught.value.category == "InsufficientCapacity"
    [worker] = cluster.provider.non_terminated_nodes(WORKER)
    cluster.provider.terminate_node(worker)
    assert len(cluster.make(WORKER)) == 1


def test_a_booting_node_is_there_but_not_running(root: Path) -> None:
    """Until its boot delay has passed a node is listed, and not yet running."""
    cluster = Cluster(root, boot_delay_s=3600)
    [head] = cluster.make(HEAD)
    assert cluster.provider.non_terminated_nodes({}) == [head]
    assert not cluster.provider.is_running(head)
    assert not cluster.provider.is_terminated(head)


def test_terminate_ends_the_nodes_own_processes_alone(root: Path) -> None:
    """Ending a node ends what runs on it and nothing of its neighbour, and a second time is no error."""
    cluster = Cluster(root)
    [head], [worker] = cluster.make(HEAD), cluster.make(WORKER)
    for node in (head, worker):
        cluster.runner(node).run("sleep 300 &")
    cluster.provider.terminate_node(worker)
    cluster.provider.terminate_node(worker)
    assert cluster.running(worker) == []
    assert len(cluster.running(head)) == 1
    assert cluster.provider.is_terminated(worker)
    assert cluster.provider.non_terminated_nodes({}) == [head]


def test_a_node_that_will_not_end_stays_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node counts as gone only when its processes are."""
    cluster = Cluster(root)
    [head] = cluster.make(HEAD)
    with monkeypatch.context() as patch:
        patch.setattr(processes, "end", lambda _: [4242])
        with pytest.raises(RuntimeError, match="4242"):
            cluster.provider.terminate_node(head)
    assert cluster.provider.non_terminated_nodes({}) == [head]
    assert not cluster.provider.is_running(head)


def test_a_dead_node_is_listed_until_terminated(root: Path) -> None:
    """A node on which nothing runs any more is still listed: only terminating it makes it gone."""
    cluster = Cluster(root)
    [head] = cluster.make(HEAD)
    cluster.runner(head).run("true")
    assert cluster.provider.non_terminated_nodes({}) == [head]
    cluster.provider.terminate_nodes([head])
    assert cluster.provider.non_terminated_nodes({}) == []


def test_end_cluster_ends_what_no_state_file_knows(root: Path) -> None:
    """Processes of a crashed launch are ended by the cluster's mark, and its token is forgotten."""
    cluster = Cluster(root)
    [head] = cluster.make(HEAD)
    cluster.runner(head).run("sleep 300 &")
    cluster.layout.state_file.unlink()
    end_cluster(root, "c")
    assert cluster.running(head) == []
    assert not cluster.layout.token_file.exists()


def test_ray_stop_stays_on_its_node(root: Path) -> None:
    """`ray stop` ends the node's own processes and never runs; hidden in a longer command it is refused."""
    cluster = Cluster(root)
    [head], [worker] = cluster.make(HEAD), cluster.make(WORKER)
    for node in (head, worker):
        cluster.runner(node).run("sleep 300 &")
    cluster.runner(worker).run("export RAY_HEAD_IP=127.0.77.1; ray stop")
    assert cluster.running(worker) == []
    assert len(cluster.running(head)) == 1
    with pytest.raises(ValueError, match="every Ray on this machine"):
        cluster.runner(worker).run("ray stop; ray start --head")


def test_ray_stop_on_the_head_takes_the_workers_along(root: Path) -> None:
    """Workers of a stopped head are of no use: they end with it, and their nodes stay listed until terminated."""
    cluster = Cluster(root)
    [head], [worker] = cluster.make(HEAD), cluster.make(WORKER)
    cluster.runner(worker).run("sleep 300 &")
    cluster.runner(head).run("ray stop")
    assert cluster.running(worker) == []
    assert cluster.provider.non_terminated_nodes({}) == [head, worker]


def test_commands_run_at_home(root: Path) -> None:
    """A command sees its node's HOME, address and ports, and what Ray hands over, dicts as JSON."""
    cluster = Cluster(root)
    [head] = cluster.make(HEAD)
    given = {"RAY_OVERRIDE_LABELS": {"a": "b"}}
    command = 'echo "$HOME $PWD $SPILLOVER_NODE_IP $SPILLOVER_GCS_PORT $RAY_OVERRIDE_LABELS"'
    said = cluster.runner(head).run(command, with_output=True, environment_variables=given)
    home = str(cluster.layout.node_dir(head))
    assert said.decode().split(maxsplit=4) == [home, home, "127.0.77.1", "20000", '{"a": "b"}\n']


def test_a_command_that_fails_brings_its_last_words(root: Path) -> None:
    """The error of a failed command holds the end of its log."""
    cluster = Cluster(root)
    [head] = cluster.make(HEAD)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        cluster.runner(head).run("echo no luck; exit 3")
    assert caught.value.returncode == 3
    assert caught.value.stderr == "no luck\n"


def test_files_go_to_the_nodes_home(root: Path, tmp_path: Path) -> None:
    """`~` in a target is the node's HOME."""
    cluster = Cluster(root)
    [head] = cluster.make(HEAD)
    (tmp_path / "a").write_text("x")
    cluster.runner(head).run_rsync_up(str(tmp_path / "a"), "~/b/c")
    assert (cluster.layout.node_dir(head) / "b" / "c").read_text() == "x"


def test_a_first_head_starts_afresh(root: Path) -> None:
    """A new head finds neither the folders nor the token of a cluster that was folded before it."""
    cluster = Cluster(root)
    [old] = cluster.make(HEAD)
    token = cluster.layout.token_file.read_text()
    cluster.provider.terminate_node(old)
    cluster.provider.cleanup_cluster_resources()
    cluster.make(HEAD)
    assert not cluster.layout.node_dir(old).exists()
    assert cluster.layout.token_file.read_text() != token


def test_the_root_is_fixed_before_it_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in the root means the launcher's home, on the head too."""
    monkeypatch.setenv("HOME", "/tmp/me")
    config = {"cluster_name": "c", "provider": {"root": "~/lp", "port_base": 20000}}
    assert LocalNodeProvider.bootstrap_config(config)["provider"]["root"] == "/tmp/me/lp"
