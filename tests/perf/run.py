"""The program behind `make bench`: `python -P tests/perf/run.py [NAME ...]`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
# -P keeps a script's own folder off the path. What raises real clusters, and what builds snapshots, is the tests' own.
sys.path[:0] = [str(TESTS / folder) for folder in ("perf", "integration", "unit/placement", ".")]

from perf_main import load_all, main  # noqa: E402


def leave(signum: int, _frame: object) -> None:
    """End as by an error: through every `finally`, so that clusters and servers are ended too."""
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)
    sys.exit(main(sys.argv[1:], load_all()))
