"""`make testbed-demo`: the story, told while it happens."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from rich.console import Console  # noqa: E402

from story.site import Site, site  # noqa: E402
from story.story import POLICY, Story, table  # noqa: E402
from testbed.needs import missing  # noqa: E402


def main() -> int:
    """Tell it. Returns 1 if something was left, or the ledger is not the bill."""
    if lacks := missing():
        print(f"The test bed needs {', '.join(lacks)}.", file=sys.stderr)
        return 2
    os.environ["LOGNAME"] = f"story-{os.getpid()}"  # Ray keeps SSH connections open in /tmp, by user
    with tempfile.TemporaryDirectory(prefix="story-") as folder:
        print(f"Three hosts over SSH and a cloud, on this machine, in {folder}: about five minutes.", flush=True)
        with site(Path(folder), policy=POLICY) as place:
            story = Story(place, lambda line: print(line, flush=True))
            try:
                facts = story.tell()
            finally:
                keep(place, TESTS.parent / "build" / "story")
    Console().print(table(facts))
    exact = abs(facts.bill_usd - facts.ledger_usd) < 1e-7
    return 0 if exact and facts.left == facts.strays == 0 else 1


def keep(place: Site, folder: Path) -> None:
    """What can be read about it afterwards: the job's log, the server's, and the cloud's bill."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(place.spillover.log, folder / "server.log")
    shutil.copy(place.bed.folder / "cloud" / "records.json", folder / "machines.json")
    with suppress(AssertionError, OSError):
        (folder / "train.log").write_text(place.spillover.logs("train"))


if __name__ == "__main__":
    sys.exit(main())
