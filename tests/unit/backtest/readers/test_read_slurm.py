"""What `sacct --parsable2` prints, as a trace."""

import pytest

from spillover.backtest.readers import read_trace
from spillover.backtest.readers.cells import clock_duration
from spillover.errors import BadArgument

HEADER = "JobID|JobName|User|Account|Submit|Start|End|Elapsed|State|ReqTRES|AllocTRES|Timelimit"
DAY = "2026-11-02T"
GIVEN = "billing=8,cpu=16,gres/gpu:a100=2,gres/gpu=2,mem=64G,node=1"
LINES = (
    HEADER,
    f"101|train|ann|vision|{DAY}08:00:00|{DAY}08:05:00|{DAY}10:05:00|02:00:00|COMPLETED|cpu=8,gres/gpu=2|{GIVEN}|1-00:00:00",
    f"101.batch|batch||vision|{DAY}08:05:00|{DAY}08:05:00|{DAY}10:05:00|02:00:00|COMPLETED||cpu=16,mem=64G,node=1|",
    f"101.0|python||vision|{DAY}08:05:00|{DAY}08:05:00|{DAY}10:05:00|02:00:00|COMPLETED||cpu=16,node=1|",
    f"102_7|sweep|bob|speech|{DAY}09:00:00|{DAY}09:00:01|{DAY}09:30:01|00:30:00|FAILED|cpu=4,gres/gpu:v100=1,node=1||UNLIMITED",
    f"103|late|bob|speech|{DAY}09:10:00|Unknown|Unknown|00:00:00|PENDING|cpu=4,gres/gpu=1||01:00:00",
    f"104|gone|bob|speech|{DAY}09:20:00|{DAY}09:21:00|{DAY}09:21:00|00:00:00|CANCELLED by 1000|cpu=4,gres/gpu=1||01:00:00",
    f"105|runs|bob|speech|{DAY}09:30:00|{DAY}09:31:00|Unknown|05:00:00|RUNNING|cpu=4,gres/gpu=1|cpu=4,gres/gpu=1|06:00:00",
    f"106|held|bob|speech|{DAY}09:40:00|{DAY}09:41:00|{DAY}11:41:00|01:30:00|COMPLETED||cpu=4,gres/gpu=1|01:00",
)


@pytest.fixture
def sacct(tmp_path):
    def read(*lines):
        path = tmp_path / "jobs.txt"
        path.write_text("\n".join(lines) + "\n")
        return read_trace(path)

    return read


def test_jobs_that_ran_are_played(sacct):
    """Account is the team, Timelimit the hint, what was given counts before what was asked for, pauses do not count."""
    loaded = sacct(*LINES)
    trace = loaded.trace
    assert (loaded.format, trace.ids) == ("slurm", ("101", "102_7", "106"))
    assert trace.submit_s.tolist() == [0, 3600, 6000]
    assert trace.run_s.tolist() == [7200, 1800, 5400]
    assert trace.gpus.tolist() == [2, 1, 1]
    assert trace.cpus.tolist() == [16, 4, 4]
    assert [trace.teams[n] for n in trace.team] == ["vision", "speech", "speech"]
    assert trace.hint_s[[0, 2]].tolist() == [86400, 60]


def test_what_did_not_run_is_counted(sacct):
    """Pending, withdrawn and running jobs are left out with their lines; steps are said to be no jobs."""
    assert sacct(*LINES).left_out[:3] == (
        "left out, never started: 2 jobs, lines 6, 7",
        "left out, not ended yet: 1 job, line 8",
        "2 job steps are not counted: their jobs are",
    )


def test_a_listing_without_what_is_needed_is_refused_with_the_command(sacct):
    """Missing columns are named, with the command that prints them."""
    with pytest.raises(BadArgument, match=r"has no column Elapsed and AllocTRES; it has JobID, Submit\..*sacct --all"):
        sacct("JobID|Submit", f"1|{DAY}08:00:00")


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:30", 30), ("01:00:00", 3600), ("2-03:00:00", 2 * 86400 + 10800), ("1-12", 129600)]
)
def test_slurms_durations(text, seconds):
    """Slurm writes days before a dash, and from the right seconds, minutes and hours."""
    assert clock_duration(text) == seconds
