"""Runs benchmarks and keeps what they found: all that `make bench` does."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import perf_report
from perf_harness import REGISTRY, Benchmark, Measured, NotHere, Registry, entry
from perf_sites import Bench, bench

OUT = Path(__file__).parents[2] / "build" / "bench.json"


def load_all() -> Registry:
    """The registry with every family: each `bench_*.py` beside this file, in the order of their names."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(path.stem)
    return REGISTRY


def main(arguments: Sequence[str], registry: Registry, out: Path = OUT) -> int:
    """Run all, or those named. Returns 0, or 1 if one failed, or 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure, print a table, write build/bench.json.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or of: {', '.join(b.name for b in registry)}")
    names = parser.parse_args(arguments).names
    try:
        chosen = registry.pick(names)
    except KeyError as error:
        print(_unknown(str(error.args[0]), registry), file=sys.stderr)
        return 2
    # A full run rewrites the file; a run of some keeps what it has of the others.
    results = perf_report.read(out) if names else {}
    progress = perf_report.Progress(len(chosen))
    with bench(progress.step) as tools:
        found, skipped = _run(chosen, tools, progress, results, out)
        print(perf_report.table(found))
        failed = [one.name for one in chosen if one.name not in results and one.name not in skipped]
        print(f"\nWritten to {out}." + (f" Failed: {', '.join(failed)}." if failed else ""))
        for name, why in skipped.items():
            print(f"Skipped {name}: {why}")
    return 1 if failed else 0


def _unknown(name: str, registry: Registry) -> str:
    names = [b.name for b in registry]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    return f"no benchmark is named '{name}'; {hint}"


def _run(
    chosen: Sequence[Benchmark], tools: Bench, progress: perf_report.Progress, results: dict[str, Any], out: Path
) -> tuple[list[tuple[Benchmark, Measured]], dict[str, str]]:
    """One after the other: what they found, and why some were skipped.

    The file is written after each, so that a run that is broken off leaves what it had.
    """
    found, skipped = [], {}
    for one in chosen:
        progress.start(one.name)
        began = time.monotonic()
        measured = _measure(one, tools)
        results.pop(one.name, None)  # an old value must not pass for this run's
        if isinstance(measured, Measured):
            found.append((one, measured))
            results[one.name] = entry(one.unit, measured)
            said = f"{perf_report.number(measured.value)} {one.unit}"
        elif isinstance(measured, NotHere):
            skipped[one.name] = str(measured)
            said = f"skipped, {measured}"
        else:
            said = "failed"
        perf_report.write(out, results)
        progress.end(f"{said} ({time.monotonic() - began:.0f} s)")
    return found, skipped


def _measure(one: Benchmark, tools: Bench) -> Measured | NotHere | None:
    """What it found, or why it cannot here, or None if it failed: the others are run all the same."""
    try:
        return one.measure(tools)
    except NotHere as why:
        return why
    except Exception:
        print(f"\n{one.name} failed:\n{traceback.format_exc()}", file=sys.stderr)
        return None
