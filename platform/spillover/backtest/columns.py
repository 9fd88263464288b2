"""A trace as columns: what the compiled replay reads, one entry a job, in the order of submission."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Columns:
    """n jobs, sorted by `submit_s`. Times are seconds from the trace's `begins_at` (Unix seconds, 0 if it has none).

    `run_s` is how long each really runs; decisions do not see it. `gpus` counts accelerators, of which a node has
    `World.gpus_per_node`; fractions are kept. `team` and `user` index `teams` and `users`. `hint_s` is the user's own
    estimate, NaN without. `deadline_s` counts from submission, infinite without. `like` has a row of group numbers for
    each job, one column a level of likeness, from the broadest to the narrowest (placement/likeness.py). `resumable`
    jobs may be moved and interrupted, jobs that not `may_burst` never leave the owned nodes.
    """

    ids: tuple[str, ...]
    submit_s: Floats
    run_s: Floats
    gpus: Floats
    cpus: Floats
    team: Ints
    user: Ints
    priority: Ints
    hint_s: Floats
    deadline_s: Floats
    like: Ints
    resumable: Bools
    may_burst: Bools
    teams: tuple[str, ...]
    users: tuple[str, ...]
    begins_at: float = 0.0
    source: str = ""
    sha256: str = ""

    def __len__(self) -> int:
        """How many jobs there are."""
        return len(self.submit_s)
