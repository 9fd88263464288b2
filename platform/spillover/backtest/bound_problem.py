"""The relaxed problem that the clairvoyant bound prices: jobs, owned accelerators, and time cut into slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .columns import Bools, Columns, Floats, Ints

SECONDS_PER_HOUR = 3600.0
TAIL_SLOTS = 40


@dataclass(frozen=True, eq=False)
class Problem:
    """n jobs on `owned` accelerators, in hours from the first submission; m slots between the m + 1 `edges`.

    After the last edge comes one slot without end, in which owned accelerators are free: `first` and `last`, the slots
    in which each job is submitted and would end without waiting, may be that slot, m.
    """

    submit: Floats
    run: Floats
    gpus: Floats
    movable: Bools
    owned: float
    edges: Floats
    first: Ints
    last: Ints

    @property
    def capacity(self) -> Floats:
        """What the owned accelerators can do in each slot, in GPU-hours."""
        return self.owned * np.diff(self.edges)


def problem(trace: Columns, owned: float, movable: Bools, slots: int) -> Problem:
    """The trace on a grid: about `slots` equal slots, cut further wherever the load without waiting crosses `owned`."""
    submit = (trace.submit_s - trace.submit_s.min()) / SECONDS_PER_HOUR
    run = trace.run_s / SECONDS_PER_HOUR
    none = np.empty(0, np.int64)
    bare = Problem(submit, run, trace.gpus.astype(float), movable, owned, np.empty(0), none, none)
    return on_grid(bare, _edges(bare, slots))


def on_grid(bare: Problem, edges: Floats) -> Problem:
    """The same jobs on other slots; `edges` ascend from 0."""
    last = len(edges) - 1
    first = np.minimum(np.searchsorted(edges, bare.submit, "right") - 1, last)
    ends = np.minimum(np.searchsorted(edges, bare.submit + bare.run, "right") - 1, last)
    return replace(bare, edges=edges, first=first, last=ends)


def load(given: Problem) -> tuple[Floats, Floats]:
    """The load if nobody waits: from each of the moments on, so many accelerators are busy until the next."""
    moments = np.concatenate([given.submit, given.submit + given.run])
    order = np.argsort(moments, kind="stable")
    busy = np.cumsum(np.concatenate([given.gpus, -given.gpus])[order])
    settled = np.append(np.diff(moments[order]) > 0, True)
    return moments[order][settled], busy[settled]


def full(given: Problem) -> Bools:
    """In which slots the load without waiting is above the owned accelerators, by the middle of the slot."""
    moments, busy = load(given)
    middle = (given.edges[1:] + given.edges[:-1]) / 2
    return busy[np.searchsorted(moments, middle, "right") - 1] > given.owned


def _edges(given: Problem, slots: int) -> Floats:
    """Equal slots and crossings over the trace, then slots that grow until all its work fits on the owned ones."""
    moments, busy = load(given)
    above = busy > given.owned
    crossings = moments[1:][above[1:] != above[:-1]]
    end = max(float(moments[-1]), 1 / SECONDS_PER_HOUR)
    backlog = float((given.run * given.gpus).sum()) / max(given.owned, 1.0)
    tail = end + np.geomspace(end / slots, max(backlog, 2 * end / slots), TAIL_SLOTS)
    return np.unique(np.concatenate([np.linspace(0.0, end, slots + 1), crossings, tail]))
