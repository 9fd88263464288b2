"""The test bed's bill, against sums made by hand: it is what Spillover's ledger is measured against."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.cloud.bill import INTERRUPTED, bill, billed_s, price


def instance(*runs: tuple[int, int | None], cause: str = "", market: str = "on_demand") -> dict[str, Any]:
    return {
        "id": "i-1", "type": "m5.large", "market": market, "zone": "us-west-2a", "runs": list(runs), "end_cause": cause,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("runs", "cause", "seconds"),
    [
        ([(1000, 1500)], "Client.UserInitiatedShutdown", 500),
        ([(1000, 1059)], "Client.UserInitiatedShutdown", 60),
        ([(1000, 1060)], "Client.InstanceInitiatedShutdown", 60),
        ([(1000, 1061)], "Client.InstanceInitiatedShutdown", 61),
        ([(1000, None)], "", 2000),
        ([(1000, 1010), (2000, 2100)], "Client.UserInitiatedShutdown", 160),
        ([(1000, 4599)], INTERRUPTED, 0),
        ([(1000, 4600)], INTERRUPTED, 3600),
        ([(1000, 8200)], INTERRUPTED, 7200),
    ],
    ids=["whole", "minimum", "just_minimum", "above", "alive", "two_runs", "free", "after_an_hour", "long_after"],
)
def test_seconds_follow_the_rules(runs: list[tuple[int, int | None]], cause: str, seconds: int) -> None:
    """Each run costs its seconds, 60 at least, and an interruption within the first hour nothing."""
    assert billed_s(instance(*runs, cause=cause), now=3000.9) == seconds


def test_nothing_is_billed_after_the_end() -> None:
    """The bill of what has ended is the same a year later."""
    ended = instance((1000, 1500))
    assert billed_s(ended, now=1500.0) == billed_s(ended, now=1500.0 + 365 * 86400) == 500


def test_a_line_is_seconds_times_price() -> None:
    """Half an hour of $3.60 an hour is $1.80."""
    (line,) = bill([instance((0, 1800))], {"m5.large/on_demand": 3.6}, now=9e9)
    assert line == {"id": "i-1", "type": "m5.large", "market": "on_demand", "seconds": 1800, "usd": pytest.approx(1.8)}


def test_the_zones_price_goes_first() -> None:
    """Spot prices differ by zone: the zone's own price is taken where there is one."""
    prices = {"m5.large/spot": 1.0, "m5.large/spot/us-west-2a": 2.0}
    assert price(instance(market="spot"), prices) == 2.0
    assert price({**instance(market="spot"), "zone": "us-west-2b"}, prices) == 1.0


def test_a_missing_price_is_named() -> None:
    """An instance without a price is an error, never free."""
    with pytest.raises(KeyError, match=r"no price for 'm5\.large/on_demand': there are m5\.large/spot"):
        bill([instance((0, 60))], {"m5.large/spot": 1.0}, now=60)
