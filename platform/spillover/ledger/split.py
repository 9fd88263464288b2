"""Who pays for a node over a span of time: shares that add up to what the node costs, to the nanodollar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..domain.money import EntryKind, LedgerEntry, PaidNode, cost_nanos
from ..domain.resources import Resources


@dataclass(frozen=True)
class Payer:
    """A job, its account, and what it is charged for on one node."""

    submission_id: str
    team: str
    user: str
    charged: Resources


_DUST = 1e-12
"""Shares of a full node need not add up to one in floating point: what is less than this is not idle time."""

Part = tuple[EntryKind, Payer | None, float]
"""What kind, who, and which fraction of the node."""


def split(
    node: PaidNode, total: Resources, payers: Sequence[Payer], foreign: Resources, until: float
) -> list[LedgerEntry]:
    """The entries for `node` from where its meter stands to `until`, which must not go over midnight UTC.

    A head belongs to all: it is its own kind. Otherwise each job pays its dominant share of the node (scaled down
    if together they were charged for more than there is), foreign use pays its share, and the rest is idle. Each
    entry is less than two nanodollars off its exact share; together they are exactly what the node costs.
    """
    if node.is_head:
        return _entries(node, until, [(EntryKind.HEAD, None, 1.0)])
    shares: list[Part] = [(EntryKind.JOB, payer, payer.charged.dominant_share(total)) for payer in payers]
    shares.append((EntryKind.FOREIGN, None, foreign.dominant_share(total)))
    taken = sum(share for _, _, share in shares)
    scale = 1.0 / max(1.0, taken)
    parts = [(kind, payer, share * scale) for kind, payer, share in shares if share > 0]
    if taken < 1.0 - _DUST:
        parts.append((EntryKind.IDLE, None, 1.0 - taken))
    return _entries(node, until, parts)


def _entries(node: PaidNode, until: float, parts: Sequence[Part]) -> list[LedgerEntry]:
    cost = cost_nanos(node.price_usd_per_hour, node.metered_until, until)
    entries, running, given = [], 0.0, 0
    for number, (kind, payer, share) in enumerate(parts, 1):
        running += share
        # Differences of a rounded running total: the parts add up exactly
        upto = cost if number == len(parts) else min(cost, int(cost * running))
        entries.append(_entry(node, until, kind, payer, upto - given, share))
        given = upto
    return entries


def _entry(
    node: PaidNode, until: float, kind: EntryKind, payer: Payer | None, nano_usd: int, share: float
) -> LedgerEntry:
    return LedgerEntry(
        pool=node.pool,
        node_id=node.node_id,
        node_type=node.node_type,
        market=node.market,
        start=node.metered_until,
        end=until,
        kind=kind,
        nano_usd=nano_usd,
        node_s=(until - node.metered_until) * share,
        submission_id=payer.submission_id if payer else None,
        team=payer.team if payer else None,
        user=payer.user if payer else None,
    )


def charges(holds: Sequence[tuple[str, Mapping[str, Mapping[str, float]]]]) -> dict[str, dict[str, Resources]]:
    """From (submission id, node id -> amounts) to node id -> submission id -> resources."""
    by_node: dict[str, dict[str, Resources]] = {}
    for submission_id, nodes in holds:
        for node_id, amounts in nodes.items():
            by_node.setdefault(node_id, {})[submission_id] = Resources(amounts)
    return by_node
