"""Traces as CSV and Parquet: what is read, what is left out, and what is said of it."""

import math

import numpy as np
import pytest

from spillover.backtest.readers import Reading, read_trace
from spillover.errors import BadArgument

HEADER = "job_id,submit_s,duration_s,gpus,cpus,user,vc,status"


@pytest.fixture
def csv_of(tmp_path):
    """Writes lines to a file and reads them as a trace."""

    def read(*lines, how=None, name="trace.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return read_trace(path, how)

    return read


def test_rows_become_columns_in_the_order_of_submission(csv_of):
    """Jobs stand by submit time, with what they ask for, whose they are, and the file's hash."""
    loaded = csv_of(HEADER, "b,50,100,2,8,ann,red,Passed", "a,0,60.5,0.5,4,bob,,Killed")
    trace = loaded.trace
    assert (loaded.format, trace.ids) == ("csv", ("a", "b"))
    assert [trace.submit_s.tolist(), trace.run_s.tolist(), trace.gpus.tolist(), trace.cpus.tolist()] == [
        [0, 50], [60.5, 100], [0.5, 2], [4, 8],
    ]  # fmt: skip
    assert [trace.teams[n] for n in trace.team] == ["", "red"]
    assert [trace.users[n] for n in trace.user] == ["bob", "ann"]
    assert np.isnan(trace.hint_s).all()
    assert np.isinf(trace.deadline_s).all()
    assert trace.may_burst.all()
    assert (len(trace.sha256), trace.source, trace.begins_at) == (64, "trace.csv", 0.0)


def test_other_names_and_ways_to_write_times_are_known(csv_of):
    """Columns have aliases in any case, times may be ISO 8601, durations words; deadlines count from submission."""
    trace = csv_of(
        "Name,Submit Time,runtime,num_gpus,team,vc,timelimit,deadline,movable,priority",
        "x,2026-11-01T08:00:00Z,2h,4,blue,ignored,1-00:00:00,2026-11-01T20:00:00Z,yes,7",
        "y,2026-11-01T08:00:30,90s,1,blue,ignored,,3600,no,",
    ).trace
    assert trace.begins_at == 1_793_520_000
    assert trace.submit_s.tolist() == [0, 30]
    assert trace.run_s.tolist() == [7200, 90]
    assert trace.teams == ("blue",)
    assert trace.hint_s[0] == 86400
    assert math.isnan(trace.hint_s[1])
    assert trace.deadline_s.tolist() == [12 * 3600, 3600]
    assert trace.resumable.tolist() == [True, False]
    assert trace.priority.tolist() == [7, 0]


def test_start_and_end_stand_for_a_duration(csv_of):
    """The run time is end less start where no duration is given."""
    assert csv_of("submit,start,end,gpus", "0,10,25,1").trace.run_s.tolist() == [15]


def test_bad_rows_are_left_out_with_their_lines(csv_of):
    """Nothing is dropped in silence: each kind of fault is counted, with the lines where it stands."""
    loaded = csv_of(
        HEADER,
        "good,0,10,1,,,,",
        "no_run,1,,1,,,,",
        "backwards,2,-5,1,,,,",
        "nan,nan,5,1,,,,",
        "words,3,long,1,,,,",
        "cpu_only,4,10,0,4,,,",
        "negative,5,10,-1,,,,",
        "short,6",
    )
    assert loaded.trace.ids == ("good",)
    assert loaded.left_out[:-1] == (
        "left out, with other than 8 cells: 1 job, line 9",
        "read as if blank, with a 'duration_s' that is none: 1 job, line 6",
        "left out, asking for no GPUs: 1 job, line 7",
        "left out, with no time of submission: 1 job, line 5",
        "left out, with no run time: 2 jobs, lines 3, 6",
        "left out, ending before they start: 1 job, line 4",
        "left out, asking for less than nothing: 1 job, line 8",
    )


def test_duplicate_ids_are_kept_and_said(csv_of):
    """The second job of a name goes by another, so that no two are taken for one."""
    loaded = csv_of(HEADER, "a,0,10,1,,,,", "a,5,10,1,,,,", "b,6,10,1,,,,")
    assert loaded.trace.ids == ("a", "a#2", "b")
    assert "kept under another id, as theirs came before: 1 job, line 3" in loaded.left_out


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["submt_s,duration_s,gpus", "0,1,1"], "no column 'submit_s' (did you mean it by 'submt_s'? Then rename that)"),
        (["submit_s,gpus", "0,1"], "no column 'duration_s'; it has 'submit_s', 'gpus'"),
        ([HEADER], "trace.csv has no job that can be played"),
        ([HEADER, "a,0,nan,1,,,,"], "left out, with no run time: 1 job, line 2"),
        ([""], "trace.csv has no column"),
    ],
)
def test_what_cannot_be_played_is_refused(lines, text, csv_of):
    """A missing column is named with what is there; a file without a usable job says why."""
    with pytest.raises(BadArgument) as refused:
        csv_of(*lines)
    assert text in str(refused.value)


def test_unknown_columns_are_named(csv_of):
    """What nothing is made of is said, so that a typing error does not go unseen."""
    assert "not used: column 'colour'" in csv_of("submit_s,duration_s,gpus,colour", "0,1,1,red").left_out


def test_jobs_without_gpus_count_their_cpus(csv_of):
    """Where no job has GPUs, CPUs are what a gang asks for, which is said; `count` decides otherwise."""
    lines = ("submit_s,duration_s,gpus,cpus", "0,10,0,16", "0,10,0,4")
    loaded = csv_of(*lines)
    assert (loaded.count, loaded.trace.gpus.tolist()) == ("cpus", [16, 4])
    assert "no job asks for GPUs: what is counted, and priced, is CPUs" in loaded.left_out
    with pytest.raises(BadArgument, match="left out, asking for no GPUs: 2 jobs, lines 2, 3"):
        csv_of(*lines, how=Reading(count="gpus"))


def test_movable_jobs_are_drawn_by_the_seed(csv_of):
    """Only jobs that do not say it themselves are drawn, the same ones for the same seed."""
    lines = ["submit_s,duration_s,gpus,resumable", *(f"{at},10,1," for at in range(400)), "500,10,1,false"]
    one, again = (csv_of(*lines, how=Reading(movable=0.5, seed=3)).trace.resumable for _ in range(2))
    other = csv_of(*lines, how=Reading(movable=0.5, seed=4)).trace.resumable
    assert one.tolist() == again.tolist() != other.tolist()
    assert 160 < one.sum() < 240
    assert not one[-1]
    silent = csv_of(*lines)
    assert not silent.trace.resumable.any()
    assert "400 jobs do not say whether they can be moved: none of them is" in silent.left_out[-1]


def test_parquet_is_the_same_trace(csv_of, tmp_path):
    """A table with the same columns gives the same jobs, nulls for blanks."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = {"job_id": ["a", "b"], "submit_s": [0, 5], "duration_s": [10.0, None], "gpus": [1, 2], "team": ["x", None]}
    parquet.write_table(pa.table(rows), tmp_path / "trace.pq")
    loaded = read_trace(tmp_path / "trace.pq")
    assert (loaded.format, loaded.trace.ids, loaded.trace.teams) == ("parquet", ("a",), ("x",))
    assert "left out, with no run time: 1 job, row 2" in loaded.left_out


def test_a_format_that_is_not_known_is_refused(csv_of, tmp_path):
    """A file that looks like nothing, a format that is none, and a file that is not there are each named."""
    (tmp_path / "x.bin").write_bytes(b"\x00\x01")
    with pytest.raises(BadArgument, match="is of no format that is known; say which it is by --format: parquet, slurm"):
        read_trace(tmp_path / "x.bin")
    with pytest.raises(BadArgument, match="unknown format 'slrum'; did you mean 'slurm'"):
        read_trace(tmp_path / "x.bin", format_name="slrum")
    with pytest.raises(BadArgument, match="cannot be read: No such file"):
        read_trace(tmp_path / "none.csv")
