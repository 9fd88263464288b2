"""The table of all offers for one job: every pool and node type, those out with the reason."""

from __future__ import annotations

import math

from ..domain.decision import Offer
from ..domain.pool import NodeType
from .asks import Ask
from .fit import Fit, Quote
from .forecast import span
from .lateness import late_chance
from .parts import parts_of
from .snapshot import QueuedJob


def offer_of(quote: Quote, pool: str, runtime_s: float) -> Offer:
    """The offer that a quote comes to for that run time, without the parts of its cost.

    `nodes` counts the nodes that the gang runs on, `price_usd_per_hour` is that of one node of the type.
    """
    return Offer(
        pool=pool,
        node_type=quote.node_type,
        market=quote.market,
        nodes=quote.nodes,
        price_usd_per_hour=quote.price_usd_per_hour,
        start_delay_s=quote.delay_s,
        runtime_s=runtime_s,
        cost_usd=quote.price.cost(runtime_s),
    )


def all_offers(job: QueuedJob, ask: Ask, chosen: tuple[Fit, Quote] | None = None) -> tuple[Offer, ...]:
    """Every pool and node type as things stand at this job's turn; the chosen one, if there is one, is marked.

    Those that could be taken or waited for show what their cost is made of.
    """
    rows = [row for fit in ask.fits for row in _rows(job, fit)]
    if chosen is None:
        return tuple(rows)
    fit, quote = chosen
    key = (fit.lane.pool.name, quote.node_type)
    marked = _shown(job, fit, quote, quote.delay_s, chosen=True)
    return tuple(marked if (row.pool, row.node_type) == key else row for row in rows)


def _shown(job: QueuedJob, fit: Fit, quote: Quote, delay_s: float | None, out: str = "", **more: bool) -> Offer:
    """An offer with what its cost is made of, how long it takes, and how likely it is late."""
    price, runtime_s = quote.price, job.runtime_s
    parts = parts_of(price, runtime_s)
    timely = delay_s is None or job.hints.deadline_at is None
    return Offer(
        fit.lane.pool.name,
        quote.node_type,
        quote.market,
        quote.nodes,
        quote.price_usd_per_hour,
        delay_s,
        runtime_s,
        math.fsum([part.usd for part in parts]),
        out,
        total_s=price.held_s(runtime_s),
        late_chance=None if timely else late_chance(job, price, fit.lane.now + (delay_s or 0.0)),
        parts=parts,
        **more,
    )


def _rows(job: QueuedJob, fit: Fit) -> list[Offer]:
    types = fit.lane.pool.node_types
    rows = [_row(job, fit, node_type) for node_type in types]
    named = {t.name for t in types}
    # Work that asks for nothing runs on the head, which is of no node type.
    open_ = (fit.fetching(q, job.hints.data) for q in _open_quotes(fit) if q.node_type not in named)
    return [*rows, *(_shown(job, fit, q, q.delay_s) for q in open_)]


def _open_quotes(fit: Fit) -> tuple[Quote, ...]:
    return () if fit.why or fit.lane.closed else fit.quotes()


def _row(job: QueuedJob, fit: Fit, node_type: NodeType) -> Offer:
    out = fit.why or _out_of_market(job, node_type) or (fit.lane.closed and f"{fit.lane.pool.name} {fit.lane.closed}")
    quote = None if out else fit.quote_for(node_type)
    if quote is None:
        return _not_now(job, fit, node_type, out or _no_room(fit, node_type))
    quote = fit.fetching(quote, job.hints.data)
    if not fit.lane.burst and fit.start_now(job.runtime_s) is None:
        return _shown(job, fit, quote, _wait_s(fit), f"would delay {fit.lane.reserved_for}, which is ahead")
    return _shown(job, fit, quote, quote.delay_s)


def _out_of_market(job: QueuedJob, node_type: NodeType) -> str:
    wanted = job.hints.markets
    if not wanted or node_type.market.value in wanted:
        return ""
    return f"the job asks for markets {', '.join(wanted)}; '{node_type.name}' is {node_type.market.value}"


def _no_room(fit: Fit, node_type: NodeType) -> str:
    if not fit.leads(node_type):
        return f"'{node_type.name}' is {node_type.resources}: too small, or its labels differ"
    if node_type.name in fit.lane.view.lacking:
        return f"the cloud lacks capacity for '{node_type.name}' now"
    wait_s = None if fit.lane.burst else _wait_s(fit)
    return "full now" if wait_s is None else f"full now, room in about {span(wait_s)}"


def _wait_s(fit: Fit) -> float | None:
    at = fit.expected_start()
    return None if at is None else max(0.0, at - fit.lane.now)


def _not_now(job: QueuedJob, fit: Fit, node_type: NodeType, out: str) -> Offer:
    """An offer that cannot be taken, with what it would cost if the pool's nodes were free."""
    free = fit.when_free(node_type)
    quote = free and fit.fetching(free, job.hints.data)
    if quote and not fit.why and not fit.lane.burst and node_type in fit.types:
        return _shown(job, fit, quote, _wait_s(fit), out)
    return Offer(
        pool=fit.lane.pool.name,
        node_type=node_type.name,
        market=node_type.market.value,
        nodes=quote.nodes if quote else 0,
        price_usd_per_hour=node_type.price_usd_per_hour,
        start_delay_s=None,
        runtime_s=job.runtime_s,
        cost_usd=quote.price.cost(job.runtime_s) if quote else None,
        out=out,
        total_s=quote.price.held_s(job.runtime_s) if quote else None,
    )
