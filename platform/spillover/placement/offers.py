"""The table of all offers for one job: every pool and node type, those out with the reason."""

from __future__ import annotations

from ..domain.decision import Offer
from ..domain.pool import NodeType
from .asks import Ask
from .fit import Fit, Quote
from .forecast import span
from .snapshot import QueuedJob


def offer_of(quote: Quote, pool: str, runtime_s: float) -> Offer:
    """The offer that a quote comes to for that run time.

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


def all_offers(job: QueuedJob, ask: Ask, chosen: Offer | None) -> tuple[Offer, ...]:
    """Every pool and node type as things stand at this job's turn; the chosen offer is marked."""
    rows = [row for fit in ask.fits for row in _rows(job, fit)]
    if chosen is None:
        return tuple(rows)
    key = (chosen.pool, chosen.node_type)
    return tuple(chosen._replace(chosen=True) if (row.pool, row.node_type) == key else row for row in rows)


def _rows(job: QueuedJob, fit: Fit) -> list[Offer]:
    types = fit.lane.pool.node_types
    rows = [_row(job, fit, node_type) for node_type in types]
    named = {t.name for t in types}
    # Work that asks for nothing runs on the head, which is of no node type.
    rows += [offer_of(q, fit.lane.pool.name, job.runtime_s) for q in _open_quotes(fit) if q.node_type not in named]
    return rows


def _open_quotes(fit: Fit) -> tuple[Quote, ...]:
    return () if fit.why or fit.lane.closed else fit.quotes()


def _row(job: QueuedJob, fit: Fit, node_type: NodeType) -> Offer:
    out = fit.why or _out_of_market(job, node_type) or (fit.lane.closed and f"{fit.lane.pool.name} {fit.lane.closed}")
    quote = None if out else fit.quote_for(node_type)
    if quote is None:
        return _not_now(job, fit, node_type, out or _no_room(fit, node_type))
    offer = offer_of(quote, fit.lane.pool.name, job.runtime_s)
    if not fit.lane.burst and fit.start_now(job.runtime_s) is None:
        return offer._replace(out=f"would delay {fit.lane.reserved_for}, which is ahead", start_delay_s=_wait_s(fit))
    return offer


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
    quote = fit.when_free(node_type)
    awaited = quote and not fit.why and not fit.lane.burst and node_type in fit.types
    return Offer(
        pool=fit.lane.pool.name,
        node_type=node_type.name,
        market=node_type.market.value,
        nodes=quote.nodes if quote else 0,
        price_usd_per_hour=node_type.price_usd_per_hour,
        start_delay_s=_wait_s(fit) if awaited else None,
        runtime_s=job.runtime_s,
        cost_usd=quote.price.cost(job.runtime_s) if quote else None,
        out=out,
    )
