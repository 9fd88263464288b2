"""Every workload of jobs/ runs through Spillover on embedded pools, by the first command of its page in the docs.

Without SPILLOVER_SOAK only the first does: each takes about a minute, and others test what the rest does.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from embedded import wait_for
from server import REPOSITORY, Server, launched, serving

from sample import sampled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420), sampled("test_workloads")]

HOW_TO = REPOSITORY / "docs" / "how-to"
PAGES = [
    "train-a-language-model.md",  # what it trains, the next page fine-tunes
    "fine-tune-with-lora.md",
    "train-a-classifier.md",
    "run-batch-inference.md",  # with the classifier
    "sweep-hyperparameters.md",
]
RUN = PAGES if os.environ.get("SPILLOVER_SOAK") else PAGES[:1]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
LAST_LINE = re.compile(r"^done: .*\d", re.MULTILINE)


@pytest.fixture(scope="module")
def spillover(module_root: Path) -> Iterator[Server]:
    """A pool of our own with room for a job of two workers, and one for rent, as the pages have it."""
    folder = module_root / "s"
    folder.mkdir()
    pools = {
        "local": launched(module_root, "own", role="baseline"),
        "cloud": launched(module_root, "cloud", role="burst"),
    }
    server = Server(folder, pools, policy={"name": "immediate"})
    with serving(server) as started:
        wait_for("the pool to be up", lambda: bool(started.pool("local")["status"] == "up"), 120)
        yield started


def keep_its_worker(file: Path) -> None:
    """As owned machines are: else each page would wait for one to be raised again."""
    config = yaml.safe_load(file.read_text())
    config["available_node_types"]["worker"]["min_workers"] = 1
    file.write_text(yaml.safe_dump(config, sort_keys=False))


def command_of(page: str) -> str:
    """The first command that submits a job, as people copy it."""
    return next(block for block in BLOCK.findall((HOW_TO / page).read_text()) if "ray job submit" in block)


@pytest.mark.parametrize("page", RUN)
def test_the_pages_command_works(spillover: Server, module_root: Path, page: str) -> None:
    """Typed in a checkout, it exits with 0, and its last line says that it is done, with figures."""
    typed = re.sub(r"/tmp/[\w-]+", str(module_root / "runs"), command_of(page))
    done = subprocess.run(
        ["bash", "-c", typed],
        env=spillover.environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    print(done.stdout[-6000:], done.stderr[-3000:])
    assert done.returncode == 0
    assert LAST_LINE.search(done.stdout)
