"""From a replay's columns to a run's figures, and to results."""

import json
from dataclasses import replace

import pytest

from made_traces import HOUR, columns, outcome
from spillover.backtest.perform import trace_facts
from spillover.backtest.readers import Loaded
from spillover.backtest.results import Record, Results
from spillover.backtest.summary import compared, counted, label_of, summarise
from spillover.backtest.world import World

TRACE = columns((0, 100, 1), (10, HOUR, 8), (20, 1, 4), (40, 7 * HOUR, 8), teams=("red", "blue"))
WENT = outcome(TRACE, [0, 60, 30, 0], [False, True, False, True])


def test_waits_and_bills_are_summed():
    """Means and quantiles are over all jobs, the bill is the whole one, a job of a second does not blow up slowdown."""
    run = summarise(WENT)
    assert (run.jobs, run.bursts, run.unplaced, run.decisions) == (4, 2, 0, 7)
    assert run.wait.mean_s == 22.5
    assert (run.wait.max_s, run.wait_at[0], run.wait_at[50], run.wait_at[100]) == (60, 0, 15, 60)
    assert run.jct.mean_s == pytest.approx(22.5 + TRACE.run_s.mean())
    assert run.slowdown == pytest.approx((1 + 3660 / 3600 + 3.1 + 1) / 4)
    assert run.cloud_usd == pytest.approx(8 * 8 * 3 + 0.5)
    assert run.total_usd == pytest.approx(run.cloud_usd + 2.0)
    assert run.jobs_per_s == 8


def test_groups_say_who_waits_and_who_spends():
    """Teams, sizes and lengths hold each job once; a job's own bill is its group's."""
    run = summarise(WENT)
    assert [(g.name, g.jobs, g.wait.mean_s, g.cloud_usd) for g in run.by_team] == [
        ("red", 2, 15, 0), ("blue", 2, 30, pytest.approx(192)),
    ]  # fmt: skip
    assert [(g.name, g.jobs) for g in run.by_size] == [("1", 1), ("3 to 4", 1), ("5 to 8", 2)]
    assert [(g.name, g.jobs) for g in run.by_length] == [("under 10 min", 2), ("1 to 4 h", 1), ("4 to 24 h", 1)]


def test_jobs_at_the_ends_can_be_left_out_of_the_figures():
    """What is not counted still ran: the bill is then the counted jobs' own."""
    run = summarise(WENT, (1, 1))
    assert (run.jobs, run.wait.mean_s) == (2, 45)
    assert run.cloud_usd == pytest.approx(24)
    assert run.cloud_gpu_h == pytest.approx(8)
    assert counted(3, (2, 2)).tolist() == [False, False, False]


def test_jobs_that_never_ran_do_not_count_as_waiting_none():
    """They are counted apart, and their waits are in no mean."""
    never = outcome(TRACE, [10, float("inf"), 30, float("nan")], [False] * 4, left=(1, 3))
    run = summarise(never)
    assert (run.unplaced, run.wait.mean_s, run.jobs) == (2, 20, 4)


def test_utilisation_is_of_the_time_of_submissions():
    """The tail after the last submission, when nothing comes any more, does not count."""
    assert summarise(WENT).utilisation == pytest.approx((8 + 4 + 0) / 3 / 8)


def test_coverage_is_counted_by_quarter():
    """The share of run times within their interval, of all and of each quarter of the jobs."""
    run = summarise(WENT)
    assert (run.coverage_80, run.coverage_by_quarter) == (0.25, (1.0, 0.0, 0.0, 0.0))


def test_runs_are_compared():
    """They stand by policy and bill, beside bursting at once; one that another beats in both is not marked."""
    now = summarise(WENT)
    slow = replace(now, policy="starburst", wait=replace(now.wait, mean_s=90.0), cloud_usd=96.25)
    worse = replace(slow, cloud_usd=99.0, wait=replace(now.wait, mean_s=95.0))
    runs = compared([worse, slow, now])
    assert [(r.policy, r.cloud_usd) for r in runs] == [("immediate", 192.5), ("starburst", 96.25), ("starburst", 99.0)]
    assert [r.cheapest for r in runs] == [True, True, False]
    assert [r.vs_no_wait for r in runs] == [1, 0.5, pytest.approx(99 / 192.5)]
    assert all(r.vs_no_wait is None for r in compared([slow]))


def test_the_record_is_plain_json():
    """Infinite numbers are null, spot zones and settings are plain, and the frontier is by wait."""
    world = World(2, spot=())
    facts = trace_facts(Loaded(TRACE, "csv", ("x",)), world)
    assert facts.mean_gpus == pytest.approx((100 + 8 * HOUR + 4 + 56 * HOUR) / 40)
    results = Results(facts, world, compared([summarise(WENT)]), Record("1", None, 0.0, 1.0, 1, 1, None))
    told = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert (told["world"]["budget_usd"], told["world"]["order"], told["format"]) == (None, "easy", 1)
    assert told["runs"][0]["by_team"][0]["wait"]["mean_s"] == 15
    assert [run.policy for run in results.frontier("immediate")] == ["immediate"]


def test_a_label_is_the_policy_with_its_settings():
    """Numbers are short, words as they are."""
    assert (
        label_of("starburst", {"waiting": "cost", "coefficient": 0.123456})
        == "starburst waiting=cost coefficient=0.1235"
    )
