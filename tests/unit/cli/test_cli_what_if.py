"""`spillover what-if` from the outside, on a history that a server has left."""

from __future__ import annotations

import json
import sys
import time
import types
from dataclasses import replace

import pytest
import yaml

from made_traces import outcome
from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import Attempt, AttemptStatus, Hints, Job, JobStatus, Outcome, SubmitRequest
from spillover.domain.money import EntryKind, LedgerEntry
from spillover.domain.resources import Demand, parse_bundles
from spillover.ports import Event

EVENT = Event(1.0, "ann", "j", "text")


def leave_job(store: SqlStore, name: str, team: str, ended_at: float) -> None:
    """A job that waited a minute and ran for an hour on the rented pool, for a dollar."""
    begun = ended_at - 3600
    demand = Demand(parse_bundles("1x{GPU:4}"))
    job = Job(name, SubmitRequest("x"), "ann", team, 0, demand, "declared", Hints(), begun - 60)
    store.add_job(job, EVENT)
    store.claim(name, "t", 0.0, 9e9)
    job = replace(job, status=JobStatus.RUNNING, attempts=1)
    attempt = Attempt(name, name, 1, "cloud", "n", "on_demand", begun, started_at=begun)
    store.start_attempt(job, attempt, "t", EVENT)
    over = replace(attempt, status=AttemptStatus.ENDED, outcome=Outcome.SUCCEEDED, ended_at=ended_at)
    store.update_attempt(over, replace(job, status=JobStatus.SUCCEEDED, ended_at=ended_at), "t", EVENT)
    paid = LedgerEntry(
        "cloud", "n1", "n", "on_demand", begun, ended_at, EntryKind.JOB, 10**9, 3600.0, name, team, "ann"
    )
    store.record_spend([], [paid])


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Settings whose policy waits, a history of two days, and a replay that notes what it is given."""
    monkeypatch.chdir(tmp_path)
    node = {"market": "owned", "price_usd_per_hour": 4.0, "resources": {"GPU": 4}, "max_nodes": 2}
    rented = {"market": "on_demand", "price_usd_per_hour": 8.0, "resources": {"GPU": 4}, "max_nodes": 3}
    common = {"kind": "attached", "address": "http://127.0.0.1:1", "head_price_usd_per_hour": 0}
    settings = {
        "state_dir": str(tmp_path / "state"),
        "defaults": {"demand": "1x{CPU:1}"},
        "teams": {"default": {"may_burst": True}, "red": {"may_burst": True}, "blue": {"may_burst": False}},
        "policy": {"name": "waiting_budget", "seconds_per_usd": 60},
        "pools": {
            "own": {**common, "role": "baseline", "node_types": {"n": node}},
            "cloud": {**common, "role": "burst", "node_types": {"n": rented}},
        },
    }
    (tmp_path / "spillover.yaml").write_text(yaml.safe_dump(settings))
    store = SqlStore.in_folder(tmp_path / "state")
    for number, (team, days) in enumerate((("red", 0), ("blue", 1), ("red", 40))):
        leave_job(store, f"j{number}", team, time.time() - days * 86400 - 60)
    store.close()
    seen = []

    def play(trace, world, policy, **_more):
        seen.append((trace, world, policy))
        seconds = getattr(policy, "seconds_per_usd", 0.0)
        made = outcome(trace, [seconds] * len(trace), [seconds < 100 and team == 1 for team in trace.team], usd=2.0)
        return replace(made, policy=policy.name, world=world)

    engine = types.ModuleType("spillover.backtest.run")
    engine.play = play
    monkeypatch.setitem(sys.modules, "spillover.backtest.run", engine)
    return seen


def test_the_live_policy_is_replayed_beside_the_changed_one(bare, house):
    """The history's newest days are played twice; dollars, waits and teams stand side by side with their difference."""
    result = bare("what-if", "--set", "policy.seconds_per_usd=600")
    assert result.exit_code == 0, result.output
    assert [policy.seconds_per_usd for _, _, policy in house] == [60, 600]
    trace, world, _ = house[0]
    assert (trace.ids, trace.teams, trace.may_burst.tolist()) == (("j1", "j0"), ("blue", "red"), [False, True])
    assert (world.nodes, world.gpus_per_node, world.on_demand_usd, world.owned_usd) == (2, 4, 2, 1)
    rows = {line.split("  ")[0].strip(): line.split() for line in result.stdout.splitlines()}
    assert rows["cloud"][1:] == ["$8.50", "$0.5000", "-$8.00"]
    assert rows["mean wait"][2:] == ["1m00s", "10m00s", "+9m00s"]
    assert rows["jobs that burst"][3:] == ["1", "0", "-1"]
    assert rows["red"][1:] == ["1", "1m00s", "10m00s", "+9m00s", "$8.00", "$0.0000", "-$8.00"]
    assert "As it really went: a mean wait of 1m00s, and $2.00 booked on jobs that ran rented." in result.stdout


def test_a_policy_without_a_rule_is_played_job_by_job(bare, house, tmp_path):
    """Threshold's ages of those ahead are no plain numbers: the code that decides live plays both on the pools."""
    settings = yaml.safe_load((tmp_path / "spillover.yaml").read_text())
    (tmp_path / "spillover.yaml").write_text(yaml.safe_dump({**settings, "policy": {"name": "threshold"}}))
    result = bare("what-if", "--policy", "never", "--json")
    assert (result.exit_code, house) == (0, []), result.output
    told = json.loads(result.stdout)
    assert (told["live"]["policy"], told["changed"]["policy"]) == ("threshold", "never")
    assert told["live"]["wait"]["mean_s"] == 0
    assert told["live"]["owned_usd"] == pytest.approx(2 * 4.0 * 25, rel=0.01)
    assert told["live"]["by_team"][0]["gpu_h"] == pytest.approx(4)
    assert told["notes"][-1] == "played job by job: the newest 2 jobs, of at most 500"
    result = bare("what-if", "--policy", "never", "--set", "world.nodes=3")
    assert "--set world.KEY changes nothing for 'threshold'" in result.stderr
    result = bare("backtest", "--from-store", "-p", "threshold")
    assert "policy threshold cannot be played on a trace: it has no rule of plain numbers" in result.stderr


def test_another_policy_and_other_pools(bare, house):
    """`--policy` starts from that policy's own defaults, `world.` changes the pools, `--last` says how much history."""
    result = bare("what-if", "--policy", "never", "--set", "world.nodes=9", "--last", "100d", "--json")
    assert result.exit_code == 0, result.output
    assert [(policy.name, world.nodes, len(trace)) for trace, world, policy in house] == [
        ("waiting_budget", 2, 3), ("never", 9, 3),
    ]  # fmt: skip
    told = json.loads(result.stdout)
    assert (told["live"]["policy"], told["changed"]["policy"], told["trace"]["jobs"]) == ("waiting_budget", "never", 3)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "what if what? Say --set policy.KEY=VALUE"),
        (["--set", "policy.seconds=1"], "did you mean 'policy.seconds_per_usd'?"),
        (["--set", "policy.seconds_per_usd=1,2"], "has several values; one change at a time"),
        (["--set", "policy.seconds_per_usd=-1"], "policy waiting_budget: seconds_per_usd is -1"),
        (["--policy", "nevr"], "unknown policy 'nevr'; did you mean 'never'?"),
        (["--policy", "never", "--last", "soon"], "--last 'soon' is no duration"),
        (["--policy", "never", "--last", "1s"], "has no job that can be played"),
    ],
)
def test_what_cannot_be_asked(args, text, bare, house):
    """What is wrong is named before anything is played."""
    result = bare("what-if", *args)
    assert (result.exit_code, house) == (1, [])
    assert text in result.stderr


def test_without_settings_there_is_no_history(bare, tmp_path, monkeypatch):
    """What-if needs the settings, and says so."""
    monkeypatch.chdir(tmp_path)
    assert "there is no spillover.yaml here; say -c FILE" in bare("what-if", "--policy", "never").stderr


def test_backtests_play_the_same_history(bare, house):
    """`backtest --from-store` plays all of it, in the world of the settings."""
    result = bare("backtest", "--from-store", "-p", "immediate", "--by", "team")
    assert result.exit_code == 0, result.output
    assert [(len(trace), world.nodes) for trace, world, _ in house] == [(3, 2)]
    assert "the history in" in result.stdout
