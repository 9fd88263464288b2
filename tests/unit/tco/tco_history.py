"""A small history that can be reckoned by hand: the load is given, owned nodes take what fits, the rest is rented."""

from __future__ import annotations

from spillover.tco.history import Played


def fluid(load: tuple[float, ...], nodes: int, *, gpus: int = 8, usd: float = 2.0, hours: float = 1000.0) -> Played:
    """`load` GPUs at regular moments of `hours` hours, at `usd` for a rented GPU-hour."""
    step = hours / len(load)
    rented = tuple(max(0.0, level - nodes * gpus) for level in load)
    owned = sum(min(level, nodes * gpus) for level in load)
    return Played(
        nodes=nodes,
        hours=hours,
        jobs=100,
        owned_gpu_hours=owned * step,
        rented_gpu_hours=sum(rented) * step,
        compute_usd=sum(rented) * step * usd,
        egress_usd=0.0,
        waited_hours=50.0,
        rented_load=rented,
        on_demand_usd=usd,
        egress_usd_per_gb=0.0,
    )
