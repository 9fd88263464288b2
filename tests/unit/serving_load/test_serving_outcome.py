"""What a fault did, read from the requests around it."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from serving.outcome import judged, told, whole
from serving.records import Sent

STRUCK = 100.0


def sent(at: float, error: str = "", *, safe: bool = True, pool: str = "onprem") -> Sent:
    return Sent(at, "get", safe, 0.0, 0.05, 0.1, 200, error, "" if error else pool)


def test_failures_are_counted_by_what_may_be_sent_again() -> None:
    """Safe and unsafe ones apart, by kind, with the longest time without a good answer and the last failure."""
    seen = [
        *(sent(t) for t in range(95, 100)),
        sent(100.5, "cut", safe=False),
        sent(101.0, "cut"),
        sent(103.0, "status 503", safe=False),
        *(sent(t, pool="cloud") for t in range(105, 110)),
        sent(108, pool="onprem"),
    ]
    found = judged("pool", "the pool", seen, STRUCK, 110.0)
    assert (found.requests, found.failed_safe, found.failed_unsafe) == (14, 1, 2)
    assert found.kinds == {"cut": 2, "status 503": 1}
    assert found.gap_s == pytest.approx(5.1)
    assert found.recover_s == 3
    assert found.whole_s == pytest.approx(8.1)
    assert json.loads(json.dumps(asdict(found)))["kinds"] == found.kinds
    line = told(found)
    assert "14 requests, failed 1 safe and 2 unsafe (2 cut, 1 status 503); longest gap 5.1 s" in line
    assert "last failure after 3.0 s; both pools serve after 8 s" in line


def test_what_fails_before_the_strike_fails_the_run() -> None:
    """Else a site that was ill before would pass for a fault's doing."""
    with pytest.raises(AssertionError, match="1 requests failed before anything was killed"):
        judged("pool", "the pool", [sent(98, "cut")], STRUCK, 110.0)


def test_a_site_is_whole_once_each_pool_served_what_came_after_the_strike() -> None:
    """An answer to a request that was on its way when it was struck proves nothing."""
    assert whole([sent(99.95), sent(101, pool="cloud")], STRUCK) is None
    assert whole([sent(99.95), sent(101, pool="cloud"), sent(107)], STRUCK) == pytest.approx(7.1)
    assert "not whole again" in told(judged("pool", "the pool", [sent(101)], STRUCK, 110.0))
