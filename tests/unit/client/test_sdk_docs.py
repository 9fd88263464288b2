"""The how-to of the Python SDK, run as it stands: real control behind a real gateway, and Ray's own client."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "control"))

from served_world import served_world
from world import World, attached, burst

from spillover.domain.pool import Market, NodeType
from spillover.domain.resources import Resources

PAGE = Path(__file__).parents[3] / "docs/how-to/use-the-python-sdk.md"
OWNED = NodeType("dgx", Resources({"GPU": 8, "CPU": 96}), Market.OWNED, 9.6, 2)
RENTED = NodeType("p5", Resources({"GPU": 8, "CPU": 192}), Market.ON_DEMAND, 32.0, 4)

# Ray reads the environment once in a process, so the page has one of its own.
RUN = """
import doctest, re, sys
page = open(sys.argv[1]).read()
blocks = re.findall(r"```python\\n(.*?)```", page, re.S)
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
names = {}
for block in blocks:
    test = doctest.DocTestParser().get_doctest(block, names, "the page", sys.argv[1], page[: page.index(block)].count("\\n"))
    runner.run(test, clear_globs=False)
    names = test.globs
sys.exit(0 if runner.failures == 0 and runner.tries > 15 else 1)
"""


async def begin(world: World) -> None:
    """A job of somebody else keeps one of the two owned nodes."""
    await world.running("bob-1", "onprem", workers="1x{GPU:8,CPU:32}", runtime="5h")


def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    """Each example of the page runs, and answers what the page says."""
    pools = (attached("onprem", node_types=(OWNED,)), burst("aws", node_types=(RENTED,)))
    with served_world(tmp_path, *pools, begin=begin) as site:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "SPILLOVER"))},
            "HOME": str(tmp_path),
            "SPILLOVER_ADDRESS": site.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": site.token,
        }
        command = [sys.executable, "-P", "-c", RUN, str(PAGE)]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr)
