"""What an offer's cost is made of, part by part: the same numbers as its price, for people."""

from __future__ import annotations

from ..domain.decision import Part, PartKind
from .forecast import span
from .pricing import HOUR_S, Bill, Price
from .sentences import usd


def parts_of(price: Price, runtime_s: float) -> tuple[Part, ...]:
    """All that a run of that long is paid for. The parts come to `price.cost(runtime_s)`, but for rounding of floats.

    What the work holds is split by why it is held: the run itself, fetching its data, and interruptions.
    """
    bill, hours = price.bill, runtime_s / HOUR_S
    parts = []
    if bill.opened:
        parts += _opened(bill, runtime_s)
    if bill.shared:
        parts.append(Part(PartKind.SHARE, bill.shared_usd * hours, runtime_s, _shared(bill)))
    if bill.head_usd:
        parts.append(_head(bill, runtime_s))
    if price.fetch_s:
        parts += _fetched(price)
    if bill.storage_usd:
        parts.append(_stored(price, runtime_s))
    if price.stops.per_s:
        parts.append(_interrupted(price, runtime_s))
    return tuple(parts)


def _opened(bill: Bill, runtime_s: float) -> list[Part]:
    """Whole nodes while the job runs, and before and after it."""
    per_s = bill.opened_usd / HOUR_S
    parts = [
        Part(PartKind.NODES, per_s * runtime_s, runtime_s, f"{_types(bill)}, rented whole"),
        Part(PartKind.STARTUP, per_s * bill.startup_s, bill.startup_s, "these nodes until they are up"),
    ]
    if bill.idle_s:
        parts.append(Part(PartKind.IDLE, per_s * bill.idle_s, bill.idle_s, "these nodes idle until they are folded"))
    return parts


def _types(bill: Bill) -> str:
    counts = dict.fromkeys((t.name, t.price_usd_per_hour) for t in bill.opened)
    return " and ".join(
        f"{name} x{sum(t.name == name for t in bill.opened)} at {usd(price)}/h" for name, price in counts
    )


def _shared(bill: Bill) -> str:
    nodes = "a node that is" if bill.shared == 1 else f"{bill.shared} nodes that are"
    return f"its share of {nodes} there anyway, {usd(bill.shared_usd)}/h"


def _head(bill: Bill, runtime_s: float) -> Part:
    time_s = bill.startup_s + runtime_s + bill.idle_s
    text = f"the pool's head, raised for it, at {usd(bill.head_usd)}/h"
    return Part(PartKind.HEAD, bill.head_usd * time_s / HOUR_S, time_s, text)


def _fetched(price: Price) -> list[Part]:
    transfer = price.bill.transfer
    waits = Part(PartKind.TRANSFER, price.bill.held_usd * price.fetch_s / HOUR_S, price.fetch_s, transfer.text)
    if not transfer.egress_usd:
        return [waits]
    return [waits, Part(PartKind.EGRESS, transfer.egress_usd, None, transfer.egress_text)]


def _stored(price: Price, runtime_s: float) -> Part:
    bill = price.bill
    text = f"checkpoints of {bill.checkpoint_gb:g} GB at ${bill.storage_usd_per_gb_month:g} a GB and month"
    return Part(PartKind.STORAGE, bill.storage_usd * (price.fetch_s + runtime_s) / HOUR_S, None, text)


def _interrupted(price: Price, runtime_s: float) -> Part:
    stops, work_s = price.stops, price.fetch_s + runtime_s
    extra_s = stops.extra_s(work_s)
    nodes = "1 spot node" if stops.nodes == 1 else f"{stops.nodes} spot nodes"
    each = f"{span(stops.setback.lost_s)}" + ("" if stops.setback.resumable else " and all that was done")
    text = f"{stops.expected(work_s):.2g} expected ({nodes}, {stops.source}); each costs {each}"
    return Part(PartKind.INTERRUPTIONS, price.usd_per_s * extra_s, extra_s, text)
