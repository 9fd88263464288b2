"""Spillover's own past jobs as a trace."""

from dataclasses import replace

import pytest

from spillover.backtest.readers import Reading
from spillover.backtest.readers.history import from_history
from spillover.domain.job import Hints
from spillover.domain.past import PastJob, PastJobs
from spillover.domain.resources import Demand, parse_bundles
from spillover.errors import BadArgument

NOW = 1_790_000_000.0
GANG = Demand(parse_bundles("2x{GPU:4,CPU:8}"))
HINTS = Hints(runtime_s=60.0, deadline_at=NOW + 500, resumable=True)
JOB = PastJob("a", "ann", "red", 5, GANG, HINTS, NOW, NOW + 10, NOW + 70, "own", "t", "owned", nano_usd=1)
OTHER = replace(JOB, submission_id="b", team="blue", submitted_at=NOW - 20, hints=Hints())


def test_what_a_job_said_and_did_is_kept():
    """Gang, priority, hint, deadline, team and run time are the job's; whether it may burst is the team's."""
    loaded = from_history(PastJobs((JOB, OTHER), left_out=3), lambda team: team == "red", Reading(), "here")
    trace = loaded.trace
    assert (loaded.format, trace.source, trace.ids, trace.begins_at) == ("store", "here", ("b", "a"), NOW - 20)
    assert [trace.submit_s.tolist(), trace.run_s.tolist()] == [[0, 20], [80 - 20, 60]]
    assert [trace.gpus.tolist(), trace.cpus.tolist(), trace.priority.tolist()] == [[8, 8], [16, 16], [5, 5]]
    assert (trace.hint_s[1], trace.deadline_s.tolist()) == (60, [float("inf"), 500])
    assert [trace.resumable.tolist(), trace.may_burst.tolist()] == [[False, True], [False, True]]
    assert loaded.left_out == ("3 jobs of that time never ran, or have not ended: left out",)


def test_the_same_history_has_the_same_hash():
    """It changes with a job's times."""
    hashes = [
        from_history(PastJobs((job,)), bool, Reading(), "here").trace.sha256
        for job in (JOB, JOB, replace(JOB, ended_at=NOW + 71))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_an_empty_history_is_refused():
    """Nothing to play is said."""
    with pytest.raises(BadArgument, match="the history has no job that can be played"):
        from_history(PastJobs(()), bool, Reading(), "the history")
