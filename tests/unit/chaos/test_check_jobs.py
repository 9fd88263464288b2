"""No job lost: what is unknown, never ends, or ends otherwise than its script did is seen."""

from __future__ import annotations

import pytest
from chaos_records import beats_of, told

from chaos.check_jobs import MAX_ATTEMPTS, causeless, unended, unknown, wrong_ends
from chaos.records import Script, Told
from chaos.runs import by_job, runs_of


def verdict(script: Script, said: Told, *codes: int | None) -> list[str]:
    """The violations for a job whose runs ended with these codes, None for those that were cut."""
    beats = [
        beat
        for n, code in enumerate(codes)
        for beat in beats_of(script.job, 20.0 * n, 20.0 * n + 5, run=f"r{n}", code=code)
    ]
    return [v.invariant for v in wrong_ends({script.job: script}, {said.job: said}, by_job(runs_of(beats)))]


def test_an_accepted_job_that_is_not_known_is_seen() -> None:
    """Each accepted job of which nothing is known is a violation of its own."""
    assert [v.subject for v in unknown(["a", "b", "c"], {"b": told("b", "queued")})] == ["a", "c"]


def test_a_job_that_never_ends_is_seen() -> None:
    """After all has settled, a job that is queued, starting, running or unreachable is lost."""
    said = {name: told(name, name) for name in ("queued", "starting", "running", "unreachable", "succeeded", "failed")}
    assert [v.subject for v in unended(said, said)] == ["queued", "starting", "running", "unreachable"]


@pytest.mark.parametrize(
    ("script", "said", "codes"),
    [
        (Script("j", 10), told("j", "succeeded", "succeeded"), [0]),
        (Script("j", 10, code=3), told("j", "failed", "failed"), [3]),
        (Script("j", 10, resumable=True), told("j", "succeeded", "lost", "succeeded"), [None, 0]),
        (Script("j", 10, resumable=True), told("j", "succeeded", "withdrawn", "succeeded"), [0]),
        (Script("j", 10), told("j", "failed", "lost"), [None]),
        (Script("j", 10), told("j", "failed", "lost"), []),
        (Script("j", 10, resumable=True), told("j", "failed", *["lost"] * MAX_ATTEMPTS), [None] * MAX_ATTEMPTS),
    ],
)
def test_ends_that_are_as_they_should_be(script: Script, said: Told, codes: list[int | None]) -> None:
    """What the script did, or an honest loss of what may not or can no longer be run again, is no violation."""
    assert verdict(script, said, *codes) == []


@pytest.mark.parametrize(
    ("script", "said", "codes"),
    [
        (Script("j", 10), told("j", "succeeded", "succeeded"), [None]),
        (Script("j", 10), told("j", "succeeded", "succeeded"), []),
        (Script("j", 10, code=3), told("j", "succeeded", "succeeded"), [3]),
        (Script("j", 10), told("j", "failed", "failed"), [0]),
        (Script("j", 10, code=3), told("j", "failed", "failed"), [None]),
        (Script("j", 10), told("j", "stopped", "stopped"), [None]),
        (Script("j", 10, resumable=True), told("j", "failed", "lost"), [None]),
        (Script("j", 10, resumable=True), told("j", "failed", "lost", "failed"), [None, None]),
    ],
)
def test_ends_that_the_script_does_not_explain(script: Script, said: Told, codes: list[int | None]) -> None:
    """Success without an end, another exit status, a stop that nobody asked for, and giving up too early are seen."""
    assert verdict(script, said, *codes) == ["wrong_outcome"]


def test_an_attempt_that_was_called_lost_needs_a_cause() -> None:
    """A loss counts as explained only by a blow to its own pool, not long before it began and not after it was lost."""
    said = [told("j", "failed", "lost")]
    assert causeless(said, [("cloud", 1005.0)], 60.0) == []
    assert causeless(said, [("cloud", 950.0)], 60.0) == []
    for blows in ([], [("home", 1005.0)], [("cloud", 1011.0)], [("cloud", 930.0)]):
        assert [v.subject for v in causeless(said, blows, 60.0)] == ["j"]
