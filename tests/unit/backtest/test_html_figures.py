import math

import pytest

from spillover.backtest.html.figures import (
    change,
    count,
    jobs,
    sentence,
    share,
    short_usd,
    signed_duration,
    signed_usd,
    usd,
)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (12.5, "$12.50"), (999.999, "$1,000"), (301_272.4, "$301,272"), (-4.2, "−$4.20"), (-0.001, "$0.00")],
)
def test_dollars_have_cents_where_cents_are_seen(amount, text):
    """Below a thousand dollars, and no minus before zero."""
    assert usd(amount) == text


def test_axes_write_dollars_short():
    """Thousands and millions by their letter."""
    assert [short_usd(v) for v in (0, 250, 1500, 300_000, 2e6)] == ["$0", "$250", "$1.5k", "$300k", "$2M"]


def test_shares_and_counts_are_as_fine_as_needed():
    """A decimal below ten per cent, none above; whole counts have none."""
    assert [share(v) for v in (0, 0.004, 0.0994, 0.0996, 0.87, -0.5)] == ["0%", "0.4%", "9.9%", "10%", "87%", "−50%"]
    assert [count(v) for v in (82_247, 1.5, 250.4)] == ["82,247", "1.5", "250"]


def test_differences_carry_a_sign():
    """Up and down are told apart without colour; nothing to compare with is a dash."""
    assert [change(81.4, 100), change(103, 100), change(100, 100), change(1, 0), change(math.inf, 1)] == [
        "−18.6%",
        "+3.0%",
        "±0.0%",
        "–",
        "–",
    ]
    assert [signed_usd(v) for v in (1204.2, -98.1, 0.0)] == ["+$1,204", "−$98.10", "$0.00"]
    assert [signed_duration(v) for v in (192, -7500, 0.4)] == ["+3m12s", "−2h05m", "0s"]


def test_notes_read_as_sentences():
    """With a capital and one full stop, and one job is no plural."""
    assert sentence("prices: as `aws` asks.") == "Prices: as aws asks."
    assert [jobs(1), jobs(0), jobs(1200)] == ["1 job", "0 jobs", "1,200 jobs"]
