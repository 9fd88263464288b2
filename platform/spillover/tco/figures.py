"""Inputs with their ranges and sources, as they come with the package or as somebody states them."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

from ..errors import BadArgument
from .inputs import Inputs

COMPUTED = frozenset({"gpus"})
"""What a node type is, and nobody sets."""

_POSITIVE = frozenset({"life_years", "nodes", "nodes_per_engineer", "utilisation", "on_demand_usd", "pue"})
_AT_MOST_ONE = frozenset(
    {"utilisation", "residual_share", "busy_power_share", "idle_power_share", "spot_share", "interest_rate"}
    | {"commit_1y_share", "commit_3y_share", "maintenance_share", "fabric_share"}
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One input: `value` is likeliest, `low` and `high` are the ends of what is plausible.

    `basis` says what the source is worth: `list` (a dated public list price), `cited` (read in the text that is named),
    `recalled` (commonly published, not looked up again), `judged` (our judgement), `stated` (set by who asks).
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    meaning: str
    basis: str
    source: str

    @property
    def uncertain(self) -> bool:
        """Whether it has a range at all."""
        return self.low < self.high


@dataclass(frozen=True, slots=True)
class Book:
    """All inputs of one node type. `rented_as` is its twin at AWS, `sizes` the GPUs that rented nodes can have."""

    node: str
    about: str
    rented_as: str
    gpus: int
    sizes: tuple[int, ...]
    figures: Mapping[str, Figure] = field(hash=False)

    def inputs(self, **other: float) -> Inputs:
        """The likeliest values, some of them replaced."""
        return Inputs(**{"gpus": float(self.gpus), **{name: f.value for name, f in self.figures.items()}, **other})

    def uncertain(self) -> tuple[Figure, ...]:
        """The figures that have a range."""
        return tuple(figure for figure in self.figures.values() if figure.uncertain)

    def stating(self, settings: Iterable[str]) -> Book:
        """With `name=value`, which then is certain, or `name=low:value:high`. Raises BadArgument."""
        figures = dict(self.figures)
        for setting in settings:
            stated = self._stated(setting)
            figures[stated.name] = stated
        book = replace(self, figures=figures)
        _check_power(book)
        return book

    def _stated(self, setting: str) -> Figure:
        name, equals, text = setting.partition("=")
        if not equals:
            raise BadArgument(f"'{setting}' sets nothing; write NAME=VALUE, or NAME=LOW:VALUE:HIGH")
        if name not in self.figures:
            raise BadArgument(f"there is no input '{name}'{_meant(name, self.figures)}")
        low, value, high = _range(name, text)
        stated = replace(
            self.figures[name], low=low, value=value, high=high, basis="stated", source="stated with --set"
        )
        _check(stated)
        return stated


def _range(name: str, text: str) -> tuple[float, float, float]:
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in {1, 3} or not all(map(math.isfinite, numbers)):
        raise BadArgument(f"{name}: '{text}' is no number; write VALUE, or LOW:VALUE:HIGH")
    low, value, high = numbers if len(numbers) == 3 else numbers * 3
    return low, value, high


def _check(figure: Figure) -> None:
    """Raises BadArgument for what cannot be."""
    name = figure.name
    if not figure.low <= figure.value <= figure.high:
        raise BadArgument(
            f"{name}: {figure.low:g}:{figure.value:g}:{figure.high:g} is not in order; write LOW:VALUE:HIGH"
        )
    if figure.low < 0 or (figure.low == 0 and name in _POSITIVE):
        raise BadArgument(f"{name}: {figure.low:g} must be {'above' if name in _POSITIVE else 'at least'} 0")
    if figure.high > 1 and name in _AT_MOST_ONE:
        raise BadArgument(f"{name}: {figure.high:g} is a share of 1; write {figure.high / 100:g} for {figure.high:g}%")


def _check_power(book: Book) -> None:
    idle, busy = book.figures["idle_power_share"], book.figures["busy_power_share"]
    if idle.high > busy.low:
        raise BadArgument(
            f"idle_power_share: {idle.high:g} is above busy_power_share, {busy.low:g} at the least; "
            "an idle node draws no more than a busy one"
        )


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else "; `spillover tco --inputs` lists them"


def node_types() -> tuple[str, ...]:
    """The node types whose figures come with the package, sorted."""
    names = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(n.removeprefix("node-").removesuffix(".json") for n in names if n.startswith("node-")))


def load_book(node: str) -> Book:
    """The figures of one node type. Raises BadArgument for one that is not known."""
    if node not in node_types():
        near = difflib.get_close_matches(node, node_types(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(node_types())}"
        raise BadArgument(f"nothing is known of the node type '{node}'; {hint}")
    raw = _read(f"node-{node}.json")
    figures = {**raw["figures"], **_read("common.json")["figures"]}
    return Book(
        node=node,
        about=raw["about"],
        rented_as=raw["rented_as"],
        gpus=raw["gpus"],
        sizes=tuple(raw["sizes"]),
        figures={name: Figure(name, **figure) for name, figure in figures.items()},
    )


@dataclass(frozen=True, slots=True)
class Quoted:
    """What the field quotes of one thing, from `low` to `high`."""

    low: float
    high: float
    unit: str
    meaning: str
    source: str


def load_quoted() -> Mapping[str, Quoted]:
    """The field's figures by name."""
    return {name: Quoted(**raw) for name, raw in _read("field.json")["figures"].items()}


def _folder() -> Any:
    return files("spillover") / "data" / "economics"


def _read(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((_folder() / name).read_text())
    return raw
