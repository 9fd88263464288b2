"""How many replicas there should be, and whether requests spill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spillover.domain.serving import Replicas, ServeTerms
from spillover.placement.serving import Memory, Plan, Seen, expected_s, plan

TERMS = ServeTerms(Replicas(1, 2), Replicas(0, 3), latency_target_s=0.5, ongoing=4, idle_s=30.0)
CALM = Seen(at=100.0, in_system=2, working=2, rented=0, service_s=0.2)


def after(terms: ServeTerms, looks: list[Seen], memory: Memory | None = None) -> tuple[Plan, Memory]:
    """The plan after some looks."""
    memory = memory or Memory()
    planned = Plan(0, 0, spill=False, sentence="")
    for seen in looks:
        planned, memory = plan(terms, seen, memory)
    return planned, memory


def steady(seen: Seen, seconds: int) -> list[Seen]:
    """The same for so long, a look a second."""
    return [replace(seen, at=seen.at + second) for second in range(seconds + 1)]


def test_a_calm_application_has_its_least_replicas_and_does_not_spill() -> None:
    """Without pressure nothing is added, and nothing goes to rented replicas."""
    planned, _ = after(TERMS, steady(CALM, 10))
    assert (planned.baseline, planned.burst, planned.spill) == (1, 0, False)
    assert planned.sentence == (
        "Stays on owned replicas: 2 requests in the system, owned replicas work on 8 at once and would take 0.2 s for "
        "one more; the target is 0.5 s."
    )


def test_the_forecast_is_littles_law() -> None:
    """With three times as many requests as places, a new one takes three times its service time."""
    assert expected_s(TERMS, replace(CALM, in_system=23), 2) == pytest.approx(0.6)
    assert expected_s(TERMS, replace(CALM, in_system=3), 2) == pytest.approx(0.2)


def test_requests_spill_when_owned_replicas_would_miss_the_target() -> None:
    """At 0.2 s for each of 8 places the target of 0.5 s is missed from 20 requests on, and not before."""
    assert not after(TERMS, [replace(CALM, in_system=19)])[0].spill
    assert after(TERMS, [replace(CALM, in_system=20)])[0].spill


def test_they_come_back_only_after_a_calm_while() -> None:
    """Calm must hold for five seconds; one late look starts that anew."""
    hot, calm = replace(CALM, in_system=30, rented=1), replace(CALM, at=101.0, in_system=6, rented=1)
    _, memory = after(TERMS, [hot])
    planned, memory = after(TERMS, steady(calm, 4), memory)
    assert planned.spill
    assert after(TERMS, [replace(calm, at=106.5)], memory)[0].spill is False
    late = replace(calm, at=105.5, in_system=40)
    assert after(TERMS, [late, *steady(replace(calm, at=106.0), 4)], memory)[0].spill


def test_between_calm_and_late_nothing_changes() -> None:
    """Neither out nor back between 70% of the target and the target."""
    between = replace(CALM, in_system=17, rented=1)
    assert not after(TERMS, steady(between, 20))[0].spill
    _, hot = after(TERMS, [replace(between, at=99.0, in_system=30)])
    assert after(TERMS, steady(between, 20), hot)[0].spill


def test_pressure_adds_owned_replicas_first() -> None:
    """The second owned replica is asked for; where there is no room for it, a rented one besides."""
    hot = replace(CALM, working=1, in_system=12)
    assert (after(TERMS, [hot])[0].baseline, after(TERMS, [hot])[0].burst) == (1, 0)  # one look is no pressure yet
    coming, _ = after(TERMS, steady(hot, 2))
    assert (coming.baseline, coming.burst) == (2, 0)
    full, _ = after(TERMS, steady(replace(hot, missing=1), 2))
    assert (full.baseline, full.burst) == (2, 1)


def test_a_queue_that_grows_meanwhile_does_not_rent_the_whole_cloud() -> None:
    """While replicas come up, not more than twice those that answer are asked for."""
    planned, _ = after(replace(TERMS, burst=Replicas(0, 50)), steady(replace(CALM, in_system=1000), 3))
    assert planned.baseline + planned.burst == 4


def test_rented_replicas_go_when_the_peak_is_forgotten() -> None:
    """They are kept for `idle` seconds after they were last needed, then given back one peak after the other."""
    hot, calm = replace(CALM, in_system=30), replace(CALM, at=103.0, in_system=2, rented=2)
    planned, memory = after(TERMS, steady(hot, 2))
    assert planned.burst == 2
    kept, memory = after(TERMS, steady(calm, 28), memory)
    assert kept.burst > 0
    gone, _ = after(TERMS, steady(replace(calm, at=134.0), 3), memory)
    assert (gone.burst, gone.spill) == (0, False)


def test_most_is_never_passed() -> None:
    """Whatever waits, there are at most 2 owned and 3 rented replicas."""
    planned, _ = after(TERMS, steady(replace(CALM, in_system=10_000, rented=3), 20))
    assert (planned.baseline, planned.burst) == (2, 3)


def test_without_an_owned_replica_rented_ones_answer() -> None:
    """The owned pool has died: as many as the least are asked for elsewhere, and what is there takes requests."""
    planned, _ = after(TERMS, steady(replace(CALM, in_system=0, working=0, missing=1), 2))
    assert (planned.burst, planned.spill) == (1, True)
    assert after(replace(TERMS, burst=Replicas(0, 0)), steady(replace(CALM, working=0, missing=1), 2))[0].burst == 0


def test_a_target_below_the_service_time_is_no_reason_to_rent() -> None:
    """More replicas make no request faster than its own work: only a queue counts."""
    slow = replace(CALM, service_s=2.0)
    planned, _ = after(TERMS, steady(slow, 5))
    assert (planned.baseline, planned.burst, planned.spill) == (1, 0, False)
    assert after(TERMS, [replace(slow, in_system=9)])[0].spill


def test_nothing_measured_yet_counts_every_queue() -> None:
    """Before the first answer a request is taken to need the whole target."""
    assert not after(TERMS, [replace(CALM, service_s=None, in_system=7)])[0].spill
    assert after(TERMS, [replace(CALM, service_s=None, in_system=8)])[0].spill
