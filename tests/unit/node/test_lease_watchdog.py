"""The program that ends a machine when its lease does."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_imds import FakeImds, fake_imds

from spillover.node import lease_watchdog, notices
from spillover.node.lease_watchdog import Deadline, Files, Imds, Watchdog, end_machine, power_off_by_kernel

TAG_PATH = "tags/instance/spillover-lease-expires"
WALL = 1_000_000.0


class Bench:
    """A watchdog on a clock that moves only when it sleeps. `plan` says what happens at which second."""

    def __init__(self, imds: FakeImds, lease_s: float, first_s: float) -> None:
        self.now = 500.0
        self.imds = imds
        self.started = self.now
        self.plan: dict[int, Callable[[], None]] = {}
        self.ended_after: float | None = None
        self.published: list[float] = []
        deadline = Deadline(self.now + lease_s, self.now + first_s, self.now)
        self.watchdog = Watchdog(deadline, Imds(imds.url), self._end, self._publish, lambda: self.now)

    def run(self) -> float:
        self.watchdog.wait_and_end(self._sleep)
        assert self.ended_after is not None
        return self.ended_after

    def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        if self.imds.wall is not None:
            self.imds.wall += seconds
        passed = round(self.now - self.started)
        if action := self.plan.pop(passed, None):
            action()
        if passed % 5 == 0:
            self.watchdog.read()

    def _end(self) -> None:
        self.ended_after = self.now - self.started

    def _publish(self, deadline: Deadline) -> None:
        self.published.append(deadline.ends - self.started)

    def tag(self, value: object) -> Callable[[], None]:
        return lambda: self.imds.paths.update({TAG_PATH: str(value)})


@pytest.fixture
def imds() -> Iterator[FakeImds]:
    with fake_imds() as server:
        server.wall = WALL
        yield server


def test_an_unrenewed_lease_ends_the_machine(imds: FakeImds) -> None:
    """With the tag as it was at creation, the machine ends when the lease does."""
    imds.paths[TAG_PATH] = str(int(WALL + 60))
    assert Bench(imds, lease_s=60, first_s=0).run() == pytest.approx(60, abs=1)


def test_a_renewal_moves_the_end_on_and_a_fold_moves_it_down(imds: FakeImds) -> None:
    """The tag's newest value counts, in both directions, and each change is published."""
    bench = Bench(imds, lease_s=60, first_s=0)
    bench.plan = {30: bench.tag(int(WALL + 600)), 200: bench.tag(int(WALL + 230))}
    assert bench.run() == pytest.approx(230, abs=1)
    assert bench.published == pytest.approx([600, 230], abs=1)


def test_a_new_machine_lives_for_its_first_seconds(imds: FakeImds) -> None:
    """A tag that has expired already does not end a machine before its first seconds are over."""
    imds.paths[TAG_PATH] = str(int(WALL - 1000))
    assert Bench(imds, lease_s=-1000, first_s=90).run() == pytest.approx(90, abs=1)


def test_without_answers_the_last_deadline_stands(imds: FakeImds) -> None:
    """A metadata service that goes silent neither saves the machine nor ends it early."""
    bench = Bench(imds, lease_s=60, first_s=0)
    bench.plan = {10: bench.tag(int(WALL + 100)), 20: lambda: setattr(imds, "down", True)}
    bench.plan[40] = bench.tag(int(WALL + 9000))
    assert bench.run() == pytest.approx(100, abs=1)


def test_without_a_service_the_end_at_creation_stands() -> None:
    """Nothing listens at all: the machine ends when its user data said."""
    assert Bench(FakeImds("http://127.0.0.1:9"), lease_s=60, first_s=30).run() == pytest.approx(60, abs=1)


@pytest.mark.parametrize("bad", ["", "soon", "nan", "1e9", str(int(WALL * 1000)), "9" * 5000, "\N{SNOWMAN}"])
def test_a_value_that_makes_no_sense_changes_nothing(imds: FakeImds, bad: str) -> None:
    """A tag that is no time, or milliseconds, is left alone, and the next good one counts again."""
    bench = Bench(imds, lease_s=60, first_s=0)
    bench.plan = {10: bench.tag(bad.encode().decode("latin-1")), 50: bench.tag(int(WALL + 80))}
    assert bench.run() == pytest.approx(80, abs=1)
    assert bench.published == pytest.approx([80], abs=1)


@pytest.mark.parametrize("step_s", [-86_400.0, 86_400.0])
def test_a_stepped_wall_clock_moves_nothing(imds: FakeImds, step_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is converted once: afterwards the clocks of the machine and of the service may say what they like."""
    imds.paths[TAG_PATH] = str(int(WALL + 60))
    monkeypatch.setattr(time, "time", lambda: WALL + step_s)
    bench = Bench(imds, lease_s=1, first_s=20)

    def step() -> None:
        assert imds.wall is not None
        imds.wall += step_s

    bench.plan = {30: step}
    assert bench.run() == pytest.approx(60, abs=1)


def test_without_a_date_the_machines_own_clock_is_taken(imds: FakeImds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not tell the time leaves the conversion to the machine's clock."""
    imds.wall = None
    imds.paths[TAG_PATH] = str(int(WALL + 70))
    monkeypatch.setattr(time, "time", lambda: WALL)
    assert Bench(imds, lease_s=1, first_s=20).run() == pytest.approx(75, abs=1)  # seen five seconds later


def test_a_token_that_has_run_out_is_replaced(imds: FakeImds) -> None:
    """One token serves many reads; when the service no longer takes it, another is asked for."""
    imds.paths["instance-id"] = "i-1"
    service = Imds(imds.url)
    assert [service.get("instance-id")[0] for _ in range(3)] == ["i-1"] * 3
    assert imds.tokens == 1
    imds.valid_token = "another"
    assert service.get("instance-id") == ("i-1", WALL)
    assert imds.tokens == 2


def test_what_ends_the_machine_is_tried_in_turn() -> None:
    """`shutdown`, then systemd without asking, then the kernel, with time in between, over and over."""
    done: list[object] = []

    def sleep(seconds: float) -> None:
        done.append(seconds)
        if len(done) > 9:
            raise EOFError

    with pytest.raises(EOFError):
        end_machine(done.append, sleep, lambda: done.append("sysrq"))
    once = ["shutdown -h now", 20.0, "systemctl poweroff -f", 10.0, "sysrq", 10.0]
    assert done[:10] == (once * 2)[:10]


@pytest.mark.parametrize(("pids", "pulled"), [(lease_watchdog.MACHINES_OWN_PIDS, True), ("pid:[4026532999]", False)])
def test_the_kernels_switch_is_left_alone_in_a_container(tmp_path: Path, pids: str, *, pulled: bool) -> None:
    """In another PID namespace than the machine's own, sysrq would turn off somebody else's machine."""
    for folder in ("self/ns", "sys/kernel"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to(pids)
    power_off_by_kernel(tmp_path)
    assert (tmp_path / "sysrq-trigger").exists() == pulled
    assert not pulled or (tmp_path / "sysrq-trigger").read_text() == "o"


def test_a_restart_goes_on_and_a_reboot_grants_no_second_youth(tmp_path: Path) -> None:
    """Started again, the program keeps the renewed deadline; after a reboot, the first seconds are not given again."""
    files = Files(tmp_path / "run", tmp_path / "state", "boot-1")
    deadline = files.deadline(WALL + 60, 300, WALL, 500)
    assert (deadline.lease_ends, deadline.first_ends) == (560, 800)
    deadline.saw(str(int(WALL + 5000)), WALL, 510)
    before = os.umask(0o077)
    files.publish(deadline)
    os.umask(before)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "run/lease-ends").stat().st_mode & 0o777 == 0o644
    again = files.deadline(WALL + 60, 300, WALL + 2000, 2500)
    assert (again.ends, again.set_at) == (5510, 510)
    rebooted = Files(tmp_path / "run", tmp_path / "state", "boot-2").deadline(WALL + 60, 300, WALL + 50, 20)
    assert rebooted.ends == 30


def test_a_disk_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    """A state folder that is a file: the deadline is made, published in vain, and holds."""
    (tmp_path / "blocked").write_text("")
    files = Files(tmp_path / "blocked", tmp_path / "blocked", "boot-1")
    deadline = files.deadline(WALL + 60, 300, WALL, 500)
    files.publish(deadline)
    assert deadline.ends == 800


@pytest.mark.parametrize("module", [lease_watchdog, notices], ids=lambda m: m.__name__.rpartition(".")[2])
def test_it_is_one_file_for_an_old_python(module: object) -> None:
    """What is shipped alone imports the standard library alone, and has no syntax that Python 3.8 does not know."""
    source = Path(str(module.__file__)).read_text()  # type: ignore[attr-defined]
    tree = ast.parse(source, feature_version=(3, 8))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


def command(tmp_path: Path, expires: float, url: str) -> list[str]:
    arguments = [str(expires), "0", "--imds", url, "--run", str(tmp_path / "run"), "--state", str(tmp_path)]
    return [sys.executable, str(lease_watchdog.__file__), *arguments, "--shutdown", f"touch {tmp_path / 'down'}"]


def test_the_program_shrugs_off_signals(tmp_path: Path, imds: FakeImds) -> None:
    """Run for real: it publishes its deadline, in a session of its own, and SIGTERM does not end it."""
    watchdog = subprocess.Popen(command(tmp_path, time.time() + 3600, imds.url), stdout=subprocess.DEVNULL)
    try:
        until((tmp_path / "run/lease-ends").exists)
        assert os.getsid(watchdog.pid) == watchdog.pid
        published = json.loads((tmp_path / "run/lease-ends").read_text())
        assert published["ends"] - lease_watchdog.boottime() == pytest.approx(3600, abs=60)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            watchdog.send_signal(number)
        until(lambda: "Sig" in (status := Path(f"/proc/{watchdog.pid}/status").read_text()) and not _pending(status))
        assert watchdog.poll() is None
        assert not (tmp_path / "down").exists()
    finally:
        watchdog.kill()
        watchdog.wait()


def test_the_program_ends_its_machine(tmp_path: Path) -> None:
    """Run for real with a lease that is over and no metadata service: the shutdown command runs."""
    ran = subprocess.run(
        command(tmp_path, time.time() - 5, "http://127.0.0.1:9"), capture_output=True, text=True, check=True
    )
    until((tmp_path / "down").exists)
    assert "the lease has ended" in ran.stdout


def _pending(status: str) -> bool:
    words = dict(line.split(":", 1) for line in status.splitlines())
    return any(int(words[name], 16) for name in ("SigPnd", "ShdPnd"))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()
