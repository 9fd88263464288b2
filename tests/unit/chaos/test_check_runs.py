"""None run twice at once: two processes of a job that live at the same instant are seen, whatever their ids."""

from __future__ import annotations

import random

from chaos_records import beats_of
from hypothesis import given
from hypothesis import strategies as st

from chaos.check_runs import again, twice_at_once
from chaos.records import Beat, Script
from chaos.runs import runs_of


def test_one_run_after_the_other_is_no_violation() -> None:
    """A lost run and its successor, which starts after the last sign of life, are fine."""
    beats = [*beats_of("j", 0, 10, code=None), *beats_of("j", 10.2, 20, run="r2", attempt="j-a2")]
    assert twice_at_once(runs_of(beats)) == []


def test_two_attempts_that_overlap_are_seen() -> None:
    """A second attempt that starts before the first one's last beat is a violation that names both."""
    beats = [*beats_of("j", 0, 10, code=None), *beats_of("j", 9.8, 20, run="r2", attempt="j-a2")]
    (found,) = twice_at_once(runs_of(beats))
    assert (found.invariant, found.subject) == ("twice_at_once", "j")
    assert "j-a2" in found.text


def test_two_processes_under_one_attempt_id_are_seen() -> None:
    """A job that was handed over twice under the same id has two runs, though only one attempt."""
    beats = [*beats_of("j", 0, 10), *beats_of("j", 2, 8, run="r2")]
    assert [v.subject for v in twice_at_once(runs_of(beats))] == ["j"]


def test_different_jobs_may_run_at_once() -> None:
    """Only runs of the same job exclude each other."""
    assert twice_at_once(runs_of([*beats_of("a", 0, 10), *beats_of("b", 0, 10, run="r2")])) == []


def test_a_job_that_cannot_resume_runs_once_at_most() -> None:
    """A second run of it is a violation even long after the first; of a resumable job it is not."""
    runs = runs_of([*beats_of("j", 0, 5, code=None), *beats_of("j", 50, 55, run="r2", attempt="j-a2")])
    assert [v.invariant for v in again(runs, {"j": Script("j", 10)})] == ["run_again"]
    assert again(runs, {"j": Script("j", 10, resumable=True)}) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=6), st.randoms())
def test_overlap_is_what_an_independent_count_says(spans: list[tuple[int, int]], dice: random.Random) -> None:
    """For any runs, and lines in any order, a violation is found if and only if some instant has two of them alive."""
    beats: list[Beat] = []
    for number, (first, length) in enumerate(spans):
        beats += beats_of("j", first, first + length, run=f"r{number}", attempt=f"j-a{number}")
    dice.shuffle(beats)
    crowded = any(sum(first <= half / 2 <= first + length for first, length in spans) > 1 for half in range(170))
    assert bool(twice_at_once(runs_of(beats))) == crowded
