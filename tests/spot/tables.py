"""What a replay found and what follows for long runs, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table

from spot.account import Account, Costs, account
from spot.result import Replayed
from spot.trace import Market

FLEETS = (1, 2, 4, 6)
HARSH = 10


def facts(found: Replayed) -> Table:
    """The replay itself."""
    table = Table(title=f"Replayed: {found.seconds:.0f} s, the trace's time divided by {found.factor:.1f}")
    table.add_column("measured")
    table.add_column("value", justify="right")
    costs = found.costs
    for name, value in (
        ("nodes taken away, with notice", f"{found.taken}"),
        ("nodes that came", f"{len(found.came)}"),
        ("step reached", f"{found.steps}"),
        ("node time that there was", f"{found.had:.0%}"),
        ("velocity against the uninterrupted run", f"{found.velocity:.0%}"),
        ("a node taken: steps lost", f"{sum(each.lost_steps for each in found.losses) / found.taken:.1f}"),
        ("a node taken: work lost", f"{costs.lost_s:.1f} s"),
        ("a node taken: without work", f"{costs.idle_s:.1f} s"),
        ("a node taken: checkpoints upon notice", f"{costs.stall_s:.1f} s"),
        ("the run grows: work lost", f"{costs.grow_lost_s:.1f} s"),
        ("the run grows: without work", f"{costs.grow_idle_s:.1f} s"),
        ("a node comes: until it is there", f"{found.boot_s:.1f} s"),
        ("a node comes: until the run takes it in", f"{costs.join_s:.1f} s"),
    ):
        table.add_row(name, value)
    return table


def accounts(market: Market, costs: Costs) -> Table:
    """The whole trace at its own time scale with those costs, and with ten times as much."""
    table = Table(title="Computed: 45 days of the trace at its own time scale, with the measured costs")
    for name in ("nodes", "taken a day", "had", "velocity", f"costs x{HARSH}", "wasted", "days near", "of on demand"):
        table.add_column(name, justify="left" if name == "nodes" else "right")
    for name, soft, harsh in fleets(market, costs):
        days = market.tick_s * min(map(len, market.had.values())) / 86400
        shares = (soft.had, soft.velocity, harsh.velocity)
        table.add_row(
            *(name, f"{soft.interruptions / days:.1f}", *(f"{share:.1%}" for share in shares), f"{soft.wasted:.2%}"),
            *(f"{soft.near:.0%}", f"{soft.usd:.0%}"),
        )
    return table


def fleets(market: Market, costs: Costs) -> Iterator[tuple[str, Account, Account]]:
    """By name: fleets from all zones, with on demand in the gaps or without, then each zone by itself."""
    harsh = Costs(**{name: HARSH * seconds for name, seconds in asdict(costs).items()})
    for count in FLEETS:
        for on_demand in (False, True):
            stretches = market.fleet(count, on_demand=on_demand)
            name = f"{count} of nine zones" + (", gaps on demand" if on_demand else "")
            yield name, *(account(stretches, count, each, market.price) for each in (costs, harsh))
    for zone in market.had:
        stretches = market.fleet(1, [zone])
        yield f"1 in {zone}", *(account(stretches, 1, each, market.price) for each in (costs, harsh))
