"""Ports, folders, tokens and the environment of local nodes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from spillover.node.local_layout import PORTS, PORTS_PER_CLUSTER, Layout

EMBEDDED = Path(__file__).parents[3] / "clusters" / "embedded.yaml"


def layout(root: object = "/tmp/sp", cluster: str = "c", **provider: Any) -> Layout:
    return Layout.of({"root": str(root), "port_base": 20000} | provider, cluster)


def test_ports_are_distinct_and_inside_the_block() -> None:
    """Every port of a cluster is its own, and blocks that lie side by side do not overlap."""
    ports = sorted(layout().ports().values())
    assert len(set(ports)) == len(ports) == len(PORTS)
    assert ports[0] == 20000
    assert ports[-1] < 20000 + PORTS_PER_CLUSTER
    assert ports[-1] < min(layout(port_base=20400).ports().values())


def test_the_worker_range_holds_no_other_port() -> None:
    """No port that is set lies in the range that Ray gives to worker processes."""
    ports = layout().ports()
    low, high = ports.pop("SPILLOVER_MIN_WORKER_PORT"), ports.pop("SPILLOVER_MAX_WORKER_PORT")
    assert low < high
    assert not any(low <= port <= high for port in ports.values())


def test_the_cluster_file_uses_every_port_and_no_literal_one() -> None:
    """clusters/embedded.yaml takes all its ports from the provider; Serve is told of its own when it is started there."""
    config = yaml.safe_load(EMBEDDED.read_text())
    commands = " ".join(config["head_start_ray_commands"] + config["worker_start_ray_commands"])
    assert [name for name in PORTS if f"${name}" not in commands] == ["SPILLOVER_SERVE_PORT"]
    flags = [word for word in commands.split() if "port=" in word and word.startswith("--")]
    assert [word for word in flags if "=$SPILLOVER_" not in word and not word.endswith("=0")] == []


@pytest.mark.parametrize(
    ("provider", "cluster", "reason"),
    [
        ({"port_base": 80}, "c", "port_base 80"),
        ({"port_base": 65500}, "c", "port_base 65500"),
        ({"net": "10.0.0"}, "c", "provider.net '10.0.0'"),
        ({}, "a/b", "cluster_name 'a/b'"),
        ({"root": "/tmp/" + "x" * 60}, "c", "characters too long"),
    ],
)
def test_what_cannot_work_is_refused(provider: dict[str, Any], cluster: str, reason: str) -> None:
    """A provider section that would fail later in Ray is refused with the value in the message."""
    with pytest.raises(ValueError, match=reason):
        layout(cluster=cluster, **provider)


def test_nodes_do_not_see_the_launchers_secrets() -> None:
    """Of the launcher's environment a node gets PATH and the like, and what the YAML names, no more."""
    outside = {"PATH": "/bin", "DATABASE_URL": "postgres://secret", "RAY_AUTH_TOKEN": "other", "MINE": "1"}
    inside = layout().environment("n1", "127.0.11.2", outside, frozenset({"MINE"}))
    assert inside.keys().isdisjoint({"DATABASE_URL", "RAY_AUTH_TOKEN"})
    assert inside["PATH"].endswith(":/bin")
    assert inside["MINE"] == "1"


def test_every_node_has_its_home_and_the_clusters_token() -> None:
    """A node's HOME is its own folder, and Ray finds the token by its path, never by value."""
    inside = layout().environment("n1", "127.0.11.2", {}, frozenset())
    assert inside["HOME"] == "/tmp/sp/c/n1"
    assert (inside["RAY_AUTH_MODE"], inside["RAY_AUTH_TOKEN_PATH"]) == ("token", "/tmp/sp/c.token")


def test_a_relative_pythonpath_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head imports the provider from where the launcher did, though it works in another folder."""
    monkeypatch.chdir(tmp_path)
    inside = layout().environment("n1", "127.0.11.2", {"PYTHONPATH": "platform:/abs"}, frozenset())
    assert inside["PYTHONPATH"] == f"{tmp_path}/platform:/abs"


def test_a_token_is_private_and_made_once(tmp_path: Path) -> None:
    """The token is readable by its owner alone, and a second call keeps it."""
    place = Layout(tmp_path, "c", 20000, "127.0.11")
    place.make_token()
    token = place.token_file.read_text()
    place.make_token()
    assert place.token_file.read_text() == token
    assert len(token) == 64
    assert place.token_file.stat().st_mode & 0o777 == 0o600
