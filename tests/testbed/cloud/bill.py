"""What the instances cost, by EC2's rules for Linux. A pure function of the records: no Spillover in it.

Per second, 60 seconds at least for each run, from LaunchTime until the second in which it ended or was stopped. A spot
instance that EC2 itself interrupts within its first hour is free.
(https://aws.amazon.com/ec2/pricing/, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MINIMUM_S = 60
FREE_IF_INTERRUPTED_S = 3600
INTERRUPTED = "Server.SpotInstanceTermination"


def billed_s(instance: Mapping[str, Any], now: float) -> int:
    """Seconds that an instance has been billed for until now."""
    runs = [(start, int(now) if end is None else end) for start, end in instance["runs"]]
    if instance["end_cause"] == INTERRUPTED and runs[-1][1] - runs[-1][0] < FREE_IF_INTERRUPTED_S:
        runs = runs[:-1]
    return sum(max(MINIMUM_S, end - start) for start, end in runs)


def bill(instances: Sequence[Mapping[str, Any]], prices: Mapping[str, float], now: float) -> list[dict[str, Any]]:
    """One line an instance. Prices in USD an hour, by "type/market" or "type/market/zone". Raises KeyError for one that lacks."""
    return [
        {
            "id": instance["id"],
            "type": instance["type"],
            "market": instance["market"],
            "seconds": (seconds := billed_s(instance, now)),
            "usd": seconds * price(instance, prices) / 3600,
        }
        for instance in instances
    ]


def price(instance: Mapping[str, Any], prices: Mapping[str, float]) -> float:
    """USD an hour: the price of the zone goes before that of the region."""
    key = f"{instance['type']}/{instance['market']}"
    zoned = f"{key}/{instance['zone']}"
    if zoned not in prices and key not in prices:
        raise KeyError(f"no price for '{key}': there are {', '.join(sorted(prices)) or 'none'}")
    return prices.get(zoned, prices.get(key, 0.0))
