"""All of it for one node type, and for one history if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .beside import Beside, beside
from .chances import DRAWS, Chances, SizeChances, chances, size_chances
from .cost import Cost, break_even
from .curve import Curve, Wrong, curve_of, year_of
from .figures import Book, Quoted, load_quoted
from .history import Played
from .inputs import Inputs
from .owned import owned_cost, owned_parts
from .rented import Plan, rented_cost
from .tornado import Swing, tornado
from .ways import Ways, ways_of

UTILISATIONS = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what owning costs, at the utilisation of the inputs. `share` is of all parts."""

    name: str
    usd_per_node_year: float
    usd_per_gpu_hour: float
    share: float


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One way to rent. `usd_at` is a GPU-hour of work at each of `UTILISATIONS`: commitments idle as owned nodes do.

    From the utilisation `break_even` on owning costs no more than this, from `pays_from` on this costs no more than on
    demand; infinite where never.
    """

    plan: Plan
    usd_at: tuple[float, ...]
    break_even: float
    pays_from: float


@dataclass(frozen=True, slots=True)
class HistoryStudy:
    """What one history says. The tornado is of a year's total at the best size."""

    played: Mapping[int, Played]
    curve: Curve
    ways: Ways
    wrong_by: tuple[Wrong, ...]
    chances: SizeChances
    tornado: tuple[Swing, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """`owned_usd_at` is as `PlanRow.usd_at`. The tornado is of the break-even with on-demand prices."""

    book: Book
    seed: int
    draws: int
    parts: tuple[Part, ...]
    owned_usd_at: tuple[float, ...]
    plans: tuple[PlanRow, ...]
    chances: Chances
    tornado: tuple[Swing, ...]
    quoted: Mapping[str, Quoted]
    beside: tuple[Beside, ...]
    history: HistoryStudy | None = None


def study(book: Book, *, seed: int = 0, draws: int = DRAWS, played: Mapping[int, Played] | None = None) -> Study:
    """At the book's likeliest inputs and over its ranges. `played` is the history by number of owned nodes."""
    v = book.inputs()
    gpus, owned, quoted = v.nodes * v.gpus, owned_cost(v), load_quoted()
    history = _history(book, played, seed, draws) if played else None
    return Study(
        book=book,
        seed=seed,
        draws=draws,
        parts=_parts(v),
        owned_usd_at=_at(owned, gpus),
        plans=tuple(_plan(v, plan, owned) for plan in Plan),
        chances=chances(book, seed, draws),
        tornado=tornado(book, even_with_on_demand),
        quoted=quoted,
        beside=beside(v, quoted, history.ways if history else None),
        history=history,
    )


def even_with_on_demand(v: Inputs) -> float:
    """The utilisation from which on owning costs no more than renting on demand."""
    return break_even(owned_cost(v), rented_cost(v, Plan.ON_DEMAND), v.nodes * v.gpus)


def _parts(v: Inputs) -> tuple[Part, ...]:
    gpus, parts = v.nodes * v.gpus, owned_parts(v)
    whole = owned_cost(v).usd_per_year(gpus, v.utilisation)
    years = {name: cost.usd_per_year(gpus, v.utilisation) for name, cost in parts.items()}
    return tuple(
        Part(name, usd / v.nodes, parts[name].usd_per_gpu_hour(gpus, v.utilisation), usd / whole)
        for name, usd in years.items()
    )


def _plan(v: Inputs, plan: Plan, owned: Cost) -> PlanRow:
    gpus, cost = v.nodes * v.gpus, rented_cost(v, plan)
    return PlanRow(
        plan=plan,
        usd_at=_at(cost, gpus),
        break_even=break_even(owned, cost, gpus),
        pays_from=break_even(cost, rented_cost(v, Plan.ON_DEMAND), gpus),
    )


def _at(cost: Cost, gpus: float) -> tuple[float, ...]:
    return tuple(cost.usd_per_gpu_hour(gpus, u) for u in UTILISATIONS)


def _history(book: Book, played: Mapping[int, Played], seed: int, draws: int) -> HistoryStudy:
    v = book.inputs()
    curve = curve_of(v, played)
    best = played[curve.best.nodes]
    return HistoryStudy(
        played=played,
        curve=curve,
        ways=ways_of(curve),
        wrong_by=curve.wrong_by(),
        chances=size_chances(book, played, best.nodes, seed, draws),
        tornado=tornado(book, lambda v: sum(year_of(v, best, owned_cost(v)))),
    )
