"""Served applications under load, with all that is real: requests spill and return, and something dies meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sample import SEED, sampled
from serving.faults import FAULTS, Fault, start, suffer
from serving.judge import wrongs
from serving.scenario import Scenario
from serving.seen import CLOUD, Recording
from serving.site import Site, site
from serving.workload import echo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), sampled("test_serving_demo")]

SECONDS = (12.0, 8.0, 20.0, 45.0)


@pytest.fixture(scope="module")
def place(module_root: Path) -> Iterator[Site]:
    with site(module_root) as made:
        yield made


@pytest.fixture(scope="module")
def recording(place: Site, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The scenario with a light application, in short."""
    return Scenario(place, echo(), SECONDS, print).play(tmp_path_factory.mktemp("load"))


def test_requests_spill_and_return(recording: Recording) -> None:
    """Beyond what is owned, rented replicas serve; below it they do not; no request that may be sent again fails."""
    assert wrongs(recording) == []


def test_the_cloud_comes_and_goes(recording: Recording) -> None:
    """It has no replica before the load rises and none at the end, and it costs nothing then."""
    first, last = recording.samples[0], recording.samples[-1]
    assert max(sample.replicas[CLOUD] for sample in recording.samples) >= 1
    assert (first.replicas[CLOUD], last.replicas[CLOUD]) == (0, 0)
    assert (first.usd_per_hour[CLOUD], last.usd_per_hour[CLOUD]) == (0, 0)


def test_the_ledger_has_what_the_application_cost(place: Site, recording: Recording) -> None:
    """Its replicas are in the ledger, and cost no more than was spent."""
    assert 0 < place.cost_of("echo") <= place.sample().usd


@pytest.mark.parametrize(
    "fault",
    FAULTS if os.environ.get("SPILLOVER_SOAK") else [FAULTS[SEED % len(FAULTS)]],
    ids=lambda fault: str(fault.name),
)
def test_what_is_safe_to_send_again_survives_faults(place: Site, fault: Fault, tmp_path: Path) -> None:
    """Whatever dies, no GET fails that a client sent once, and both pools serve again.

    Of the data plane that holds for what was sent a few seconds later: what is on its way through it dies with it.
    """
    start(place)
    outcome = suffer(place, fault, tmp_path, print)
    assert (outcome.recover_s < 5) if fault.on_the_way else (outcome.failed_safe == 0), outcome
    assert outcome.whole_s is not None, outcome
