"""The program that drains a node when its machine is about to end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_imds import FakeImds, fake_imds

from spillover.node import notices
from spillover.node.notices import Ending, LeaseEnd, Poller, RayDrain, SpotNotice, environment_for_ray

WALL = 1_764_000_000.0  # 2025-11-24T16:00:00Z
NODE = "a1" * 28


class Bench:
    """A poller on a clock that moves only when it sleeps. `plan` says what happens at which second."""

    def __init__(self, *sources: Callable[[], Ending | None], refusals: int = 0, sleeps_at_most: int = 1000) -> None:
        self.now = 500.0
        self.plan: dict[int, Callable[[], None]] = {}
        self.asked: list[tuple[float, str, int]] = []
        self._refusals = refusals
        self._sleeps_left = sleeps_at_most
        self._sources = sources

    def run(self) -> list[tuple[float, str, int]]:
        """What Ray was asked: after how many seconds, with which reason and deadline."""
        Poller(self._sources, self._drain, lambda: self.now, self._sleep).run()
        return self.asked

    def _drain(self, reason: str, left_s: int) -> bool:
        self.asked.append((self.now - 500, reason, left_s))
        return len(self.asked) > self._refusals

    def _sleep(self, seconds: float) -> None:
        self._sleeps_left -= 1
        if not self._sleeps_left:
            raise EOFError
        self.now += seconds
        if action := self.plan.pop(round(self.now - 500), None):
            action()


@pytest.fixture
def imds() -> Iterator[FakeImds]:
    with fake_imds() as server:
        server.wall = WALL
        yield server


def publish(file: Path, ends: float, set_at: float) -> Callable[[], object]:
    return lambda: file.write_text(json.dumps({"ends": ends, "set_at": set_at}))


def test_a_spot_notice_drains_the_node_once(imds: FakeImds) -> None:
    """The notice's time becomes the deadline, by the metadata service's clock, and one drain is enough."""
    spot = SpotNotice(imds.url, lambda: 500.0)
    bench = Bench(spot)
    notice = json.dumps({"action": "terminate", "time": "2025-11-24T16:01:52Z"})
    bench.plan = {3: lambda: imds.paths.update({"spot/instance-action": notice})}
    assert bench.run() == [(3, "EC2 takes this spot instance back (terminate)", 107)]


@pytest.mark.parametrize("text", ["", "soon", "[]", '{"action": "stop"}', '{"action": "stop", "time": "tomorrow"}'])
def test_no_notice_drains_nothing(imds: FakeImds, text: str) -> None:
    """No notice, one that makes no sense, a token that ran out, a service that is down: each counts as none."""
    spot = SpotNotice(imds.url, lambda: 500.0)
    assert spot() is None
    imds.paths["spot/instance-action"] = text
    assert spot() is None
    imds.paths["spot/instance-action"] = '{"action": "stop", "time": "2025-11-24T16:02:00Z"}'
    imds.down = True
    assert spot() is None
    imds.down = False
    imds.valid_token = "another"
    assert (spot(), spot()) == (None, Ending("EC2 takes this spot instance back (stop)", 620.0))


@pytest.mark.parametrize(("lease_s", "warned_s"), [(3600, 120), (480, 120), (60, 15), (0, 0)])
def test_a_lease_is_believed_to_end_only_at_its_end(tmp_path: Path, lease_s: int, warned_s: int) -> None:
    """The warning comes two minutes ahead, or a quarter of a shorter lease, and the drain has that deadline."""
    file = tmp_path / "lease-ends"
    publish(file, 500.0 + lease_s, 500.0)()
    bench = Bench(LeaseEnd(file, lambda: bench.now), sleeps_at_most=4000)
    assert bench.run() == [(lease_s - warned_s, "the lease of this machine ends", max(0, warned_s - 2))]


def test_a_renewed_lease_is_not_drained(tmp_path: Path) -> None:
    """A renewal before the last quarter is in time; without a lease there is nothing to drain for."""
    file = tmp_path / "lease-ends"
    bench = Bench(LeaseEnd(file, lambda: bench.now), sleeps_at_most=300)
    bench.plan = {second: publish(file, 500.0 + second + 60, 500.0 + second) for second in range(10, 300, 30)}
    with pytest.raises(EOFError):
        bench.run()
    assert bench.asked == []


def test_a_drain_that_ray_did_not_take_is_tried_again() -> None:
    """Ray's control service may be away: the drain is sent until it is taken, with the time that is left then."""
    bench = Bench(lambda: Ending("gone", 510.0), refusals=7)
    assert [(after, left) for after, _, left in bench.run()] == [
        (0, 8), (2, 6), (4, 4), (6, 2), (8, 0), (10, 0), (12, 0), (14, 0),
    ]  # fmt: skip


def test_the_first_of_two_endings_counts() -> None:
    """A spot notice beside a lease that ends later: the node is told the earlier deadline."""
    bench = Bench(lambda: Ending("lease", 600.0), lambda: Ending("spot", 530.0))
    assert bench.run() == [(0, "spot", 28)]


def fake_ray(tmp_path: Path, exit_status: int = 0) -> tuple[str, Path]:
    """A command that writes down its arguments and two variables, and where."""
    said = tmp_path / "said"
    program = tmp_path / "ray"
    line = f'printf "%s\\n" "$@" "mode=$RAY_AUTH_MODE" "address=$RAY_ADDRESS" >> {said}'
    program.write_text(f"#!/bin/sh\n{line}\nexit {exit_status}\n")
    program.chmod(0o755)
    return f"{program} drain-node", said


def proc_with(tmp_path: Path, *command_lines: list[str]) -> Path:
    for number, words in enumerate(command_lines, start=10):
        (tmp_path / f"proc/{number}").mkdir(parents=True)
        (tmp_path / f"proc/{number}/cmdline").write_bytes("\0".join(words).encode())
    return tmp_path / "proc"


RAYLET = ["/v/ray/core/src/ray/raylet/raylet", f"--node_id={NODE}", "--gcs-address=10.0.0.1:6379", "--head=false"]


def test_the_node_is_found_by_its_raylet(tmp_path: Path) -> None:
    """`ray drain-node` gets the node and the cluster of the raylet that runs here, so that it needs no driver."""
    command, said = fake_ray(tmp_path)
    proc = proc_with(tmp_path, ["/usr/bin/python3", f"--node_id={'b' * 56}"], RAYLET, [""])
    environment = environment_for_ray({"HOME": str(tmp_path), "RAY_ADDRESS": "http://other:8265", "PATH": "/bin"})
    assert RayDrain(command, proc, environment)("spot", 12)
    assert said.read_text().splitlines() == [
        "drain-node", "--node-id", NODE, "--address", "10.0.0.1:6379", "--reason", "DRAIN_NODE_REASON_PREEMPTION",
        "--reason-message", "spot", "--deadline-remaining-seconds", "12", "mode=", "address=",
    ]  # fmt: skip


@pytest.mark.parametrize("raylets", [[], [RAYLET, RAYLET], [RAYLET[:1]]], ids=["none", "two", "unnamed"])
def test_ray_finds_the_node_where_we_cannot(tmp_path: Path, raylets: list[list[str]]) -> None:
    """Without one raylet that names its node, the command is left to find out by itself."""
    command, said = fake_ray(tmp_path)
    assert RayDrain(command, proc_with(tmp_path, ["sh"], *raylets), {"PATH": "/bin"})("spot", 12)
    assert "--node-id" not in said.read_text().splitlines()


def test_a_drain_that_fails_is_no_drain(tmp_path: Path) -> None:
    """A `ray` that says no, and one that is not there, both count as not drained."""
    command, _ = fake_ray(tmp_path, exit_status=1)
    assert not RayDrain(command, tmp_path, {"PATH": "/bin"})("spot", 12)
    assert not RayDrain("/no/such/ray drain-node", tmp_path, {})("spot", 12)


@pytest.mark.parametrize(
    ("token", "given", "mode"), [(False, None, None), (True, None, "token"), (True, "disabled", "disabled")]
)
def test_rays_commands_get_the_clusters_token(
    tmp_path: Path, *, token: bool, given: str | None, mode: str | None
) -> None:
    """A token where Ray looks for one turns token authentication on, unless the environment says otherwise."""
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray/auth_token").write_text("secret")
    inherited = {"HOME": str(tmp_path), **({"RAY_AUTH_MODE": given} if given else {})}
    assert environment_for_ray(inherited).get("RAY_AUTH_MODE") == mode


def program(tmp_path: Path, url: str, *flags: str) -> list[str]:
    """The program with everything from outside replaced."""
    command, _ = fake_ray(tmp_path)
    places = ["--lease", str(tmp_path / "lease-ends"), "--proc", str(tmp_path), "--lock", str(tmp_path / "lock")]
    return [sys.executable, str(notices.__file__), *flags, "--imds", url, *places, "--drain", command]


def test_the_program_drains_for_a_notice(tmp_path: Path, imds: FakeImds) -> None:
    """Run for real on a spot head with a notice: it drains and ends."""
    imds.paths["instance-life-cycle"] = "spot"
    imds.paths["spot/instance-action"] = '{"action": "terminate", "time": "2025-11-24T16:02:00Z"}'
    subprocess.run(program(tmp_path, imds.url, "--head"), check=True, timeout=30, capture_output=True)
    assert (tmp_path / "said").read_text().splitlines()[-4:-2] == ["--deadline-remaining-seconds", "117"]


def test_an_on_demand_head_is_never_drained(tmp_path: Path, imds: FakeImds) -> None:
    """On a head that EC2 will not take back, the program has nothing to do, whatever else is said."""
    imds.paths["instance-life-cycle"] = "on-demand"
    imds.paths["spot/instance-action"] = '{"action": "terminate", "time": "2025-11-24T16:02:00Z"}'
    publish(tmp_path / "lease-ends", 0.0, 0.0)()
    done = subprocess.run(program(tmp_path, imds.url, "--head"), check=True, timeout=30, capture_output=True, text=True)
    assert "no spot instance" in done.stdout
    assert not (tmp_path / "said").exists()


def test_there_is_one_poller_a_machine(tmp_path: Path, imds: FakeImds) -> None:
    """Ray's start commands may run twice: the second poller leaves the first alone."""
    first = subprocess.Popen(program(tmp_path, imds.url), stdout=subprocess.DEVNULL)
    try:
        while not imds.tokens:
            assert first.poll() is None
        second = subprocess.run(program(tmp_path, imds.url), check=True, timeout=30, capture_output=True, text=True)
        assert "another one runs" in second.stdout
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
