"""The whole way of a job that spills over, on the test bed: the promises of it, each in a figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample import sampled
from story.site import site
from story.story import POLICY, Facts, Story

pytestmark = [pytest.mark.slow, pytest.mark.testbed, pytest.mark.timeout(800), sampled("test_story")]


@pytest.fixture(scope="module")
def facts(module_root: Path) -> Facts:
    """Jobs queue on SSH hosts; training bursts to spot, loses a node with notice, resumes, ends; the pool folds."""
    with site(module_root, policy=POLICY) as place:
        return Story(place, print).tell()


def test_the_job_goes_on_from_its_checkpoint_in_the_same_attempt(facts: Facts) -> None:
    """A reclaim with notice costs a few steps at most, and neither the job's id nor its attempt."""
    assert facts.attempts == ["succeeded"]
    assert 0 <= facts.steps_lost <= 25, facts.log
    assert "done: validation loss" in facts.log


def test_nothing_is_left(facts: Facts) -> None:
    """No machine lives after the fold, and the search for strays finds none."""
    assert (facts.left, facts.strays) == (0, 0)
    assert facts.machines >= 4  # a head, two workers, and the replacement of the one that was taken


def test_the_ledger_is_the_bill(facts: Facts) -> None:
    """What Spillover booked on the cloud is what the cloud asks for, to the nanodollar a machine."""
    assert facts.bill_usd > 0
    assert facts.ledger_usd == pytest.approx(facts.bill_usd, abs=1e-9 * facts.machines)
