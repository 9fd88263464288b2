"""The program behind `make soak`: `python -P tests/chaos/soak.py [--minutes N] [--seed N] [--local] [--bug NAME]`."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
# -P keeps a script's own folder off the path. What starts real servers and clusters is the tests' own.
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from chaos.chaos_report import summary, table, tell, write  # noqa: E402
from chaos.chaos_run import ChaosRun  # noqa: E402
from chaos.hunt import hunt  # noqa: E402
from chaos.world import LEASE_S, World  # noqa: E402

OUT = TESTS.parent / "build" / "soak.json"


def leave(signum: int, _frame: object) -> None:
    """End as by an error: through every `finally`, so that clusters and servers are ended too."""
    raise SystemExit(128 + signum)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@contextmanager
def world_of(options: argparse.Namespace) -> Iterator[World]:
    """The test bed, which needs root, or plain processes."""
    if options.local:
        from chaos.world_local import local_world

        with local_world(options.bug, options.keep) as world:
            yield world
    else:
        from chaos.world_bed import bed_world

        with bed_world(options.bug, options.keep) as world:
            yield world


def main() -> int:
    p = argparse.ArgumentParser(prog="make soak", description="Jobs, faults, and a checker that trusts nobody.")
    p.add_argument("--minutes", type=float, default=float(os.environ.get("SPILLOVER_SOAK_MINUTES", "60")))
    p.add_argument("--seed", type=int, default=int(os.environ.get("SPILLOVER_SOAK_SEED", random.randrange(10**6))))
    p.add_argument("--local", action="store_true", help="without the fake cloud: plain processes, no root needed")
    p.add_argument("--bug", default="", help="plant a bug of chaos/planted.py first: the run must see it")
    p.add_argument("--keep", type=Path, help="a folder for logs, the cloud's records and the database")
    options = p.parse_args()
    say(f"SPILLOVER_SOAK_SEED={options.seed}, {options.minutes:g} minutes")
    with world_of(options) as world:
        if options.bug:
            result = hunt(world, options.bug, say, lease_s=LEASE_S)
        else:
            result = ChaosRun(world, options.seed, options.minutes * 60, say, lease_s=LEASE_S).run()
        found = summary(result)
    write(found, OUT)
    print(f"\n{table(found)}\n{tell(result.violations)}".rstrip())
    print(f"Written to {OUT}.")
    return 1 if result.violations else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)
    sys.exit(main())
