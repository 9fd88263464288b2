"""A sweep as tasks of a Ray of its own."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from made_traces import HOUR, columns
from sample import sampled
from spillover.backtest.sweep import choices
from spillover.backtest.workers import Task, run_all
from spillover.backtest.world import World


@pytest.fixture
def short_folder():
    """Ray's sockets have long names, and a path may not have more than 107 letters."""
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        yield Path(folder)


@pytest.mark.slow
@sampled("test_sweep_on_ray")
def test_runs_side_by_side_are_the_same_runs(monkeypatch, short_folder):
    """Two workers give what one process gives, in the order of the tasks; Ray and its folder are gone afterwards."""
    import ray

    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    trace = columns(*((600 * n, HOUR * (1 + n % 3), 2 ** (n % 4)) for n in range(40)))
    chosen = choices(["immediate", "starburst"], {"starburst.coefficient": [0.1, 0.5]}, trace, World(2))
    tasks = [Task(choice, World(2)) for choice in chosen]
    done = []
    here = run_all(trace, tasks, (0, 0), 1, done.append)
    there = run_all(trace, tasks, (0, 0), 2, done.append)
    assert [timeless(run) for run in there] == [timeless(run) for run in here]
    assert [run.policy for run in there] == ["immediate", "starburst", "starburst"]
    assert len(done) == 6
    assert not ray.is_initialized()
    assert list(short_folder.iterdir()) == []


def timeless(run):
    """Without how long it took."""
    return replace(run, wall_s=0.0, jobs_per_s=0.0)
