"""How many nodes a trace keeps busy, and which part of it is played."""

from dataclasses import replace

import pytest

from made_traces import columns
from spillover.backtest.sizing import fitting_nodes, mean_demand, part
from spillover.errors import BadArgument

DAY = 86400.0
TRACE = columns(*((at * DAY, DAY, 4.0) for at in range(11)), teams=("red", "blue"))


def ids(trace):
    return [int(name[1:]) for name in trace.ids]


def test_the_fewest_nodes_that_are_not_overloaded():
    """Load is what the jobs ask for over the time of their submissions; one node more than fits is not taken."""
    assert mean_demand(TRACE) == pytest.approx(4.4)
    assert [fitting_nodes(TRACE, gpus) for gpus in (8, 4, 2)] == [1, 2, 3]
    assert fitting_nodes(columns((5, 10, 16)), 8) == 2


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"first": 2}, [0, 1]),
        ({"last": "3"}, [8, 9, 10]),
        ({"last": "2d"}, [8, 9, 10]),
        ({"window": "0%:50%"}, [0, 1, 2, 3, 4]),
        ({"window": "50%:100%"}, [5, 6, 7, 8, 9, 10]),
        ({"window": "3d:5d"}, [3, 4]),
        ({"window": "9d:"}, [9, 10]),
        ({"window": ":1d"}, [0]),
        ({"window": "2d:8d", "last": "2", "first": 1}, [6]),
    ],
)
def test_a_part_of_the_trace(asked, left):
    """Halves meet without a job in both; a window comes first, then the last, then the first jobs."""
    cut = part(TRACE, **asked)
    assert ids(cut) == left
    assert cut.submit_s.tolist() == [(at - left[0]) * DAY for at in left]
    assert part(replace(TRACE, begins_at=1e9), **asked).begins_at == 1e9 + left[0] * DAY
    assert [cut.teams[n] for n in cut.team] == [("red", "blue")[at % 2] for at in left]
    assert len(cut.like) == len(left)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"window": "50%"}, "--window 50% is no part of a trace"),
        ({"window": "x:"}, "'x' is neither a share"),
        ({"last": "3 fortnights"}, "--last 3 fortnights"),
        ({"last": "0"}, "none is in the part that was asked for"),
        ({"window": "90d:99d"}, "of the 11 jobs of made.csv none is in the part"),
    ],
)
def test_no_part_of_the_trace(asked, text):
    """What is no part, or an empty one, is named."""
    with pytest.raises(BadArgument) as refused:
        part(TRACE, **asked)
    assert text in str(refused.value)
