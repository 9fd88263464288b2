"""Replays a part of a real spot trace against a training job on local Ray nodes: some eight minutes, and a table."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in (".", "perf", "integration")]

from perf_report import Progress  # noqa: E402
from perf_sites import bench  # noqa: E402
from rich.console import Console  # noqa: E402

from spot.replay import LEAST_S, LM, MOST_S, NODES, NOTICE_S, Workload, replay  # noqa: E402
from spot.result import Replayed  # noqa: E402
from spot.tables import accounts, facts  # noqa: E402
from spot.trace import Market, read_market, segment  # noqa: E402

KEPT = TESTS.parent / "build" / "spot.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, or show again what the last replay found."""
    given = _parser().parse_args(arguments)
    try:
        market = read_market()
        found = Replayed.load(KEPT) if given.again else _replay(given, market)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    found.save(KEPT)
    console = Console()
    console.print(facts(found), accounts(market, found.costs))
    console.print(f"Kept in {KEPT}: --again shows it without a replay.")
    if given.plot:
        from spot.plot import draw

        draw(found, given.plot)
    return 0


def _replay(given: argparse.Namespace, market: Market) -> Replayed:
    part, factor = segment(market.fleet(given.nodes, given.zones), given.nodes, given.least, given.seconds)
    workload = Workload(given.folder.resolve(), given.command)
    progress = Progress(1)
    progress.start("spot replay")
    with bench(progress.step) as tools:
        found = replay(tools.folder(), part, factor, workload, given.notice, progress.step)
    progress.end("done")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES, help="most nodes at once, each of one CPU (%(default)s)")
    parser.add_argument("--zones", nargs="*", default=[], metavar="ZONE", help="choose among these (all nine)")
    parser.add_argument("--least", type=float, default=LEAST_S, help="seconds between two events (%(default)s)")
    parser.add_argument("--seconds", type=float, default=MOST_S, help="of the replay, at most (%(default)s)")
    parser.add_argument("--notice", type=float, default=NOTICE_S, help="seconds before a node is ended (%(default)s)")
    parser.add_argument(
        "--command", default=LM.command, help="what trains, with {storage}, {name}, {nodes} (%(default)s)"
    )
    parser.add_argument("--folder", type=Path, default=LM.folder, help="its working directory (%(default)s)")
    parser.add_argument("--plot", type=Path, metavar="SVG", help="draw nodes, steps and losses over time")
    parser.add_argument("--again", action="store_true", help="show the last replay again")
    return parser


def _leave(signum: int, _frame: object) -> None:
    """End as by an error: through every `finally`, so that the cluster is ended too."""
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
