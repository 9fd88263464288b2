import pytest

from spillover.domain.decision import Offer
from spillover.placement.sentences import clock, dearer, usd

OFFER = Offer("cloud", "spot4", "spot", 1, 0.4, 45.0, 60.0, 0.41)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1204.5, "$1,204.50"),
        (0.41, "$0.41"),
        (0, "$0.00"),
        (0.0031, "$0.0031"),
        (0.00012, "$0.00012"),
        (1e-6, "under $0.0001"),
    ],
)
def test_dollars_keep_as_many_digits_as_they_need(amount, text):
    """Small costs are not rounded to nothing."""
    assert usd(amount) == text


def test_a_time_of_day_far_away_has_its_date():
    """From twelve hours on the date is said; seconds are rounded up, so that "at the latest" holds."""
    assert clock(3600.2, 0) == "01:00:01 UTC"
    assert clock(86_400.0 * 2, 0) == "1970-01-03 00:00:00 UTC"


def test_cheaper_bursts_are_said_to_cost_less():
    """The comparison goes both ways."""
    assert dearer(OFFER, 0.01) == "bursting to cloud would cost $0.40 more"
    assert dearer(OFFER, 1.41) == "bursting to cloud would cost $1.00 less"
    assert dearer(OFFER, None) == "bursting to cloud would cost $0.41"
