"""Our figures beside those that the field quotes, each with whether it falls inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .cost import Cost, together
from .figures import Quoted
from .inputs import Inputs
from .owned import owned_cost, owned_parts
from .rented import Plan, plan_usd, rented_parts
from .ways import Ways

_NEAR = 0.05
"""A single quoted share counts as met within five hundredths."""


@dataclass(frozen=True, slots=True)
class Beside:
    """One of ours. `quoted` is the name of what the field says; `verdict` is `inside`, `below` or `above` it."""

    quoted: str
    ours: str
    value: float
    verdict: str


def beside(v: Inputs, quoted: Mapping[str, Quoted], ways: Ways | None = None) -> tuple[Beside, ...]:
    """Ours by what the field quotes, in its order; what a history says only if there is one."""
    found = [*_compute(v), *_storage(v), *_shares(v), *(_hybrid(ways) if ways else ())]
    return tuple(Beside(name, ours, value, verdict(quoted[name], value)) for name, ours, value in found)


def verdict(quoted: Quoted, value: float) -> str:
    """Where a value lies. What the field gives as one number is met within five hundredths of it."""
    slack = _NEAR if quoted.low == quoted.high else 0.0
    if value < quoted.low - slack:
        return "below"
    return "above" if value > quoted.high + slack else "inside"


_Found = tuple[str, str, float]


def _compute(v: Inputs) -> Iterator[_Found]:
    gpus = v.nodes * v.gpus
    yield "compute", f"owned, {v.utilisation:.0%} used", owned_cost(v).usd_per_gpu_hour(gpus, v.utilisation)
    for plan in Plan:
        yield "compute", str(plan), plan_usd(v, plan)


def _storage(v: Inputs) -> Iterator[_Found]:
    yield "storage", "owned", v.owned_storage_usd_per_gb_month
    yield "storage", "rented", v.rented_storage_usd_per_gb_month


def _shares(v: Inputs) -> Iterator[_Found]:
    sides = {"owned": owned_parts(v), "rented": rented_parts(v, Plan.ON_DEMAND)}
    for side, parts in sides.items():
        yield "network", side, _year(v, [parts["network"]]) / _year(v, parts.values())
    for side, parts in sides.items():
        people = _year(v, [parts["people"]])
        yield "engineering", f"{side}, running it alone", people / (_year(v, parts.values()) - people)


def _year(v: Inputs, parts: Iterable[Cost]) -> float:
    return together(parts).usd_per_year(v.nodes * v.gpus, v.utilisation)


def _hybrid(ways: Ways) -> Iterator[_Found]:
    if ways.all_rented:
        yield "saving", "over renting all on demand", 1 - ways.hybrid.spent_usd / ways.all_rented.spent_usd
    yield "saving", "over owning for the peak", 1 - ways.hybrid.spent_usd / ways.for_peak.spent_usd
    yield "utilisation_before", f"{ways.for_peak.nodes} nodes, for the peak", ways.for_peak.utilisation
    yield "utilisation_after", f"{ways.hybrid.nodes} nodes, the cheapest", ways.hybrid.utilisation
