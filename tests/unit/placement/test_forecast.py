import pytest

from spillover.placement.forecast import UNKNOWN, expected_runtime, remaining_s, span


def test_the_hint_wins_then_history_then_the_default():
    """A run time comes from the hint, else from the mean of like jobs, else from the default, which says so."""
    assert expected_runtime(60.0, [10.0], 3600.0) == (60.0, "the job's own hint")
    assert expected_runtime(None, [10.0, 30.0], 3600.0) == (20.0, "mean of 2 like jobs")
    assert expected_runtime(None, [10.0], 3600.0) == (10.0, "mean of 1 like job")
    assert expected_runtime(None, [], 3600.0) == (3600.0, "run time unknown, 60 min assumed")
    assert expected_runtime(None, [], 3600.0)[1].startswith(UNKNOWN)


@pytest.mark.parametrize(("ends_at", "remaining"), [(200.0, 100.0), (101.0, 5.0), (100.0, 5.0), (40.0, 60.0)])
def test_an_overdue_job_is_expected_to_take_as_long_again(ends_at, remaining):
    """At time 100: what is left is believed, and a job overdue by a minute gets a minute more."""
    assert remaining_s(ends_at, 100.0) == remaining


@pytest.mark.parametrize(
    ("seconds", "text"), [(40.2, "40 s"), (200, "3 min"), (5400, "1.5 h"), (7200, "2 h"), (216_000, "2.5 d")]
)
def test_spans_are_short(seconds, text):
    """Durations are shown in the unit that suits them."""
    assert span(seconds) == text
