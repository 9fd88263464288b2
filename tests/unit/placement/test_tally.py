import numpy as np
import pytest

from spillover.placement import tally
from spillover.placement.likeness import DEPTH
from spillover.placement.survival import BINS, bin_of
from spillover.placement.tally import Tally, blank, end, forecast, hazards, lasts, promise, refresh, start

JOBS = 400


def filled(jobs: int = JOBS) -> Tally:
    """A tally of jobs that are alike in all and in one group, without hints."""
    t = blank(2, 3600.0)
    t.like.extend([0, 1, *[-1] * (DEPTH - 2)] * jobs)
    t.unit.extend([1.0, 0.0] * jobs)
    t.share.extend([0.0] * (2 * DEPTH * jobs))
    for row in (t.begun, t.low, t.high):
        row.extend([0.0] * jobs)
    t.at.extend([0] * (2 * jobs))
    t.live.extend([0] * jobs)
    t.place.extend([-1] * jobs)
    return t


def row() -> list[float]:
    return [0.0] * BINS


def test_hazards_are_kaplan_meier():
    """Of 4 runs, 2 ended in the first minutes and 2 still go on: half of all runs last longer than those two."""
    t = filled()
    for job in range(4):
        start(t, job, 0.0, 0.0)
    end(t, 0, 50.0, 50.0)
    end(t, 1, 100.0, 100.0)
    refresh(t, 10_000.0)
    t.strength[:] = [1e-6] * DEPTH
    refresh(t, 10_000.0)
    assert lasts(t, 5, 0.0, 40.0, row()) == pytest.approx(1.0, abs=0.01)
    assert lasts(t, 5, 0.0, 75.0, row()) == pytest.approx(0.75, abs=0.01)
    assert lasts(t, 5, 0.0, 5000.0, row()) == pytest.approx(0.5, abs=0.01)


def test_the_tail_is_extrapolated():
    """No run was seen to last a day, yet one that has lasted an hour may; and it may end."""
    t = filled()
    for job in range(300):
        start(t, job, 0.0, 0.0)
        end(t, job, 10.0 * (job + 1), 3000.0)
    assert 1e-5 < lasts(t, 301, 3600.0, 86_400.0, row()) < 0.5
    assert forecast(t, 301, 86_400.0, row())[0] > 3600.0


def test_an_age_moves_on_without_being_asked():
    """Each start and end brings some running jobs up to date, so that all are in their bins after a while."""
    t = filled()
    for job in range(50):
        start(t, job, 0.0, 0.0)
    for job in range(50, 90):
        start(t, job, 5000.0, 5000.0)
        end(t, job, 1.0, 5001.0)
    assert all(t.at[2 * job] == bin_of(5000.0) for job in range(50))
    assert sum(t.running[:BINS]) == pytest.approx(t.running[bin_of(5000.0)])


def test_weights_stay_finite(monkeypatch):
    """However many jobs start, what was learnt stays what it is when weights are made smaller."""
    kept, shrunk = filled(), filled()
    for t, huge in ((kept, 2.0**500), (shrunk, 1.5)):
        monkeypatch.setattr(tally, "_HUGE", huge)
        for job in range(JOBS):
            start(t, job, float(job), float(job))
            if job >= 5:
                end(t, job - 5, 100.0 + job, float(job))
    assert shrunk.weight[0] < 2 < kept.weight[0] * 2
    for one, other in zip(forecast(kept, 0, 50.0, row()), forecast(shrunk, 0, 50.0, row()), strict=True):
        assert one == pytest.approx(other)


def test_misses_move_the_bounds():
    """Where more than 1 in 10 ends below the interval, its low end goes down, and the high end comes in meanwhile."""
    t = filled()
    for job in range(100):
        promise(t, job, row())
        t.low[job], t.high[job] = 1000.0, 1e9
        start(t, job, 0.0, 0.0)
        end(t, job, 10.0, 10.0)
    assert t.level[0] == pytest.approx(0.1 - 100 * 0.001 * 0.9, abs=1e-9)
    assert t.level[1] == pytest.approx(0.9 - 100 * 0.001 * 0.1, abs=1e-9)


def test_lists_and_arrays_agree():
    """The same code on lists, as live, and on arrays, as in a replay."""
    lists = filled()
    arrays = Tally(*(np.array(column) for column in filled()))
    for t in (lists, arrays):
        for job in range(60):
            promise(t, job, row())
            start(t, job, 10.0 * job, 10.0 * job)
            if job >= 10:
                end(t, job - 10, 37.0 * (job % 7 + 1), 10.0 * job)
    assert hazards(lists, 99, row()) == 1.0
    assert forecast(lists, 99, 20.0, row()) == pytest.approx(forecast(arrays, 99, 20.0, np.zeros(BINS)))
