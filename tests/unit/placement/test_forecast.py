import pytest

from spillover.placement.forecast import HINTED, UNKNOWN, Ending, Forecast, remaining_s, source_of, span
from spillover.placement.survival import bin_edges, weibull


def heavy_tailed(mean_s: float = 3600.0) -> Forecast:
    return Forecast(mean_s, 20.0, 860.0, 9500.0, "made", hazard=tuple(weibull(mean_s, bin_edges())))


def test_the_source_says_what_was_learnt_from():
    """A hint, a hint with what came of earlier ones, runs of like jobs, or the assumption that it is."""
    assert source_of(0, "", 60.0, 3600.0) == HINTED
    assert source_of(2, "of its user", 60.0, 3600.0) == f"{HINTED}, and 2 earlier hints"
    assert source_of(1, "of its program", None, 3600.0) == "1 run of its program"
    assert source_of(0, "", None, 3600.0) == f"{UNKNOWN}, 60 min assumed"


def test_a_long_run_is_expected_to_last_longer():
    """The longer a job with a heavy-tailed run time has run, the more is left of it."""
    left = [heavy_tailed().left(age_s) for age_s in (0.0, 600.0, 36_000.0)]
    assert left[0].mean_s == pytest.approx(3600, rel=0.01)
    assert left[0].mean_s < left[1].mean_s < left[2].mean_s
    assert all(spread.low_s < spread.median_s < spread.high_s for spread in left)


def test_the_chance_to_last_agrees_with_the_quantiles():
    """Half of all runs outlast the median, at the start and later."""
    forecast = heavy_tailed()
    for age_s in (0.0, 1800.0):
        assert forecast.outlasts(forecast.left(age_s).median_s, age_s) == pytest.approx(0.5, abs=0.01)
        assert forecast.left_at(0.9, age_s) == pytest.approx(forecast.left(age_s).high_s)


def test_an_expected_end_is_steady():
    """It moves only once the age has grown by 2%, or the forecast is another one."""
    ending, forecast = Ending(), heavy_tailed()
    first = ending.at(forecast, 0.0, 10_000.0)
    assert ending.at(forecast, 0.0, 10_100.0) == first
    assert ending.at(forecast, 0.0, 10_300.0) > first
    assert ending.at(heavy_tailed(60.0), 0.0, 10_300.0) < first


@pytest.mark.parametrize(("ends_at", "remaining"), [(200.0, 100.0), (101.0, 5.0), (40.0, 5.0)])
def test_what_is_still_there_takes_a_moment_more(ends_at, remaining):
    """At time 100: what is left is believed, but work that is there has not ended."""
    assert remaining_s(ends_at, 100.0) == remaining


@pytest.mark.parametrize(
    ("seconds", "text"), [(40.2, "40 s"), (200, "3 min"), (5400, "1.5 h"), (7200, "2 h"), (216_000, "2.5 d")]
)
def test_spans_are_short(seconds, text):
    """Durations are shown in the unit that suits them."""
    assert span(seconds) == text
