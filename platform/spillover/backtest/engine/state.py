"""Everything that a replay knows at one moment, in arrays. Times are hours: the anchor's simulator counts in them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..columns import Bools, Columns, Floats, Ints
from ..world import Order, World

WARM = 512
"""So many idle nodes of a size are kept in mind at most."""

AHEAD, QUEUED, OWNED, RENTED, ENDED = 0, 1, 2, 3, 4
"""Where a job is: not submitted yet, waiting, on owned nodes, on rented ones, at its end."""

ORDERS = (Order.EASY, Order.IN_ORDER, Order.ANY)

# Whole numbers of the world's state, by place in `State.counts`
FREE, EVENTS, DUES, IN_QUEUE, IN_CLOUD, ON_OWNED, DECISIONS, MOVED_HOME, MOVED_OUT, CLOUD_UNITS = range(10)
SAMPLES, BILLED, RESERVED = range(10, 13)
COUNTS = 13
# Numbers of the world's state, by place in `State.total`
NOW, SPENT, EGRESS, REVIEWED, RATE, RATE_AT, OWNED_UNIT_H, CLOUD_UNIT_H, USD_PER_H, EXHAUSTED = range(10)
RESERVED_AT, SPARE = range(10, 12)
TOTALS = 12


_TIMES = "submit run deadline left seg since held due began ended over asked moved cloud_h"
_MONEY = "price usd"
_FORECASTS = "expect typical safe"
_COUNTS = "units priority place zone moves broken where version slot first parts mark"
_FLAGS = "resumable may_burst"
JOB = np.dtype(
    [
        (name, kind)
        for kind, names in (("f8", f"{_TIMES} {_MONEY} {_FORECASTS}"), ("i8", _COUNTS), ("?", _FLAGS))
        for name in names.split()
    ],
    align=True,
)
"""What is kept of a job. Units are the trace's smallest share of an accelerator.

`submit`, `run`, `deadline` (h) and `units` are the trace's; `place` where it is; `left` hours of work; `seg` since
when it works there,
after start-up and pauses; `since` it waits; `held` since when it holds its nodes; `due` when it is rented for as
things stand (-1: not
asked yet); `began` when it first worked (-1: never); `over` hours of pause before work goes on at its next start;
`price` USD an hour that it costs now;
`zone` of its spot nodes (-1: on demand); `expect`, `typical`, `safe`: seconds left as forecast, `asked` the hours
it had worked
then; `version` of its next event; `slot` its place in `cloud` or `owned`; `first`, `parts`: where in `nodes_of` its
nodes stand, and
how many; `mark` for whoever works through jobs, 0 outside.
"""


class State(NamedTuple):
    """One replay: `job` [n] of JOB; `nodes_of`, `free` and `scratch` of owned nodes; two heaps, of `event`s (job
    and version in one
    number) and of `due` times; `queue`, `cloud` and `owned` list jobs; idle rented nodes by size; spot zones and
    when they `flip`;
    `counts` and `total` of the world; `row` for forecasts; `series` [moments, 5].
    """

    job: Any
    nodes_of: Ints
    free: Ints
    scratch: Ints
    event_at: Floats
    event: Ints
    due_at: Floats
    due_job: Ints
    queue: Ints
    cloud: Ints
    owned: Ints
    warm_until: Floats
    warm_count: Ints
    zone_free: Bools
    zone_price: Floats
    zone_downs: Floats
    zone_hours: Floats
    flip_at: Floats
    flip: Ints
    counts: Ints
    total: Floats
    row: Floats
    series: Floats


def _jobs(trace: Columns, units: Ints, parts: Ints) -> Any:
    job = np.zeros(len(trace), JOB)
    job["submit"], job["run"], job["left"] = trace.submit_s / 3600.0, trace.run_s / 3600.0, trace.run_s / 3600.0
    job["deadline"] = (trace.submit_s + trace.deadline_s) / 3600.0
    job["units"], job["priority"] = units, trace.priority
    job["resumable"], job["may_burst"] = trace.resumable, trace.may_burst
    job["moved"], job["began"], job["due"], job["zone"], job["slot"] = -np.inf, -1.0, -1.0, -1, -1
    job["first"] = np.cumsum(parts) - parts
    return job


def make_state(trace: Columns, world: World, scale: int, flips: tuple[Floats, Ints], samples: int) -> State:
    """The world before the first submission. `flips` are the moments (h) at which zones change, and which (zone +
    1, negative: gone).
    """
    n, size = len(trace), world.gpus_per_node * scale
    units = np.maximum(np.rint(trace.gpus * scale), 1).astype(np.int64)
    parts = (units + size - 1) // size
    zones = max(1, len(world.spot))
    heap = 24 * n + 64
    count = np.zeros(COUNTS, np.int64)
    count[FREE] = world.nodes * size
    total = np.zeros(TOTALS)
    total[EXHAUSTED] = np.inf
    return State(
        job=_jobs(trace, units, parts),
        nodes_of=np.zeros(int(parts.sum()), np.int64),
        free=np.full(world.nodes, size, np.int64),
        scratch=np.zeros(4 * world.nodes + int(parts.max(initial=1)) + 8, np.int64),
        event_at=np.zeros(heap),
        event=np.zeros(heap, np.int64),
        due_at=np.zeros(heap),
        due_job=np.zeros(heap, np.int64),
        queue=np.zeros(n + 1, np.int64),
        cloud=np.zeros(n + 1, np.int64),
        owned=np.zeros(n + 1, np.int64),
        warm_until=np.zeros(len(world.cloud_sizes) * WARM),
        warm_count=np.zeros(len(world.cloud_sizes), np.int64),
        zone_free=np.zeros(zones, np.bool_),
        zone_price=np.full(zones, world.spot_usd if world.spot else np.inf),
        zone_downs=np.zeros(zones),
        zone_hours=np.zeros(zones),
        flip_at=flips[0],
        flip=flips[1],
        counts=count,
        total=total,
        row=np.zeros(64),
        series=np.zeros((samples, 5)),
    )
