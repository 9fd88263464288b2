"""What a sweep tries: jobs/sweep/space.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest


@pytest.fixture
def space(load: Callable[[str], Any]) -> Any:
    return load("sweep.space")


@pytest.fixture
def base(load: Callable[[str], Any]) -> Any:
    return load("lm.settings").Settings()


WRITTEN = {
    "optimizer.rate": "loguniform(1e-4, 1e-2)",
    "optimizer.clip": "uniform(0.5, 2)",
    "batch.sequences": "choice(4, 8, 16)",
    "seed": "randint(1, 3)",
}


def test_what_is_drawn_is_within_its_bounds(space: Any) -> None:
    """Each kind draws from its own range, and reaches into both halves of it."""
    drawn = [space.parse(WRITTEN).sample(0, trial) for trial in range(200)]
    rates = [math.log10(values["optimizer.rate"]) for values in drawn]
    assert all(-4 <= rate <= -2 for rate in rates)
    assert 60 < sum(rate < -3 for rate in rates) < 140  # even in the logarithm
    assert all(0.5 <= values["optimizer.clip"] <= 2 for values in drawn)
    assert {values["batch.sequences"] for values in drawn} == {"4", "8", "16"}
    assert {values["seed"] for values in drawn} == {1, 2, 3}


def test_drawing_follows_from_seed_and_number(space: Any) -> None:
    """A sweep that is run again tries the same, whatever else is in its space, and another seed tries other values."""
    alone, among = space.parse({"seed": "randint(1, 1000)"}), space.parse(WRITTEN | {"seed": "randint(1, 1000)"})
    assert [alone.sample(0, t)["seed"] for t in range(9)] == [among.sample(0, t)["seed"] for t in range(9)]
    assert [alone.sample(0, t) for t in range(9)] != [alone.sample(1, t) for t in range(9)]


def test_exploring_stays_near_and_within(space: Any) -> None:
    """What population based training changes stays in the space, and most changes are a step of 0.8 or 1.2."""
    parsed, random = space.parse(WRITTEN), Random(0)
    values = parsed.sample(0, 0) | {"optimizer.rate": 1e-3, "batch.sequences": "16"}
    explored = [parsed.explored(values, random) for _ in range(200)]
    near = sum(any(math.isclose(e["optimizer.rate"], f * 1e-3) for f in (0.8, 1.2)) for e in explored)
    assert 120 < near < 180
    assert all(1e-4 <= e["optimizer.rate"] <= 1e-2 and e["seed"] in (1, 2, 3) for e in explored)
    assert sum(e["batch.sequences"] == "4" for e in explored) < 40  # not a neighbour of 16
    at_the_edge = parsed.explored(values | {"optimizer.rate": 1e-2}, Random(1))
    assert at_the_edge["optimizer.rate"] <= 1e-2


def test_values_replace_settings(space: Any, base: Any) -> None:
    """Values take the type of what they replace, and nothing else changes."""
    changed = space.with_values(base, {"batch.sequences": "16", "optimizer.rate": 1e-4, "precision.kind": "bf16"})
    assert (changed.batch.sequences, changed.optimizer.rate, changed.precision.kind) == (16, 1e-4, "bf16")
    assert changed.model == base.model
    assert base.batch.sequences != 16


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"optimiser.rate": 1.0}, r"space.optimiser.rate: the base has no such setting; there are optimizer"),
        ({"optimizer.rates": 1.0}, r"space.optimizer.rates: .* there are rate"),
        ({"seed.x": 1}, "space.seed.x: the base has no such setting"),
        ({"model": 3}, "space.model: 3 cannot stand in the place of Model"),
        ({"batch.sequences": "many"}, "space.batch.sequences: 'many' cannot stand in the place of 8"),
        ({"model.heads": "3"}, r"model.width 128 must be 3 heads"),
    ],
)
def test_values_that_do_not_fit(space: Any, base: Any, values: dict[str, Any], says: str) -> None:
    """A name that there is not, a value of another kind, and what the base's own checks refuse, are errors."""
    with pytest.raises(ValueError, match=says):
        space.with_values(base, values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.1", "does not read like"),
        ("normal(0, 1)", "does not read like"),
        ("uniform(1)", "does not read like"),
        ("choice()", "does not read like"),
        ("uniform(a, b)", "must be numbers"),
        ("uniform(2, 1)", "the first number must be the smaller one"),
        ("loguniform(0, 1)", "and above 0"),
    ],
)
def test_what_cannot_be_read(space: Any, text: str, says: str) -> None:
    """All mistakes of a space are named at once, each with its setting."""
    with pytest.raises(ValueError, match=says) as caught:
        space.parse({"optimizer.rate": text, "seed": "?", "batch.sequences": "choice(1)"})
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["space.optimizer.rate", "space.seed"]
