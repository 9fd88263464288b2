"""The program that falls back to other node types where the cloud lacks capacity for one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from spillover.node.capacity import Caps, ConfigFile, Dashboard, failures, keep, there

STATUS = """======== Autoscaler status: 2026-11-25 16:54:48.145178 ========
Node status
---------------------------------------------------------------
Active:
 2 spot
Idle:
 1 head
 1 spot
Pending:
 spot, 3 launching
 i-0c12: on-demand, setting-up
 i-0c13: spot, waiting-for-ssh
Recent failures:
{failures}

Resources
---------------------------------------------------------------
Total Usage:
 1.0/4.0 CPU
Pending Demands:
 {{'CPU': 1.0}}: 1+ pending tasks/actors"""
MOST = {"spot": 8, "on-demand": 4}


def status(*failed: tuple[str, str]) -> str:
    lines = [f" {name}: LaunchFailed (latest_attempt: {at})" for name, at in failed]
    return STATUS.format(failures="\n".join(lines) or " (no failures)")


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_rays_own_text_is_read() -> None:
    """Nodes that are up or being set up are counted by type, launches that are only asked for are not."""
    assert there(status()) == {"spot": 4, "head": 1, "on-demand": 1}
    assert failures(status(("spot", "16:54:42"), ("spot", "16:54:37"))) == {("spot", "16:54:42"), ("spot", "16:54:37")}


def test_a_type_that_failed_is_held_at_what_there_is_and_given_back() -> None:
    """Its cap falls to the nodes that it has, so that none is ended; after 30 s it may be tried again."""
    clock = Hand()
    caps = Caps(MOST, clock)
    assert caps.look(status()) == MOST
    assert caps.look(status(("spot", "16:54:42"))) == {"spot": 4, "on-demand": 4}
    clock.at += 29
    assert caps.look(status(("spot", "16:54:42"))) == {"spot": 4, "on-demand": 4}
    clock.at += 2
    assert caps.look(status(("spot", "16:54:42"))) == MOST


def test_a_type_that_fails_again_is_held_back_twice_as_long() -> None:
    """30 s, then 60, and no longer than ten minutes; after a good while it begins anew."""
    clock, lengths = Hand(), []
    caps = Caps(MOST, clock)
    for turn in range(8):
        began = clock.at
        text = status(("spot", f"16:54:{turn:02d}"))
        while caps.look(text)["spot"] == 4:
            clock.at += 1
        lengths.append(clock.at - began)
    assert lengths == [30, 60, 120, 240, 480, 600, 600, 600]
    clock.at += 3600
    assert caps.look(status(("spot", "18:00:00")))["spot"] == 4
    clock.at += 31
    assert caps.look(status())["spot"] == 8


def test_types_of_others_and_the_head_are_left_alone() -> None:
    """A failure of a type that the lease does not know changes nothing."""
    assert Caps(MOST, Hand()).look(status(("head", "16:00:00"), ("other", "16:00:00"))) == MOST


def config(folder: Path) -> ConfigFile:
    path = folder / "ray_bootstrap_config.yaml"
    types = {
        "head": {"resources": {"CPU": 0}},
        "spot": {"max_workers": 8, "min_workers": 2, "node_config": {"InstanceType": "m5.large"}},
        "on-demand": {"node_config": {}},
    }
    path.write_text(json.dumps({"max_workers": 4, "head_node_type": "head", "available_node_types": types}))
    return ConfigFile(path)


def test_only_caps_are_written_and_the_first_ones_are_kept(tmp_path: Path) -> None:
    """Everything else in the autoscaler's file stays, and a restart knows the caps of the lease, not those of today."""
    file = config(tmp_path)
    assert file.most() == MOST
    assert file.write({"spot": 1, "on-demand": 4})
    assert not file.write({"spot": 1, "on-demand": 4})
    written = json.loads((tmp_path / "ray_bootstrap_config.yaml").read_text())
    assert written["available_node_types"]["spot"] == {
        "max_workers": 1,
        "min_workers": 1,
        "node_config": {"InstanceType": "m5.large"},
    }
    assert ConfigFile(tmp_path / "ray_bootstrap_config.yaml").most() == MOST
    assert (tmp_path / "ray_bootstrap_config.yaml").stat().st_mode & 0o077 == 0


@contextmanager
def dashboard(text: str, token: str) -> Iterator[str]:
    """A real HTTP server that answers as Ray's dashboard does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/cluster_status?format=1"
            allowed = self.headers.get("Authorization") == f"Bearer {token}"
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"result": True, "data": {"clusterStatus": text}}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_loop_lowers_the_cap_of_a_type_that_failed(tmp_path: Path) -> None:
    """From the dashboard's answer, with the cluster's token, to the autoscaler's file; an error ends nothing."""
    file, token = config(tmp_path), tmp_path / "auth_token"
    turns: list[Callable[[], None]] = [lambda: None, lambda: token.write_text("secret\n") and None, lambda: None]

    def sleep(_: float) -> None:
        if not turns:
            raise KeyboardInterrupt
        turns.pop(0)()

    with dashboard(status(("spot", "16:54:42")), "secret") as url, pytest.raises(KeyboardInterrupt):
        keep(file, Dashboard(url, token).status, sleep, Hand())
    written = json.loads((tmp_path / "ray_bootstrap_config.yaml").read_text())
    assert written["available_node_types"]["spot"]["max_workers"] == 4
