"""What the load generator's records come to."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from serving.records import (
    Reader,
    Sent,
    by_second,
    highest,
    longest_gap,
    percentile,
    read,
    recovered,
    summary,
    within,
    write,
)


def sent(at: float, total_s: float = 0.1, error: str = "", *, safe: bool = True, pool: str = "onprem") -> Sent:
    return Sent(at, "get", safe, 0.0, total_s / 2, total_s, 0 if error else 200, error, "" if error else pool)


def test_percentiles_are_values_that_were_seen() -> None:
    """Of 1 to 100 the 50th, 99th and 100th are themselves, and of one value every percentile is that value."""
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.01) == 7
    assert percentile([], 0.5) is None


def test_a_summary_counts_failures_by_kind_and_by_safety() -> None:
    """Throughput and latencies are of what went well; failures are counted, those that were safe to retry apart."""
    all_of_it = [
        *(sent(n, n / 100) for n in range(1, 101)),
        sent(1, 9.0, "cut"),
        sent(2, 9.0, "cut", safe=False),
        sent(3, 9.0, "status 503", safe=False),
    ]
    found = summary(all_of_it, seconds=50)
    assert (found.requests, found.per_s) == (103, 2)
    assert (found.p50_s, found.p99_s) == (0.5, 0.99)
    assert (found.failed, found.failed_safe) == (3, 1)
    assert found.kinds == {"cut": 2, "status 503": 1}
    assert found.by_pool == {"onprem": 100}


def test_a_failed_request_is_not_in_time() -> None:
    """The share within a limit counts slow requests and failed ones, however fast they failed, as too late."""
    assert within([sent(0, 0.05), sent(0, 0.5), sent(0, 0.01, "cut"), sent(0, 0.1)], 0.1) == 0.5
    assert within([], 0.1) == 0


def test_a_gap_is_between_good_answers() -> None:
    """Failures do not end a gap, and the stretch's own beginning and end bound it."""
    seen = [sent(1.0, 0.0), sent(2.0, 0.0), sent(3.0, 0.0, "cut"), sent(6.0, 0.0), sent(20.0, 0.0)]
    assert longest_gap(seen, 0.0, 7.0) == 4
    assert longest_gap([], 0.0, 7.0) == 7


def test_recovery_is_when_the_last_failure_was_due() -> None:
    """A request that was on its way at the event counts, one that had failed before does not."""
    seen = [sent(1, 0.1, "cut"), sent(9.9, 0.3, "cut"), sent(12, 0.0, "connect"), sent(13)]
    assert recovered(seen, 10) == 2
    assert recovered(seen[:2], 10) == 0
    assert recovered([sent(11)], 10) == 0


def test_requests_are_grouped_by_the_second_in_which_they_were_due() -> None:
    """A slow request belongs to the second in which it was to be sent, not to that of its answer."""
    assert {second: len(each) for second, each in by_second([sent(10.2, 5.0), sent(10.9), sent(12.0)], 10).items()} == {
        0: 2,
        2: 1,
    }


@pytest.mark.parametrize("limit", [0.3, 7.0, 50.0, 640.0, 12345.0])
@pytest.mark.parametrize("first", [1.0, 50.0, 2000.0])
def test_the_search_finds_the_highest_rate(limit: float, first: float) -> None:
    """Wherever it begins, it ends within a tenth below the limit, in a few dozen runs at most."""
    tried: list[float] = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    found = highest(holds, first)
    assert limit / 1.1 <= found <= limit
    assert len(tried) < 25
    assert len(tried) == len(set(tried))


def test_the_search_ends_where_nothing_or_everything_holds() -> None:
    """A service that never keeps the limit has the rate 0, one that always does the most that was asked for."""
    assert highest(lambda _: False, 100) == 0
    assert highest(lambda _: True, 100, most=1000) == 1000


def test_records_are_read_while_they_are_written(tmp_path: Path) -> None:
    """Each look brings what is new, as it was written; half a line at the end is left for later."""
    file = tmp_path / "requests.jsonl"
    reader = Reader(file)
    assert reader.more() == []
    first, second = sent(1), sent(2, math.pi, "timeout", safe=False)
    write(file, [first])
    text = file.read_text()
    assert reader.more() == [first]
    assert reader.more() == []
    write(file, [second])
    whole = file.read_text()
    file.write_text(whole[: len(text) + 5])
    assert reader.more() == []
    file.write_text(whole)
    assert reader.more() == [second]
    assert read(file) == [first, second]
