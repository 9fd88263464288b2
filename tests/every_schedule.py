"""The relaxed problem of the clairvoyant bound as a linear programme over every schedule of every job, for tests."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from spillover.backtest.columns import Bools, Columns, Floats

HOUR = 3600.0


def programme(
    trace: Columns, owned: float, movable: Bools, hours: int, allowed_h: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Arguments c, A_ub, b_ub, A_eq, b_eq of `scipy.optimize.linprog`, for jobs at whole hours that end by `hours`.

    A column is a share of one schedule of one job; `hours` more are what movable jobs rent in each hour. A schedule of
    a movable job is any set of hours since its submission, of another a start on owned nodes, or the cloud at once.
    """
    rows = []
    for job in range(len(trace)):
        begin, run = round(trace.submit_s[job] / HOUR), round(trace.run_s[job] / HOUR)
        rows += [(job, *each) for each in _schedules(begin, run, hours, can_move=bool(movable[job]))]
    n, m = len(trace), len(rows)
    cost, waits = np.zeros(m + hours), np.zeros(m + hours)
    capacity, rent, once = np.zeros((hours, m + hours)), np.zeros((hours, m + hours)), np.zeros((n, m + hours))
    for at, (job, ran, wait) in enumerate(rows):
        once[job, at], waits[at] = 1, wait
        cost[at] = 0.0 if ran else trace.gpus[job] * trace.run_s[job] / HOUR
        capacity[list(ran), at] = trace.gpus[job]
        rent[list(ran), at] = -trace.gpus[job] * movable[job]
    cost[m:] = 1
    capacity[:, m:], rent[:, m:] = -np.eye(hours), np.eye(hours)
    limits = np.concatenate([np.full(hours, owned), np.zeros(hours), [allowed_h]])
    return cost, np.vstack([capacity, rent, waits]), limits, once, np.ones(n)


def _schedules(begin: int, run: int, hours: int, *, can_move: bool) -> list[tuple[tuple[int, ...], int]]:
    """Each schedule's hours on owned nodes or wherever there is room, and its wait; none are hours for the cloud."""
    if can_move:
        return [(ran, ran[-1] + 1 - begin - run) for ran in combinations(range(begin, hours), run)]
    return [((), 0), *((tuple(range(at, at + run)), at - begin) for at in range(begin, hours - run + 1))]
