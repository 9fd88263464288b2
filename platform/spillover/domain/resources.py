"""What work needs and nodes have: resources, bundles, gangs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_EPS = 1e-9


class Resources(Mapping[str, float]):
    """Amounts by resource name (CPU, GPU, memory in bytes, custom), immutable and hashable.

    Zero amounts are dropped, so that `{CPU: 0}` equals `{}`.
    """

    __slots__ = ("_amounts", "_hash")

    def __init__(self, amounts: Mapping[str, float] | None = None) -> None:
        kept = {k: float(v) for k, v in sorted((amounts or {}).items()) if abs(v) > _EPS}
        self._amounts = kept
        self._hash = hash(tuple(kept.items()))

    def __getitem__(self, name: str) -> float:
        return self._amounts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._amounts)

    def __len__(self) -> int:
        return len(self._amounts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resources) and self._amounts == other._amounts

    def __repr__(self) -> str:
        return f"Resources({self})"

    def __str__(self) -> str:
        return "{" + ",".join(f"{k}:{v:g}" for k, v in self._amounts.items()) + "}"

    def fits_in(self, room: Mapping[str, float]) -> bool:
        """Whether every amount is there in `room`."""
        return all(room.get(k, 0.0) + _EPS >= v for k, v in self._amounts.items())

    def plus(self, other: Mapping[str, float]) -> Resources:
        """The sum, name by name."""
        return Resources({k: self.get(k, 0.0) + other.get(k, 0.0) for k in {*self, *other}})

    def minus(self, other: Mapping[str, float]) -> Resources:
        """The difference, never below zero: nobody has less than nothing free."""
        return Resources({k: max(0.0, v - other.get(k, 0.0)) for k, v in self.items()})

    def times(self, factor: float) -> Resources:
        """Every amount times `factor`."""
        return Resources({k: v * factor for k, v in self.items()})

    def at_least(self, other: Mapping[str, float]) -> Resources:
        """The larger of both, name by name."""
        return Resources({k: max(self.get(k, 0.0), other.get(k, 0.0)) for k in {*self, *other}})

    def dominant_share(self, total: Mapping[str, float]) -> float:
        """Largest fraction of `total` that one resource takes (Dominant Resource Fairness, NSDI'11)."""
        shares = [v / total[k] for k, v in self.items() if total.get(k, 0.0) > 0]
        return max(shares, default=0.0)


@dataclass(frozen=True)
class Demand:
    """The gang that a job needs at once: `bundles` are (count, shape of one).

    `driver` is what the entrypoint itself asked for, and `labels` its label selector.
    """

    bundles: tuple[tuple[int, Resources], ...] = ()
    driver: Resources = field(default_factory=Resources)
    labels: tuple[tuple[str, str], ...] = ()

    def each(self) -> Iterator[Resources]:
        """Every bundle one by one, largest first; the driver's too if it asked for anything."""
        yield from sorted(self._units(), key=lambda r: (-sum(r.values()), str(r)))

    def _units(self) -> Iterator[Resources]:
        if self.driver:
            yield self.driver
        for count, shape in self.bundles:
            for _ in range(count):
                if shape:
                    yield shape

    def total(self) -> Resources:
        """The sum of all bundles."""
        total = Resources()
        for unit in self._units():
            total = total.plus(unit)
        return total

    def __str__(self) -> str:
        parts = [f"{n}x{shape}" for n, shape in self.bundles]
        if self.driver:
            parts.append(f"driver {self.driver}")
        return " + ".join(parts) or "nothing"


_BUNDLE = re.compile(r"^\s*(?:(\d+)\s*x\s*)?\{([^{}]*)\}\s*$")
_SPLIT = re.compile(r"\+(?=\s*(?:\d+\s*x\s*)?\{)")


def parse_bundles(text: str) -> tuple[tuple[int, Resources], ...]:
    """Read `4x{GPU:2,CPU:16}`, or several joined by `+`.

    Raises ValueError that shows the text and an example.
    """
    return tuple(_parse_bundle(part, text) for part in _SPLIT.split(text))


def _parse_bundle(part: str, whole: str) -> tuple[int, Resources]:
    match = _BUNDLE.match(part)
    if not match:
        raise ValueError(f"'{whole}' is no gang; write bundles such as '4x{{GPU:2,CPU:16}}'")
    count = int(match.group(1) or 1)
    amounts = dict(_parse_amount(item, whole) for item in match.group(2).split(",") if item.strip())
    if count < 1 or not Resources(amounts):
        raise ValueError(f"'{whole}' asks for nothing; write bundles such as '2x{{CPU:1}}'")
    return count, Resources(amounts)


def _parse_amount(item: str, whole: str) -> tuple[str, float]:
    name, sep, amount = item.partition(":")
    try:
        value = float(amount)
    except ValueError:
        value = -1.0
    if not sep or not name.strip() or not 0 <= value < float("inf"):
        raise ValueError(f"'{item.strip()}' in '{whole}' is no resource; write 'NAME:AMOUNT', such as 'GPU:2'")
    return name.strip(), value


def pack(units: Iterable[Resources], rooms: Mapping[str, Resources]) -> dict[str, Resources] | None:
    """First-fit-decreasing of bundles onto nodes (units must come largest first).

    Returns what is left on each node, or None if some bundle finds no room.
    """
    left = dict(rooms)
    for unit in units:
        node = next((n for n, room in left.items() if unit.fits_in(room)), None)
        if node is None:
            return None
        left[node] = left[node].minus(unit)
    return left
