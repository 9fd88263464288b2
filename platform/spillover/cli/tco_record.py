"""What `spillover tco` found, as JSON for programs: dollars, hours and shares; what is infinite is null."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..tco.chances import Spread
from ..tco.curve import Point
from ..tco.history import Played
from ..tco.study import UTILISATIONS, HistoryStudy, Study

FORMAT = 1
"""It grows by one when a field changes its meaning or goes."""

_PERCENTILES = (5, 10, 25, 50, 75, 90, 95)
_BINS = 40


def record(study: Study, about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All of it. `about` says how the history was played."""
    book = study.book
    found = {
        "format": FORMAT,
        "version": __version__,
        "node": book.node,
        "rented_as": book.rented_as,
        "gpus_per_node": book.gpus,
        "seed": study.seed,
        "draws": study.draws,
        "inputs": [asdict(figure) for figure in book.figures.values()],
        "owned": {
            "parts": [asdict(part) for part in study.parts],
            "usd_per_gpu_hour": _by_use(study.owned_usd_at),
        },
        "plans": [_plan(study, at) for at in range(len(study.plans))],
        "owned_usd_per_gpu_hour": spread(study.chances.owned_usd),
        "tornado": {"of": "break-even utilisation with on-demand prices", "swings": _all(study.tornado)},
        "beside": [{**asdict(row), "field": asdict(study.quoted[row.quoted])} for row in study.beside],
        "history": _history(study.history, about or {}) if study.history else None,
    }
    return dict(_plain(found))


def spread(samples: Spread) -> dict[str, Any]:
    """Mean, percentiles, and a histogram between the first and the last per cent."""
    low, high = samples.percentile(0.01), samples.percentile(0.99)
    return {
        "mean": samples.mean,
        **{f"p{p}": samples.percentile(p / 100) for p in _PERCENTILES},
        "histogram": histogram(samples, low, high) if math.isfinite(high) and low < high else None,
    }


def histogram(samples: Spread, low: float, high: float) -> dict[str, Any]:
    """How many draws fall into each of the equal bins from `low` to `high`; those beyond are left out."""
    counts = [0] * _BINS
    width = (high - low) / _BINS
    for sample in samples.samples:
        if low <= sample <= high:
            counts[min(_BINS - 1, int((sample - low) / width))] += 1
    return {"from": low, "to": high, "counts": counts}


def _plan(study: Study, at: int) -> dict[str, Any]:
    row, found = study.plans[at], study.chances
    return {
        "plan": str(row.plan),
        "usd_per_gpu_hour": _by_use(row.usd_at),
        "break_even_utilisation": row.break_even,
        "pays_against_on_demand_from": row.pays_from,
        "owning_cheaper": found.owning_cheaper[row.plan],
        "break_even": spread(found.break_even[row.plan]),
        "at_drawn_utilisation_usd_per_gpu_hour": spread(found.rented_usd[row.plan]),
    }


def _history(history: HistoryStudy, about: Mapping[str, Any]) -> dict[str, Any]:
    found = history.chances
    return {
        **about,
        "best_nodes": history.curve.best.nodes,
        "curve": [_point(p, history.played[p.nodes]) for p in history.curve.points],
        "ways": _all(history.ways.table),
        "wrong_by": _all(history.wrong_by),
        "total_usd_per_year": spread(found.total_usd),
        "best_nodes_drawn": spread(found.best_nodes),
        "regret_usd_per_year": spread(found.regret_usd),
        "chance_of_being_best": {str(nodes): share for nodes, share in found.best.items()},
        "tornado": {"of": "total cost a year at the best size", "swings": _all(history.tornado)},
    }


def _point(point: Point, played: Played) -> dict[str, Any]:
    kept = {name: value for name, value in asdict(played).items() if name != "rented_load"}
    return {**asdict(point), "total_usd": point.total_usd, "played": kept}


def _by_use(usd_at: Iterable[float]) -> dict[str, float]:
    return {f"{u:.0%}": usd for u, usd in zip(UTILISATIONS, usd_at, strict=True)}


def _all(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def _plain(value: Any) -> Any:
    """Without infinities, which JSON has not, and with names for plans."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
