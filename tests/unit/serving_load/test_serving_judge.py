"""What a run of the scenario comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from serving.judge import progress, returned, rows, spill_s, wrongs
from serving.records import Sent, write
from serving.schedule import Phase
from serving.seen import Mark, Recording, Sample, usd_between

PHASES = (Phase("calm", 10, 1), Phase("busy", 20, 2), Phase("calm again", 20, 1))
BEGAN = 1000.0
SAMPLES = (
    Sample(1000, {"onprem": 1, "cloud": 0}, {"onprem": 10.0, "cloud": 0.0}, 0.0),
    Sample(1010, {"onprem": 1, "cloud": 0}, {"onprem": 10.0, "cloud": 0.0}, 1.0),
    Sample(1050, {"onprem": 1, "cloud": 1}, {"onprem": 10.0, "cloud": 20.0}, 9.0),
)


def run(cloud: Sequence[int], failed: Sequence[int] = (), *, safe: bool = True) -> Recording:
    """A request each second: those of `cloud` served by the cloud, those of `failed` not at all."""
    sent = [
        Sent(BEGAN + t, "get", safe, 0, 0.05, 0.1, 200, "cut" * (t in failed), "cloud" if t in cloud else "onprem")
        for t in range(50)
    ]
    return Recording(BEGAN, PHASES, ("onprem", "cloud"), 0.5, SAMPLES, (Mark(1015, "spills"),), sent)


def test_a_run_that_spilled_and_returned_is_right() -> None:
    """Served by the cloud in the busy phase and by nobody else but on premises at the end: nothing is wrong."""
    found = run(cloud=range(14, 35))
    assert spill_s(found) == pytest.approx(4.1)
    assert returned(found)
    assert wrongs(found) == []


def test_a_run_that_did_not_spill_is_wrong() -> None:
    """Without a request on rented replicas there was nothing to see."""
    (wrong,) = wrongs(run(cloud=()))
    assert "did not spill" in wrong


def test_a_run_that_did_not_return_is_wrong() -> None:
    """A request that rented replicas served in the last seconds, or no answer at all then, is no return."""
    (wrong,) = wrongs(run(cloud=range(14, 43)))
    assert "did not return" in wrong
    assert not returned(run(cloud=[14], failed=range(40, 50)))


def test_a_safe_request_that_failed_is_wrong_and_an_unsafe_one_is_not() -> None:
    """Only what may be sent again must never fail."""
    (wrong,) = wrongs(run(cloud=[14], failed=[20, 21]))
    assert "2 requests failed that were safe to send again: {'cut': 2}" in wrong
    assert wrongs(run(cloud=[14], failed=[20, 21], safe=False)) == []


def test_each_phase_has_its_requests_and_its_dollars() -> None:
    """Requests count where they were due, money in straight lines between samples."""
    calm, busy, back = rows(run(cloud=range(15, 25), failed=[29]))
    assert [row.summary.requests for row in (calm, busy, back)] == [10, 20, 20]
    assert (calm.burst, back.burst) == (0, 0)
    assert busy.burst == pytest.approx(10 / 19)
    assert busy.summary.failed == 1
    assert [row.usd for row in (calm, busy, back)] == pytest.approx([1, 4, 4])


def test_money_outside_of_the_samples_is_what_was_seen_last() -> None:
    """Before the first sample and after the last one nothing is made up."""
    assert usd_between(SAMPLES, 0, 1000) == 0
    assert usd_between(SAMPLES, 1050, 2000) == 0
    assert usd_between(SAMPLES, 0, 2000) == 9


def test_progress_is_of_the_last_seconds() -> None:
    """The line has what was served lately, by whom, and what it costs now."""
    found = run(cloud=range(40, 50), failed=[45])
    line = progress(PHASES, BEGAN, found.sent, SAMPLES[-1])
    assert line.startswith("calm again: 0 requests/s wanted; served onprem 0/s, cloud 1/s; p50 100 ms, p99 100 ms")
    assert line.endswith("failed 1; replicas onprem 1, cloud 1; $30.00/h")


def test_a_recording_is_read_again(tmp_path: Path) -> None:
    """What was kept is what was recorded, requests from their own file."""
    found = run(cloud=[14])
    write(tmp_path / "requests.jsonl", found.sent)
    found.save(tmp_path / "recording.json")
    again = Recording.load(tmp_path / "recording.json")
    assert again == replace(
        found, phases=list(PHASES), pools=["onprem", "cloud"], samples=list(SAMPLES), marks=list(found.marks)
    )
