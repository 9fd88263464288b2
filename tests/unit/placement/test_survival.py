import math
from itertools import pairwise

import pytest

from spillover.placement.survival import (
    BINS,
    bin_edges,
    bin_of,
    left_at,
    lognormal,
    mean_left,
    outlook,
    survival,
    weibull,
)

EDGES = bin_edges()


def exponential(mean_s: float) -> list[float]:
    return [-math.expm1((a - b) / mean_s) for a, b in pairwise(EDGES)]


def test_every_duration_has_its_bin():
    """A duration lies between the edges of its bin; what is longer than all is in the last."""
    for seconds in (0.0, 0.5, 1.0, 1.5, 59.9, 3600.0, 1e6, 1.6e7):
        assert EDGES[bin_of(seconds)] <= seconds < EDGES[bin_of(seconds) + 1]
    assert bin_of(1e9) == BINS - 1


def test_an_exponential_does_not_age():
    """Of the memoryless distribution the same is always left: its mean, and its median."""
    hazard = exponential(1000.0)
    for age_s in (0.0, 100.0, 3000.0):
        assert mean_left(hazard, EDGES, age_s) == pytest.approx(1000, rel=0.06)
        assert left_at(hazard, EDGES, age_s, 0.5) == pytest.approx(693, rel=0.1)
        assert survival(hazard, EDGES, age_s, 500.0) == pytest.approx(math.exp(-0.5), rel=0.06)


def test_priors_have_the_mean_that_was_asked_for():
    """Bins round, but not the means of what is assumed before anything was seen."""
    assert mean_left(weibull(3600.0, EDGES), EDGES, 0.0) == pytest.approx(3600, rel=1e-3)
    assert mean_left(lognormal(4096.0, 0.7, EDGES), EDGES, 0.0) == pytest.approx(4096, rel=1e-3)


def test_the_outlook_is_what_its_parts_are():
    """All at once, or one by one: the same numbers."""
    hazard = weibull(3600.0, EDGES)
    for age_s in (0.0, 77.0, 1e5):
        mean, low, median, high = outlook(hazard, EDGES, age_s, 0.1, 0.9)
        assert mean == pytest.approx(mean_left(hazard, EDGES, age_s))
        for level, found in ((0.1, low), (0.5, median), (0.9, high)):
            assert found == pytest.approx(left_at(hazard, EDGES, age_s, level))


def test_nothing_is_cut_beyond_the_last_edge():
    """Even a run that is older than all bins is expected to last on, as long again in the mean."""
    age_s = EDGES[BINS] * 2
    mean, low, median, high = outlook([0.1] * BINS, EDGES, age_s, 0.1, 0.9)
    assert mean == pytest.approx(age_s, rel=0.2)
    assert 0 < low < median < high < math.inf
    assert 0 < survival([0.1] * BINS, EDGES, 0.0, age_s) < 0.1
