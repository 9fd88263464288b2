"""What is loaded when: commands start fast, and type checkers see the SDK."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pydantic", "aiohttp", "ray", "sqlalchemy", "spillover.domain.answers", "spillover.client.client")


def loaded_after(code: str) -> list[str]:
    """Which of the heavy modules a new interpreter has loaded after the code."""
    asked = f"import sys\n{code}\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", asked], capture_output=True, text=True, check=True)
    return eval(done.stdout)


@pytest.mark.parametrize(
    "code",
    ["import spillover; spillover.__version__", "import spillover.client.transport", "import spillover.cli.main"],
)
def test_commands_do_not_load_the_sdk(code: str) -> None:
    """Neither the version, nor what asks the server for a command, nor the command line loads anything slow."""
    assert loaded_after(code) == []


def test_the_sdk_needs_no_server_side_part() -> None:
    """Using the client loads pydantic, but nothing of the gateway's or of Ray."""
    found = loaded_after("import spillover; spillover.Client('localhost:1'); spillover.job_metadata(team='a')")
    assert found == ["pydantic", "spillover.domain.answers", "spillover.client.client"]


SNIPPET = """
import spillover
from spillover.client import QueueEntry, Quote

client = spillover.Client("localhost:1", timeout_s=3)
first: QueueEntry = client.queue(status=["queued"])[0]
quote: Quote = client.quote(workers=[(4, {"GPU": 2, "memory": "64GiB"})], runtime="2h")
metadata: dict[str, str] = spillover.job_metadata(resumable=True)
number: int = first.submission_id
client.quote(workers=4)
spillover.Clinet
client.queue("search")
"""


def test_type_checkers_see_the_sdk(tmp_path: Path) -> None:
    """mypy, strict, finds each mistake of a user and nothing else."""
    (tmp_path / "use.py").write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "use.py"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout.splitlines()
    assert [line.split(":")[1] for line in told if ": error:" in line] == ["9", "10", "11", "12"], told
