"""Ray's label selectors: `value`, `!value`, `in(a,b)`, `!in(a,b)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MARKET_LABEL = "spillover.dev/market"
"""On a node type of a cluster YAML: how its nodes are paid for."""


def selects(selector: Iterable[tuple[str, str]], labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels satisfies every condition of the selector."""
    return all(_holds(condition, labels.get(key)) for key, condition in selector)


def _holds(condition: str, value: str | None) -> bool:
    negated = condition.startswith("!")
    body = condition[1:] if negated else condition
    if body.startswith("in(") and body.endswith(")"):
        wanted = {item.strip() for item in body[3:-1].split(",")}
    else:
        wanted = {body.strip()}
    return (value in wanted) != negated
