"""What a sweep remembers, and what it makes of it: jobs/sweep/journal.py and jobs/sweep/schedulers.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem

STEPS = 80
DRAWN = [{"optimizer.rate": rate} for rate in (0.1, 0.01, 0.001)]


@pytest.fixture
def journal(load: Callable[[str], Any]) -> Any:
    return load("sweep.journal")


def opened(journal: Any, folder: Path) -> Any:
    return journal.Journal(LocalFileSystem(), str(folder))


def test_what_has_ended_is_not_run_again(journal: Any, tmp_path: Path) -> None:
    """Ended trials are left out of the next plan; cut off and failed ones are in it, with what they had reached."""
    first = opened(journal, tmp_path)
    ended, failed, cut_off = first.plan(DRAWN, STEPS)
    ended.status, failed.status = journal.ENDED, journal.FAILED
    cut_off.report(20, 3.0)
    cut_off.pointer = {"trial": 2, "run": "002", "step": 20}
    cut_off.settings = {"optimizer.rate": 0.002}
    for record in (ended, failed, cut_off):
        first.note(record)
    left = opened(journal, tmp_path).plan(DRAWN, STEPS)
    assert [record.trial for record in left] == [1, 2]
    assert left[1] == cut_off


def test_more_trials_may_be_asked_for(journal: Any, tmp_path: Path) -> None:
    """A sweep that is run again with more trials runs those alone, and with fewer none."""
    first = opened(journal, tmp_path)
    for record in first.plan(DRAWN, STEPS):
        record.status = journal.ENDED
        first.note(record)
    assert [r.trial for r in opened(journal, tmp_path).plan([*DRAWN, {"optimizer.rate": 1.0}], STEPS)] == [3]
    assert opened(journal, tmp_path).plan(DRAWN[:1], STEPS) == []


@pytest.mark.parametrize(("drawn", "steps"), [([{"optimizer.rate": 0.2}], STEPS), (DRAWN, STEPS + 1)])
def test_another_sweep_of_that_name(journal: Any, tmp_path: Path, drawn: Any, steps: int) -> None:
    """Other settings under a name that is taken are an error: what was measured would not compare."""
    first = opened(journal, tmp_path)
    first.note(first.plan(DRAWN, STEPS)[0])
    with pytest.raises(
        ValueError, match=r"trial 0 has 80 steps and optimizer.rate=0.1, not .*: give this one another name"
    ):
        opened(journal, tmp_path).plan(drawn, steps)


def test_a_step_that_is_run_again_is_reported_once(journal: Any) -> None:
    """Reports beyond the checkpoint that a trial went on from are replaced by what it says now."""
    record = journal.Record(0, STEPS, {}, {})
    for step, loss in [(20, 4.0), (40, 3.0), (60, 2.9), (40, 3.1)]:
        record.report(step, loss)
    assert record.reports == [(20, 4.0), (40, 3.1)]


def records(journal: Any) -> list[Any]:
    """One that finished, one that was stopped with a low loss, one that failed."""
    steps_of = [(80, 2.0, journal.ENDED), (20, 1.9, journal.ENDED), (40, 1.0, journal.FAILED)]
    return [
        journal.Record(i, STEPS, DRAWN[i], DRAWN[i], [(step, loss)], status=status)
        for i, (step, loss, status) in enumerate(steps_of)
    ]


def test_steps_run_and_saved(journal: Any) -> None:
    """Steps run are the sum of what each trial reached, of trials x steps."""
    assert journal.saved_steps(records(journal)) == (140, 240)


def test_the_best_has_run_furthest(journal: Any) -> None:
    """A trial that was stopped early is not the best for a low loss, and a failed one never is."""
    assert journal.best(records(journal)).trial == 0
    with pytest.raises(ValueError, match="no trial came to an end"):
        journal.best(records(journal)[2:])


def test_table(journal: Any) -> None:
    """Each trial has a line with its steps, loss, outcome and settings, those that ran furthest first."""
    lines = journal.table(records(journal)).splitlines()
    assert [line.split() for line in lines] == [
        ["trial", "steps", "loss", "outcome", "optimizer.rate"],
        ["000", "80/80", "2.000", "finished", "0.1"],
        ["002", "40/80", "1.000", "failed", "0.001"],
        ["001", "20/80", "1.900", "stopped", "early", "0.01"],
    ]


def test_asha_remembers_earlier_trials(load: Callable[[str], Any], journal: Any, tmp_path: Path) -> None:
    """A trial is stopped for being worse than what ended before the driver was cut off, and not judged twice at a rung."""
    schedulers = load("sweep.schedulers")
    known = opened(journal, tmp_path)
    known.plan(DRAWN, STEPS)
    known.records[0].reports, known.records[0].status = [(20, 3.0), (40, 2.0)], journal.ENDED
    known.records[1].reports = [(20, 2.5)]
    settings = SimpleNamespace(base=SimpleNamespace(steps=STEPS), first_steps=20, factor=2.0)
    asha = schedulers.Asha(settings, known)

    def judged(name: str, step: int, loss: float) -> str:
        return str(asha.on_trial_result(None, trials[name], {"step": step, "loss": loss}))

    trials = {name: Named(name) for name in ("001", "002")}
    for trial in trials.values():
        asha.on_trial_add(None, trial)
    assert judged("002", 20, 9.0) == "STOP"
    assert judged("001", 20, 9.0) == "CONTINUE"
    assert judged("001", 40, 1.5) == "CONTINUE"
    assert judged("001", 80, 1.5) == "CONTINUE"


class Named:
    """What the scheduler sees of Tune's trials: their name is our number."""

    def __init__(self, name: str) -> None:
        self.trial_id = f"tune-{name}"
        self.name = name

    def __str__(self) -> str:
        return self.name
