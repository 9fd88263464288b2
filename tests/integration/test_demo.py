"""`spillover demo` as people run it: to its end, cut short at any moment, and killed."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spillover.cli.demo_registry import registry_folder, sweep

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
COMMAND = [str(Path(sys.executable).parent / "spillover"), "demo", "--keep"]
LONGEST_RAISE_S = 60.0
CUTS = [(seed, signum) for seed in (1, 2) for signum in (signal.SIGINT, signal.SIGTERM)]
CLEAN_UP_S = 60.0


class Demo:
    """A demo in a process of its own, and the folder that it works in."""

    def __init__(self, log: Path) -> None:
        self.log = log
        before = {path.name for path in registry_folder().glob("*.json")}
        with log.open("w") as file:
            self.process = subprocess.Popen(
                COMMAND, cwd=CHECKOUT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._before = before

    def root(self, timeout_s: float = 30.0) -> Path:
        """Its folder, as soon as it is on the list. Other demos may run beside it."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and self.process.poll() is None:
            for path in registry_folder().glob("*.json"):
                root = Path("/tmp") / path.stem
                if path.name not in self._before and root.exists():
                    return root
            time.sleep(0.02)
        raise AssertionError(f"no demo was registered: {self.text()}")

    def text(self) -> str:
        return self.log.read_text()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "demo.log")
    yield demo
    if demo.process.poll() is None:
        demo.process.terminate()
        demo.process.wait(timeout=CLEAN_UP_S)


def marked(root: Path) -> list[str]:
    """Every process that has the folder anywhere in its command line, its environment or its place."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(root).encode() in text or place.startswith(str(root)):
            found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
    return found


@pytest.mark.timeout(700)
def test_a_demo_runs_to_its_end(demo: Demo) -> None:
    """It ends by itself with 0: all jobs done, both pools used, the cloud back at zero, nothing left, money told."""
    root = demo.root()
    assert demo.process.wait(timeout=660) == 0, demo.text()
    text = demo.text()
    rows = re.findall(r"^((?:alice|bob|carol)-\d) +\w+ +(\w+) +(\w+) .*\$", text, re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == ["alice-1", "alice-2", "bob-1", "bob-2", "carol-1", "carol-2"]
    assert {status for _, status, _ in rows} == {"succeeded"}
    assert {pool for _, _, pool in rows} == {"onprem", "cloud"}
    assert all(pool == "onprem" for name, _, pool in rows if name.startswith("carol"))
    assert re.search(r"pool cloud: fold: idle for \d+ s", text)
    assert "pool cloud: down: the provider has no node of it left" in text
    assert "Nothing is left running" in text
    for way in ("what happened", "never burst", "always cloud"):
        assert re.search(rf"^{way} +\$", text, re.MULTILINE)
    total, nodes = re.search(r"^total .*?(\$\S+) +all nodes: (\$\S+)", text, re.MULTILINE).groups()
    assert total == nodes
    assert "\x1b" not in text
    assert marked(root) == []
    shutil.rmtree(root)


@pytest.mark.skipif(not os.environ.get("SPILLOVER_SOAK"), reason="with SPILLOVER_SOAK: each takes about a minute")
@pytest.mark.parametrize(("seed", "signum"), CUTS)
def test_a_demo_can_be_cut_short_anywhere(demo: Demo, seed: int, signum: signal.Signals) -> None:
    """Whenever the signal comes, and a second one after it, the exit code is 130 and nothing runs any more."""
    delay_s = random.Random(f"{seed} {signum}").uniform(0, LONGEST_RAISE_S)
    root = demo.root()
    time.sleep(delay_s)
    demo.process.send_signal(signum)
    time.sleep(0.5)
    demo.process.send_signal(signum)
    assert demo.process.wait(timeout=CLEAN_UP_S) == 130, f"after {delay_s} s: {demo.text()}"
    assert marked(root) == [], f"after {delay_s} s: {demo.text()}"
    assert "Nothing is left running" in demo.text()
    shutil.rmtree(root)


def test_the_next_demo_ends_what_a_killed_one_left(demo: Demo) -> None:
    """After `kill -9` the clusters live on; whoever looks at the list next ends them and says so."""
    root = demo.root()
    until = time.monotonic() + LONGEST_RAISE_S
    while "gcs_server" not in " ".join(marked(root)) and time.monotonic() < until:
        time.sleep(0.2)
    demo.process.kill()
    demo.process.wait()
    assert marked(root)
    said: list[str] = []
    sweep(registry_folder(), said.append)
    assert any(str(root) in line for line in said)
    assert marked(root) == []
    assert not root.exists()
