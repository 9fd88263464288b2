import random

import pytest

from spillover.placement import groups as groups_module
from spillover.placement.forecast import HINTED, UNKNOWN
from spillover.placement.learning import Learner
from spillover.placement.likeness import Like

LIKE = Like("red", "ann", "gpu0", "", "train.py", "train.py --x", "1")
OTHER = Like("blue", "bob", "gpu3", "", "serve.py", "serve.py", "1")


def run(learner: Learner, run_s: float, *, at: float = 0.0, like: Like = LIKE, hint_s: float | None = None) -> float:
    """One job from start to end; returns when it ended."""
    name = f"j{at}"
    learner.start(name, like, hint_s, at, at)
    learner.end(name, run_s, at + run_s)
    return at + run_s


def test_nothing_is_known_at_first():
    """Before any run, the mean is the default, which is said to be assumed; with a hint it is the hint."""
    learner = Learner(3600.0)
    unknown, hinted = learner.forecast(LIKE, None), learner.forecast(LIKE, 120.0)
    assert (unknown.mean_s, hinted.mean_s) == (3600.0, 120.0)
    assert unknown.source.startswith(UNKNOWN)
    assert hinted.source == HINTED
    assert unknown.low_s < unknown.median_s < unknown.mean_s < unknown.high_s


def test_like_jobs_teach_more_than_others():
    """After runs of 100 s, the same entrypoint is expected to take 100 s, and strangers somewhat less than by default."""
    learner, now = Learner(3600.0), 0.0
    for _ in range(20):
        now = run(learner, 100.0, at=now)
    near, far = learner.forecast(LIKE, None), learner.forecast(OTHER, None)
    assert near.median_s == pytest.approx(100, rel=0.2)
    assert near.high_s < 150
    assert near.mean_s < far.mean_s < 3600
    assert near.source == "20 runs of its entrypoint"
    assert far.source == "20 runs of any job"


def test_the_future_is_not_seen():
    """Whatever a running job's run time will be, forecasts are the same until it has ended."""
    long, short = Learner(3600.0), Learner(3600.0)
    for learner in (long, short):
        run(learner, 50.0)
        learner.start("x", LIKE, None, 100.0, 100.0)
    assert long.forecast(LIKE, None) == short.forecast(LIKE, None)
    long.end("x", 5000.0, 5100.0)
    short.end("x", 10.0, 110.0)
    assert long.forecast(LIKE, None).mean_s > short.forecast(LIKE, None).mean_s


def test_running_jobs_keep_it_from_believing_in_short_ones():
    """Early on only short jobs have ended; that others still run tells that not all are short."""
    ended, seen = Learner(3600.0), Learner(3600.0)
    for number in range(10):
        for learner in (ended, seen):
            run(learner, 60.0, at=float(number))
        seen.start(f"long{number}", LIKE, None, float(number), float(number))
    seen.refresh(4000.0)
    assert seen.forecast(LIKE, None).high_s > 4000
    assert seen.forecast(LIKE, None).outlasts(1000.0) == pytest.approx(0.5, abs=0.1)
    assert ended.forecast(LIKE, None).outlasts(1000.0) < 0.1


def test_hints_are_set_right():
    """A user whose jobs take a quarter of what they hint is expected to go on like that, and not elsewhere."""
    learner, now = Learner(3600.0), 0.0
    for hint_s in (400.0, 4000.0, 40_000.0) * 5:
        now = run(learner, hint_s / 4, at=now, hint_s=hint_s)
    found = learner.forecast(LIKE, 8000.0)
    assert found.median_s == pytest.approx(2000, rel=0.2)
    assert found.source == f"{HINTED}, and 15 earlier hints"
    assert learner.forecast(LIKE, 80.0).median_s == pytest.approx(20, rel=0.2)


def test_a_stopped_run_says_only_that_it_lasted():
    """Runs that were cut at 50 s do not make jobs short."""
    cut, ended = Learner(3600.0), Learner(3600.0)
    for number in range(10):
        run(cut, 1000.0, at=float(number))
        run(ended, 1000.0, at=float(number))
        cut.start(f"c{number}", LIKE, None, 0.0, 0.0)
        cut.cut(f"c{number}", 50.0, 50.0)
        run(ended, 50.0, at=100.0 + number)
    assert cut.forecast(LIKE, None).median_s > 900
    assert ended.forecast(LIKE, None).median_s < 900


def test_a_pause_is_no_run_time():
    """A job that ran for 10 s, paused for a day and ran on is 20 s old 10 s later."""
    learner = Learner(3600.0)
    run(learner, 5.0)
    learner.start("x", LIKE, None, 0.0, 0.0)
    learner.pause("x", 10.0)
    assert "x" not in learner.running
    assert learner.knows("x")
    learner.refresh(86_400.0)
    learner.start("x", LIKE, None, 86_400.0, 86_400.0)
    learner.refresh(86_410.0)
    aged = learner.forecast(LIKE, None)
    twin = Learner(3600.0)
    run(twin, 5.0)
    twin.start("x", LIKE, None, 0.0, 0.0)
    twin.refresh(20.0)
    assert aged.mean_s == pytest.approx(twin.forecast(LIKE, None).mean_s)


def test_the_past_teaches_like_the_present():
    """Runs that are recalled at a restart give nearly the forecast that they gave when they were seen."""
    seen, told, now, draw = Learner(3600.0), Learner(3600.0), 0.0, random.Random(1)
    for _ in range(200):
        run_s = draw.lognormvariate(6.0, 1.0)
        now = run(seen, run_s, at=now)
        told.recall(LIKE, None, run_s)
    told.refresh(now)
    one, other = seen.forecast(LIKE, None), told.forecast(LIKE, None)
    assert other.median_s == pytest.approx(one.median_s, rel=0.1)
    assert other.mean_s == pytest.approx(one.mean_s, rel=0.1)


def test_what_is_new_counts_more():
    """Once an entrypoint takes 2000 s instead of 100 s, some twenty runs are enough to expect that."""
    learner, now = Learner(3600.0), 0.0
    for run_s in [100.0] * 100 + [2000.0] * 25:
        now = run(learner, run_s, at=now)
    assert learner.forecast(LIKE, None).median_s > 1500


def test_intervals_hold():
    """Of jobs of mixed kinds with log-normal run times, about 8 of 10 fall into the interval that they were given."""
    learner, draw, held, now = Learner(3600.0), random.Random(2), [], 0.0
    for number in range(600):
        like, middle = (LIKE, 5.0) if number % 2 else (OTHER, 8.0)
        forecast, run_s = learner.forecast(like, None), draw.lognormvariate(middle, 1.5)
        now = run(learner, run_s, at=now, like=like)
        held.append(forecast.low_s <= run_s <= forecast.high_s)
    assert sum(held[100:]) / 500 == pytest.approx(0.8, abs=0.05)


def test_a_forecast_is_kept_until_something_was_learnt():
    """The same question gets the same object, however often it is asked."""
    learner = Learner(3600.0)
    run(learner, 50.0)
    first = learner.forecast(LIKE, None)
    assert learner.forecast(LIKE, None) is first
    run(learner, 50.0, at=60.0)
    assert learner.forecast(LIKE, None) is not first


def test_forgets_the_groups_that_nobody_runs_in(monkeypatch):
    """Memory is bounded: of too many groups the oldest go, running jobs keep theirs, and the rest stays right."""
    monkeypatch.setattr(groups_module, "MOST", 40)
    learner = Learner(3600.0)
    learner.start("x", LIKE, None, 0.0, 0.0)
    for number in range(60):
        run(learner, 100.0, at=float(number), like=OTHER._replace(entrypoint=f"e{number}"))
    learner.end("x", 100.0, 200.0)
    assert learner.forecast(OTHER._replace(entrypoint="e59"), None).source == "1 run of its entrypoint"
    assert learner.forecast(OTHER._replace(entrypoint="e0"), None).source == "60 runs of its program"
    assert learner.forecast(LIKE, None).median_s == pytest.approx(100, rel=0.2)
