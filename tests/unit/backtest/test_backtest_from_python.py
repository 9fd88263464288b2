"""`spillover.backtest(...)`, and how runs are made and told."""

import subprocess
import sys
import types
from dataclasses import replace

import pytest

import spillover
from made_traces import columns, outcome
from spillover.backtest.world import World
from spillover.errors import BadArgument

TRACE = columns(*((600 * n, 3600, 4) for n in range(12)))


@pytest.fixture
def played(monkeypatch):
    """A replay that notes what it is given: who bursts pays, who does not waits."""
    seen = []

    def play(trace, world, policy, **_more):
        seen.append((trace, world, policy))
        waits = policy.name == "never"
        made = outcome(trace, [600.0 * waits] * len(trace), [not waits] * len(trace), usd=world.on_demand_usd)
        return replace(made, policy=policy.name, world=world, settings={"known": "default"})

    engine = types.ModuleType("spillover.backtest.run")
    engine.play = play
    monkeypatch.setitem(sys.modules, "spillover.backtest.run", engine)
    return seen


def test_the_package_can_be_called(played, tmp_path):
    """A file, sizes, policies and settings go in, results come out; lists are swept."""
    (tmp_path / "t.csv").write_text("submit_s,duration_s,gpus\n" + "".join(f"{n},60,1\n" for n in range(5)))
    done = []
    results = spillover.backtest(
        tmp_path / "t.csv",
        nodes=3,
        gpus_per_node=4,
        policies=["starburst", "never"],
        settings={"starburst.coefficient": [0.1, 0.2], "world.startup_s": "1min", "world.cloud_sizes": [1, 2]},
        movable=1.0,
        progress=lambda *counts: done.append(counts),
    )
    assert [(w.nodes, w.gpus_per_node, w.startup_s, w.cloud_sizes) for _, w, _ in played] == [(3, 4, 60, (1, 2))] * 3
    assert [run.label for run in results.runs] == ["never", "starburst coefficient=0.1", "starburst coefficient=0.2"]
    assert results.runs[1].settings == {"known": "default", "coefficient": 0.1}
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert (results.trace.movable_share, results.record.workers, results.record.version) == (
        1,
        1,
        spillover.__version__,
    )


def test_columns_and_a_world_of_ones_own(played):
    """Columns are played as they are; the world's sizes hold unless others are said; jobs at the ends are not counted."""
    world = World(5, on_demand_usd=2.0)
    results = spillover.backtest(TRACE, world=world, policies=["immediate"], leave_out=2)
    spillover.backtest(TRACE, world=world, nodes=7, policies=["immediate"])
    spillover.backtest(TRACE, policies=["immediate"])
    assert [(w.nodes, w.on_demand_usd) for _, w, _ in played] == [(5, 2), (7, 2), (4, 3.06)]
    assert played[0][0] is TRACE
    assert (results.runs[0].jobs, results.runs[0].cloud_usd) == (8, 64)
    assert results.record.left_out_of_figures == (2, 2)


def test_mistakes_are_value_errors(played):
    """What makes no sense is a BadArgument, before anything is played."""
    for wrong in ({"policies": ["nevr"]}, {"settings": {"world.nods": 1}}, {"settings": {"world.nodes": [1, 2.5]}}):
        with pytest.raises(BadArgument):
            spillover.backtest(TRACE, **wrong)
    assert played == []
    assert issubclass(BadArgument, ValueError)


def test_nothing_is_loaded_until_it_is_called():
    """Whoever imports spillover, or the package itself, does without numpy."""
    code = (
        "import sys, spillover, spillover.backtest; assert callable(spillover.backtest); print('numpy' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
