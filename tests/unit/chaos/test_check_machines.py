"""Machines: their tags from the first call on, and no life past the lease."""

from __future__ import annotations

import pytest
from chaos_records import TAGS as GIVEN
from chaos_records import machine, renewed
from hypothesis import given
from hypothesis import strategies as st

from chaos.check_machines import EXPIRES, GRACE_S, TAGS, lease_end, left_over, outlived, overlong, untagged


def test_a_machine_that_ends_in_time_is_fine() -> None:
    """Neither its tags nor its age are a violation."""
    assert [*outlived([machine()], 2000.0), *untagged([machine()], "ours"), *overlong([machine()], 120.0)] == []


def test_a_lease_ends_at_the_latest_time_that_was_ever_written() -> None:
    """Renewals move the end; one that is taken back does not shorten what the machine may have read."""
    assert lease_end(machine(tag_history=renewed((1050.0, "1200"), (1060.0, "1150")))) == 1200.0


def test_a_machine_may_live_its_first_seconds_whatever_its_expiry() -> None:
    """A machine that was launched with an old expiry tag has its first seconds from the launch on."""
    assert lease_end(machine(launched=1090.0)) == 1150.0


@given(st.floats(0.0, 500.0))
def test_a_live_machine_is_seen_exactly_when_the_minute_is_over(age_s: float) -> None:
    """A machine that still lives is a violation from the end of its lease plus a minute on, and not before."""
    assert bool(outlived([machine(ended=None)], 1100.0 + age_s)) == (1100.0 + age_s > 1100.0 + GRACE_S)


def test_a_machine_that_ended_too_late_is_seen_for_ever() -> None:
    """That it is gone in the end does not help."""
    assert [v.invariant for v in outlived([machine(ended=1161.0)], 9999.0)] == ["outlived_lease"]


def test_a_machine_without_readable_tags_has_no_lease() -> None:
    """It may live for the minute of grace, from its launch on."""
    blank = machine(ended=None, tag_history=((1000.0, {EXPIRES: "soon"}),))
    assert outlived([blank], 1059.0) == []
    assert [v.subject for v in outlived([blank], 1061.0)] == ["i-1"]


@pytest.mark.parametrize("name", TAGS)
def test_each_tag_must_be_there_from_the_first_call_on(name: str) -> None:
    """One that is missing at the creation is seen, even if it is written a moment later."""
    first = {tag: value for tag, value in GIVEN.items() if tag != name}
    (found,) = untagged([machine(tag_history=((1000.0, first), (1001.0, GIVEN)))], "ours")
    assert name in found.text


def test_tags_of_somebody_else_are_not_ours() -> None:
    """A machine of another installation is none that we may have made."""
    assert [v.invariant for v in untagged([machine()], "theirs")] == ["untagged"]


def test_a_lease_longer_than_the_settings_say_is_seen() -> None:
    """An expiry far away would make the lease worthless: at most the setting and a minute, at any time of writing."""
    assert overlong([machine(tag_history=renewed((1050.0, "1170")))], 120.0) == []
    assert [v.invariant for v in overlong([machine(tag_history=renewed((1050.0, "1300")))], 120.0)] == ["overlong_lease"]


def test_what_is_still_there_in_the_end_is_seen() -> None:
    """A machine without an end, after all pools are folded, was left over."""
    assert [v.subject for v in left_over([machine(), machine(id="i-2", ended=None)])] == ["i-2"]
