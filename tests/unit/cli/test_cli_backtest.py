"""`spillover backtest` from the outside: what it takes, and what it prints and writes."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import replace

import pytest
import yaml

from made_traces import outcome
from spillover.backtest.outcome import Outcome

TRACE = "submit_s,duration_s,gpus,vc\n" + "".join(
    f"{600 * n},{3600 * (1 + n % 3)},{2 ** (n % 4)},t{n % 2}\n" for n in range(40)
)


@pytest.fixture
def worlds(tmp_path, monkeypatch):
    """A trace in an empty folder, and a replay that notes each world and policy it is given: what it says is made up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.csv").write_text(TRACE)
    seen = []

    def play(trace, world, policy, **_more) -> Outcome:
        seen.append((world, policy))
        waits = {"immediate": 0.0, "never": 3600.0}.get(policy.name, 600.0 * getattr(policy, "coefficient", 0.0))
        made = outcome(trace, [waits] * len(trace), [policy.name != "never"] * len(trace), usd=3.0 - waits / 3600.0)
        return replace(made, policy=policy.name, world=world)

    engine = types.ModuleType("spillover.backtest.run")
    engine.play = play
    monkeypatch.setitem(sys.modules, "spillover.backtest.run", engine)
    return seen


def test_a_trace_is_played_under_a_useful_few(bare, worlds):
    """Without a policy both ends and Starburst's frontier are a table, with what it rests on."""
    result = bare("backtest", "jobs.csv")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("jobs.csv: 40 jobs in 0.3 days, 295 GPU-hours, 0% of the jobs movable")
    assert lines[1].startswith("6 owned nodes with 8 GPUs: load 0.95; order easy")
    assert next(line.split()[:2] for line in lines if line.startswith("✔")) == ["✔", "immediate"]
    assert sum(" starburst waiting=cost" in line for line in lines) == 8
    assert "the fewest that the jobs do not overload" in result.stdout
    assert "The trace does not say which jobs can be moved: none of them is" in result.stdout
    assert "$3.06 a GPU-hour on demand" in result.stdout
    assert "NEVER RAN" not in result.stdout


def test_settings_reach_the_policy_and_the_world(bare, worlds):
    """Each value is a run; the world has what was set, and the options of its own."""
    said = ("--set", "starburst.coefficient=0.1,0.2", "--set", "world.startup_s=1min", "--order", "any")
    size = ("--nodes", "3", "--gpus-per-node", "4", "--known-runtimes", "--instance", "p4d.24xlarge")
    result = bare("backtest", "jobs.csv", "-p", "starburst", *said, *size)
    assert result.exit_code == 0, result.output
    assert [policy.coefficient for _, policy in worlds] == [0.1, 0.2]
    world = worlds[0][0]
    assert (world.nodes, world.gpus_per_node, world.startup_s, world.order) == (3, 4, 60, "any")
    assert world.known_runtimes
    assert "p4d.24xlarge in us-east-1: on demand" in result.stdout


def test_the_record_is_json(bare, worlds, tmp_path):
    """`--json` and `--out` hold the same record: code, trace, world, seed, command, and every run with its settings."""
    result = bare(
        "backtest", "jobs.csv", "-p", "never", "-p", "immediate", "--movable", "0.5", "--json", "--out", "b/r.json"
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert json.loads((tmp_path / "b/r.json").read_text()) == told
    assert (told["trace"]["source"], len(told["trace"]["sha256"]), told["trace"]["jobs"]) == ("jobs.csv", 64, 40)
    assert (told["record"]["seed"], told["record"]["movable"]) == (1, 0.5)
    assert told["record"]["command"].startswith("spillover")
    assert [run["policy"] for run in told["runs"]] == ["immediate", "never"]
    assert told["runs"][0]["cheapest"] is True


def test_groups_can_be_shown(bare, worlds):
    """`--by` adds a row for each group and run."""
    text = bare("backtest", "jobs.csv", "-p", "immediate", "--by", "size").stdout
    table = text[text.index("By size") :].splitlines()
    assert [line.split()[0] for line in table[3:7]] == ["1", "2", "3", "5"]


def test_a_report_is_written(bare, worlds, tmp_path):
    """`--report` plays the middle of each frontier at other prices too, and writes one HTML file."""
    result = bare("backtest", "jobs.csv", "-p", "immediate", "-p", "starburst", "--report", "out/report.html")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out/report.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert "The report is in out/report.html." in result.stderr
    prices = [world.on_demand_usd for world, _ in worlds]
    assert prices[-4:] == [1.53, 6.12, 1.53, 6.12]


def test_the_settings_say_how_large_it_is(bare, worlds, tmp_path):
    """With settings at hand their pools are the world; `--nodes` wins over them."""
    node = {"market": "owned", "price_usd_per_hour": 4.0, "resources": {"GPU": 4, "CPU": 16}, "max_nodes": 7}
    cloud = {"market": "on_demand", "price_usd_per_hour": 20.0, "resources": {"GPU": 8, "CPU": 32}, "max_nodes": 3}
    common = {"kind": "attached", "address": "http://127.0.0.1:1", "head_price_usd_per_hour": 0}
    settings = {
        "state_dir": str(tmp_path / "state"),
        "defaults": {"demand": "1x{CPU:1}"},
        "teams": {"default": {"may_burst": True}},
        "pools": {
            "own": {**common, "role": "baseline", "node_types": {"n": node}},
            "cloud": {**common, "role": "burst", "node_types": {"n": cloud}},
        },
    }
    (tmp_path / "spillover.yaml").write_text(yaml.safe_dump(settings))
    result = bare("backtest", "jobs.csv", "-p", "immediate")
    assert result.exit_code == 0, result.output
    bare("backtest", "jobs.csv", "-p", "immediate", "--nodes", "2")
    assert [(w.nodes, w.gpus_per_node, w.on_demand_usd) for w, _ in worlds] == [(7, 4, 2.5), (2, 8, 3.06)]
    assert "Owned: 7 nodes with 4 GPU each, from own of the settings." in result.stdout
    result = bare("backtest", "--from-store")
    assert result.exit_code == 1
    assert "holds no history: no server of these settings was ever started" in result.stderr


def test_the_speed_is_the_median_of_three(bare, worlds, tmp_path):
    """One run is played three times; another simulator's figures stand beside it."""
    (tmp_path / "theirs.csv").write_text("policy,jobs_per_s\na,10\nb,20\n")
    result = bare("backtest", "jobs.csv", "-p", "never", "--speed-against", "theirs.csv")
    assert result.stdout.splitlines() == [
        "never: 3 runs of 40 jobs, 80 jobs/s in the median (80, 80, 80)",
        "beside 10 to 20 jobs/s: 4.0 times the fastest",
    ]
    assert len(worlds) == 3
    told = json.loads(bare("backtest", "jobs.csv", "-p", "never", "--speed-check", "--json").stdout)
    assert (told["jobs_per_s"], told["samples"], told["others"]) == (80, [80, 80, 80], None)
    (tmp_path / "theirs.csv").write_text("policy\na\n")
    assert "has no column jobs_per_s" in bare("backtest", "jobs.csv", "--speed-against", "theirs.csv").stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "say which trace to play, or --from-store"),
        (["none.csv"], "trace none.csv cannot be read: No such file or directory"),
        (["jobs.csv", "--from-store"], "play either jobs.csv or --from-store, not both"),
        (["--from-store"], "there is no spillover.yaml here; say -c FILE"),
        (["jobs.csv", "-p", "nevr"], "unknown policy 'nevr'; did you mean 'never'?"),
        (["jobs.csv", "--set", "world.startup=1"], "did you mean 'world.startup_s'?"),
        (["jobs.csv", "--format", "cvs"], "unknown format 'cvs'; did you mean 'csv'?"),
    ],
)
def test_what_cannot_be_played_is_said(args, text, bare, worlds):
    """What is wrong is named with its remedy, and nothing is played."""
    result = bare("backtest", *args)
    assert (result.exit_code, worlds) == (1, [])
    assert text in result.stderr


@pytest.mark.parametrize("args", [["--order", "best"], ["--movable", "2"], ["--count", "tpus"], ["--by", "day"]])
def test_wrong_options_are_usage_errors(args, bare, worlds):
    """An option with a value that it does not know is refused with 2, as ever."""
    assert bare("backtest", "jobs.csv", *args).exit_code == 2
