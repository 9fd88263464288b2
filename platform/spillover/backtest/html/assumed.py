"""What was assumed of the world, and by what the figures can be made again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...units import show_duration, show_instant
from ..results import Record, Results
from ..world import Order
from .figures import count, sentence, share, usd
from .markup import Html, el, join, table

_ORDERS = {
    Order.EASY: "a later job passes only if that delays nobody (EASY backfill), as Spillover runs live",
    Order.IN_ORDER: "nobody passes the first that has no room",
    Order.ANY: "whoever fits starts",
}


def _per_hour(amount: float) -> str:
    return f"{usd(amount)} per GPU and hour"


def _gigabytes(size: float) -> str:
    return f"{size:g} GB"


def _limit(show: Callable[[float], str]) -> Callable[[float], str]:
    return lambda value: show(value) if math.isfinite(value) else "no limit"


_WORLD: dict[str, tuple[str, Callable[[Any], str]]] = {
    "nodes": ("owned nodes", count),
    "gpus_per_node": ("GPUs on each owned node", count),
    "owned_usd": ("owned capacity costs, busy or idle", _per_hour),
    "on_demand_usd": ("on-demand price", _per_hour),
    "spot_usd": ("spot price", _per_hour),
    "startup_s": ("a new rented node is ready after", show_duration),
    "idle_timeout_s": ("a rented node without work is kept for", show_duration),
    "cloud_sizes": (
        "GPUs that rented nodes can have; whole nodes are billed",
        lambda sizes: ", ".join(map(str, sizes)),
    ),
    "move_s": ("moving a running job pauses it for", show_duration),
    "checkpoint_gb": ("a move transfers, for each GPU", _gigabytes),
    "data_gb": ("a rented start transfers", _gigabytes),
    "egress_usd_per_gb": ("what leaves a building or region costs", lambda price: f"{usd(price)} per GB"),
    "checkpoint_every_s": ("a resumable job writes a checkpoint every", show_duration),
    "restart_s": ("restarting from a checkpoint takes", show_duration),
    "max_cloud_gpus": ("GPUs rented at once", _limit(count)),
    "budget_usd": ("hard budget for the cloud", _limit(usd)),
    "order": ("who may pass whom in the queue", lambda order: _ORDERS[order]),
    "known_runtimes": (
        "decisions see",
        lambda known: "the real run times, as an oracle would" if known else "forecasts that never see the future",
    ),
    "learns": (
        "forecasts learn from jobs that have ended",
        lambda learns: "yes" if learns else "no: they are told nothing",
    ),
    "default_runtime_s": ("a job of which nothing is known is taken to run for", show_duration),
    "spot": ("spot zones replayed", lambda zones: ", ".join(zone.name for zone in zones) or "none: spot is not rented"),
}


def assumed(results: Results) -> Html:
    """The world in words, the trace, and the record."""
    rows = [(words, show(getattr(results.world, name))) for name, (words, show) in _WORLD.items()]
    return join(
        (
            table(("what", "value"), rows, "The world of the replay", class_="text"),
            table(("what", "value"), _trace(results), "The trace", class_="text"),
            *(el("p", sentence(note)) for note in results.trace.left_out),
            table(("what", "value"), _record(results), "The record", class_="text"),
            _again(results.record),
        )
    )


def _trace(results: Results) -> Sequence[tuple[str, str]]:
    facts = results.trace
    return (
        ("source", f"{facts.source} ({facts.format})"),
        ("SHA-256", facts.sha256 or "–"),
        ("jobs", count(facts.jobs)),
        ("first submission", show_instant(facts.begins_at) if facts.begins_at else "day 0; the trace has no dates"),
        ("first to last submission", f"{count(facts.span_s / 86_400)} days"),
        ("work", f"{count(facts.gpu_h)} GPU-hours, {facts.mean_gpus:.3g} GPUs busy in the mean"),
        ("offered load", f"{share(facts.load)} of the owned GPUs"),
        ("jobs that may be moved", share(facts.movable_share)),
        ("teams", count(len(facts.teams))),
    )


def _record(results: Results) -> Sequence[tuple[str, str]]:
    record = results.record
    left = record.left_out_of_figures
    return (
        ("Spillover", record.version + (f", commit {record.commit}" if record.commit else "")),
        ("made at", show_instant(record.made_at)),
        ("runs", f"{count(len(results.runs))} in {show_duration(record.wall_s)} on {count(record.workers)} workers"),
        ("seed", str(record.seed)),
        ("jobs drawn as movable", "as the trace says" if record.movable is None else share(record.movable)),
        (
            "left out of the figures",
            f"the first {count(left[0])} and the last {count(left[1])} jobs" if any(left) else "no job",
        ),
    )


def _again(record: Record) -> Html | None:
    if not record.command:
        return None
    return join((el("p", "The same figures again:"), el("pre", record.command, tabindex=0)))
