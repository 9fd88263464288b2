"""`make serve-demo`: applications served from owned replicas, then from rented ones too, then from owned ones again."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from embedded import short_root  # noqa: E402
from rich.box import SIMPLE  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from serving.faults import FAULTS, RATE, start, suffer  # noqa: E402
from serving.judge import milliseconds, rows, spill_s, wrongs  # noqa: E402
from serving.outcome import fault_table  # noqa: E402
from serving.scenario import Scenario  # noqa: E402
from serving.seen import Recording  # noqa: E402
from serving.site import Site, site  # noqa: E402
from serving.workload import WORKLOADS  # noqa: E402

OUT = TESTS.parent / "build" / "serving"
NAMES = [fault.name for fault in FAULTS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, or show the last run again. Returns 1 if it did not spill and return, or a safe request failed."""
    given = _parser().parse_args(arguments)
    out: Path = given.out.resolve()
    if given.faults is not None:
        return _faults(out, given.faults or NAMES)
    try:
        found = Recording.load(out / "recording.json") if given.again else _play(given, out)
    except FileNotFoundError as error:
        print(f"{error}: nothing was recorded yet", file=sys.stderr)
        return 2
    from serving.plot import draw

    for ending in ("svg", "png"):
        draw(found, out / f"serving.{ending}")
    console = Console(width=max(100, Console().width))
    console.print(table(found))
    if (spill := spill_s(found)) is not None:
        console.print(f"The first request was served by rented replicas {spill:.0f} s after the load began to rise.")
    console.print(f"Plots and records are in {out}: --again shows them without a run.")
    for wrong in wrongs(found):
        console.print(f"WRONG: {wrong}")
    return 1 if wrongs(found) else 0


def _play(given: argparse.Namespace, out: Path) -> Recording:
    workload = WORKLOADS[given.workload]()
    with _place(out) as place:
        story = Scenario(place, workload, given.seconds, lambda line: print(line, flush=True))
        found = story.play(out)
        for name in workload.names:
            story.say(f"the ledger has ${place.cost_of(name):.4f} for {name}")
    found.save(out / "recording.json")
    (out / "phases.json").write_text(json.dumps([asdict(row) for row in rows(found)], indent=1))
    return found


def _faults(out: Path, names: Sequence[str]) -> int:
    """Returns 1 if a request failed that was safe to send again, or something did not come back."""
    outcomes = []
    with _place(out) as place:
        for fault in [f for f in FAULTS if f.name in names]:
            start(place)
            outcomes.append(suffer(place, fault, out, lambda line: print(line, flush=True)))
            (out / "faults.json").write_text(json.dumps([asdict(each) for each in outcomes], indent=1))
    Console().print(fault_table(outcomes, RATE))
    return 1 if any(each.failed_safe or each.whole_s is None for each in outcomes) else 0


@contextmanager
def _place(out: Path) -> Iterator[Site]:
    """Two clusters and Spillover, whose log is kept."""
    out.mkdir(parents=True, exist_ok=True)
    with short_root() as root:
        os.environ["HOME"] = str(root / "home")  # Ray keeps tokens and settings there
        (root / "home").mkdir()
        print(f"Two clusters on this machine, in {root}.", flush=True)
        try:
            with site(root) as place:
                yield place
        finally:
            with suppress(FileNotFoundError):
                shutil.copy(root / "s" / "server.log", out / "server.log")


def table(found: Recording) -> Table:
    """Each phase in a line."""
    made = Table(title="What was measured", box=SIMPLE)
    for name in ("phase", "wanted/s", "served/s", "p50", "p99", "failed", "by burst", "$"):
        made.add_column(name, justify="left" if name == "phase" else "right", no_wrap=True)
    for row in rows(found):
        phase, seen = row.phase, row.summary
        rate = f"{phase.begin:.0f}" if phase.begin == phase.last else f"{phase.begin:.0f} to {phase.last:.0f}"
        made.add_row(
            *(phase.name, rate, f"{seen.per_s:.0f}", milliseconds(seen.p50_s), milliseconds(seen.p99_s)),
            *(str(seen.failed), f"{row.burst:.0%}", f"{row.usd:.3f}"),
        )
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="models", help="what to serve (%(default)s)")
    parser.add_argument(
        "--seconds",
        nargs=4,
        type=float,
        default=(30, 15, 45, 60),
        metavar=("CALM", "RAMP", "BUSY", "BACK"),
        help="of the phases, the busy one from when the cloud serves (30 15 45 60)",
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder for plots and records (%(default)s)")
    parser.add_argument(
        "--faults",
        nargs="*",
        choices=NAMES,
        metavar="NAME",
        help="kill these under a steady load instead; all without a name: " + ", ".join(NAMES),
    )
    parser.add_argument("--again", action="store_true", help="show the last run again")
    return parser


def _leave(signum: int, _frame: object) -> None:
    """End as by an error: through every `finally`, so that clusters and servers are ended too."""
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
