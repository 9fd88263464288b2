"""Faults and load are drawn from the seed alone."""

from __future__ import annotations

from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from chaos.schedule import API_FAULTS, BLOWS, HOME_FAULTS, KILL, pauses, plan, scripts

KINDS = (*API_FAULTS, *BLOWS, *HOME_FAULTS, KILL)
MARKETS = ("", "spot", "spot,on_demand")


@given(st.integers(0, 10**6))
def test_a_seed_is_a_run(seed: int) -> None:
    """The same seed gives the same faults, jobs and pauses."""
    assert plan(seed, 600.0, KINDS) == plan(seed, 600.0, KINDS)
    assert scripts(seed, 20, MARKETS) == scripts(seed, 20, MARKETS)
    assert list(islice(pauses(seed), 50)) == list(islice(pauses(seed), 50))


def test_seeds_differ() -> None:
    """Ten seeds give ten runs."""
    assert len({tuple(plan(seed, 600.0, KINDS)) for seed in range(10)}) == 10


@given(st.integers(0, 10**6), st.floats(30.0, 3600.0))
def test_faults_are_over_when_the_run_is(seed: int, length_s: float) -> None:
    """Each starts and is lifted within the run, and two of a kind never overlap."""
    faults = plan(seed, length_s, KINDS)
    assert all(0 <= fault.at <= fault.until <= length_s for fault in faults)
    for kind in KINDS:
        mine = [fault for fault in faults if fault.kind == kind]
        assert all(a.until < b.at for a, b in pairwise(mine))


@given(st.integers(0, 10**6))
def test_a_long_run_has_them_all(seed: int) -> None:
    """In an hour, each kind comes several times."""
    counts = [sum(fault.kind == kind for fault in plan(seed, 3600.0, KINDS)) for kind in KINDS]
    assert min(counts) >= 5


def test_the_load_has_jobs_of_every_sort() -> None:
    """Some resume and some do not, some fail, and some insist on a market."""
    drawn = scripts(7, 100, MARKETS)
    assert {script.resumable for script in drawn} == {True, False}
    assert {script.code for script in drawn} == {0, 3}
    assert {script.markets for script in drawn} == set(MARKETS)
    assert len({script.job for script in drawn}) == 100
