"""How large batches may be for a latency target."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

TARGET_S = 0.1


@pytest.fixture
def adaptation(load: Callable[[str], Any]) -> Any:
    return load("serve_digits.adaptation")


def seen(adaptation: Any, sizes: list[int], fixed_s: float, each_s: float, noise: float = 0.0) -> list[Any]:
    """Batches that cost so much, some of them up to `noise` times more."""
    numbers = random.Random(0)
    return [adaptation.Seen(s, (fixed_s + each_s * s) * (1 + noise * numbers.random())) for s in sizes]


def adapted(adaptation: Any, batches: list[Any], **said: Any) -> Any:
    now = adaptation.Terms(said.pop("now", 8), 0.0)
    lately = adaptation.Lately(said.pop("busy", 0.9), said.pop("per_s", 0.0))
    return adaptation.adapted(now, batches, lately, **({"target_s": TARGET_S, "most": 64} | said))


def test_two_batches_fit_into_the_target(adaptation: Any) -> None:
    """3 ms and 1 ms an image: batches of 37 take 40 ms, two of them what the margin leaves of a little over 100."""
    batches = seen(adaptation, [1, 8, 20, 37] * 4, 0.003, 0.001)
    assert adapted(adaptation, batches, target_s=0.101).most == 37
    assert adapted(adaptation, batches, target_s=0.099).most == 36


def test_slow_batches_count(adaptation: Any) -> None:
    """Where many take up to twice as long as the fastest, the slow ones must fit, too."""
    batches = seen(adaptation, [1, 8, 20, 37] * 50, 0.003, 0.001, noise=1.0)
    most = adapted(adaptation, batches).most
    cost = adaptation.Cost.of(batches)
    assert cost.spread > 1.2
    assert 2 * cost.seconds(most) <= 0.8 * TARGET_S < 2 * cost.seconds(most + 1)


def test_a_pause_of_the_machine_is_no_reason_for_small_batches(adaptation: Any) -> None:
    """One batch in fifty, whatever its size, that takes 300 ms more changes nothing: a smaller one would have, too."""
    batches = seen(adaptation, [1, 8, 20, 37] * 50, 0.003, 0.001)
    paused = [adaptation.Seen(s.size, s.seconds + 0.3 * (i % 50 == 0)) for i, s in enumerate(batches)]
    assert adapted(adaptation, paused) == adapted(adaptation, batches)


def test_batches_keep_up_with_what_comes(adaptation: Any) -> None:
    """Ten a batch fit a target of 32.5 ms and do 769 images a second: for 720, and a quarter more, it must be 27."""
    batches = seen(adaptation, [1, 8, 20, 37] * 4, 0.003, 0.001)
    assert adapted(adaptation, batches, target_s=0.0326).most == 10
    assert adapted(adaptation, batches, target_s=0.0326, per_s=720).most == 27
    assert adapted(adaptation, batches, target_s=0.0326, per_s=2000).most == 64


def test_single_images_are_no_trap(adaptation: Any) -> None:
    """On a machine so slow that one image misses the target, batches grow: nothing is gained by small ones."""
    assert adapted(adaptation, seen(adaptation, [1] * 20, 0.2, 0.0), now=1).most == 2
    assert adapted(adaptation, seen(adaptation, [1, 2] * 10, 0.2, 0.01), now=2).most == 4
    assert adapted(adaptation, seen(adaptation, [1, 2, 40] * 10, 0.2, 0.01), now=40).most == 64


def test_batches_grow_by_what_was_measured(adaptation: Any) -> None:
    """Cheap batches of up to 8 let 16 be tried, not 64; 40 then lets 64 be, which is the most there may be."""
    assert adapted(adaptation, seen(adaptation, [1, 4, 8] * 4, 0.003, 0.0001)).most == 16
    assert adapted(adaptation, seen(adaptation, [1, 4, 40] * 4, 0.003, 0.0001)).most == 64


def test_single_images_say_little_of_batches(adaptation: Any) -> None:
    """Of 3.3 ms each, a batch is taken to cost in proportion: twelve stay allowed where more were, none are added."""
    alone = seen(adaptation, [1] * 20, 0.003, 0.0003)
    assert adapted(adaptation, alone, now=40).most == int(0.04 / 0.0033)
    assert adapted(adaptation, alone, now=8).most == 8


def test_company_is_waited_for_when_it_pays(adaptation: Any) -> None:
    """A busy model waits as long as a batch's fixed cost, never past the target; an idle one does not wait."""
    batches = seen(adaptation, [1, 8, 20, 37] * 4, 0.003, 0.001)
    assert adapted(adaptation, batches).wait_s == pytest.approx(0.003)
    assert adapted(adaptation, batches, busy=0.3).wait_s == 0.0
    dear = seen(adaptation, [2, 4, 8] * 4, 0.044, 0.001)
    terms = adapted(adaptation, dear)
    assert terms.most == 16
    assert terms.wait_s == pytest.approx(0.8 * TARGET_S - 0.060)


def test_a_few_batches_change_nothing(adaptation: Any) -> None:
    """Seven are no basis."""
    assert adapted(adaptation, seen(adaptation, [1] * 7, 1.0, 1.0)) == adaptation.Terms(8, 0.0)


def test_a_falling_line_is_none(adaptation: Any) -> None:
    """Where noise has larger batches take less time, an image is taken to cost nothing, and the most is the limit."""
    batches = [adaptation.Seen(1, 0.004), adaptation.Seen(60, 0.003)] * 5
    cost = adaptation.Cost.of(batches)
    assert (cost.each_s, cost.fixed_s) == (0.0, pytest.approx(0.0035))
    assert adapted(adaptation, batches).most == 64


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.99, 4), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(adaptation: Any, share: float, value: int) -> None:
    """The smallest that so many of them do not exceed."""
    assert adaptation.quantile([3, 1, 4, 2], share) == value
