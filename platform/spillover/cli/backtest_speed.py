"""`spillover backtest --speed-check`: jobs a second, in one process, beside another simulator's."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ..errors import BadArgument

if TYPE_CHECKING:
    from ..backtest.columns import Columns
    from ..backtest.sweep import Choice
    from ..backtest.world import World

_TIMES = 3


def tell_speed(trace: Columns, world: World, choice: Choice, against: Path | None, as_json: bool) -> None:
    """Play it three times and print each speed with their median. The first may include compiling."""
    from ..backtest.run import play
    from ..backtest.summary import label_of

    others = _speeds(against) if against else []
    policy = choice.make()
    speeds = [len(trace) / max(play(trace, world, policy).wall_s, 1e-9) for _ in range(_TIMES)]
    told = {
        "run": label_of(choice.policy, choice.settings),
        "jobs": len(trace),
        "jobs_per_s": median(speeds),
        "samples": speeds,
        "others": {"file": str(against), "low": min(others), "high": max(others)} if others else None,
    }
    print(json.dumps(told, indent=1) if as_json else _sentence(told, median(speeds), speeds, others))


def _sentence(told: dict[str, object], speed: float, speeds: list[float], others: list[float]) -> str:
    shown = ", ".join(f"{each:,.0f}" for each in speeds)
    text = f"{told['run']}: {len(speeds)} runs of {told['jobs']:,} jobs, {speed:,.0f} jobs/s in the median ({shown})"
    if not others:
        return text
    return (
        f"{text}\nbeside {min(others):,.0f} to {max(others):,.0f} jobs/s: {speed / max(others):,.1f} times the fastest"
    )


def _speeds(path: Path) -> list[float]:
    try:
        with path.open(newline="") as lines:
            found = [float(row["jobs_per_s"]) for row in csv.DictReader(lines)]
    except OSError as error:
        raise BadArgument(f"--speed-against {path} cannot be read: {error.strerror}") from None
    except (KeyError, ValueError, TypeError):
        found = []
    if not found:
        raise BadArgument(f"--speed-against {path} has no column jobs_per_s with numbers")
    return found
