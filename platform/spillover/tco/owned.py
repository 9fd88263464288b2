"""What owning costs, part by part."""

from __future__ import annotations

import math

from .cost import Cost, together
from .inputs import HOURS_PER_YEAR, MONTHS_PER_YEAR, Inputs

_NO_INTEREST = 1e-9
"""Below it the formula divides nothing by nothing; what is left out is a billionth."""


def annuity(price: float, residual: float, years: float, rate: float) -> float:
    """The yearly payment that pays `price` back with interest over `years`, less what `residual` brings at the end.

    A = (P - R / (1+i)^n) i / (1 - (1+i)^-n); without interest (P - R) / n.
    """
    if rate < _NO_INTEREST:
        return (price - residual) / years
    discounted = -math.expm1(-years * math.log1p(rate))
    return (price - residual * (1.0 - discounted)) * rate / discounted


def owned_parts(v: Inputs) -> dict[str, Cost]:
    """Each part of owning nodes of this type. Storage goes with the work that is done, as it does when renting."""
    node = v.node_price_usd
    yearly = annuity(node, node * v.residual_share, v.life_years, v.interest_rate)
    worn = node * (1.0 - v.residual_share) / v.life_years
    return {
        "hardware": Cost(per_gpu=worn / v.gpus),
        "interest": Cost(per_gpu=(yearly - worn) / v.gpus),
        "maintenance": Cost(per_gpu=node * (1.0 + v.fabric_share) * v.maintenance_share / v.gpus),
        "power": _power(v),
        "space": Cost(per_gpu=_space_usd_per_month(v) * MONTHS_PER_YEAR / v.gpus),
        "network": Cost(v.wan_usd_per_month * MONTHS_PER_YEAR, yearly * v.fabric_share / v.gpus),
        "storage": Cost(per_busy_hour=storage_usd_per_hour(v, v.owned_storage_usd_per_gb_month)),
        "people": Cost(
            v.base_engineers * v.engineer_usd_per_year, v.engineer_usd_per_year / v.nodes_per_engineer / v.gpus
        ),
    }


def owned_cost(v: Inputs) -> Cost:
    """All of it."""
    return together(owned_parts(v).values())


def storage_usd_per_hour(v: Inputs, usd_per_gb_month: float) -> float:
    """What the data of one busy GPU costs in an hour."""
    return v.storage_gb_per_gpu * usd_per_gb_month * MONTHS_PER_YEAR / HOURS_PER_YEAR


def _power(v: Inputs) -> Cost:
    """Rated power x PUE x $/kWh, at its idle share always and at the rest while GPUs work."""
    usd_per_hour = v.rated_kw * v.pue * v.electricity_usd_per_kwh / v.gpus
    idle = usd_per_hour * v.idle_power_share
    return Cost(per_gpu=idle * HOURS_PER_YEAR, per_busy_hour=usd_per_hour * v.busy_power_share - idle)


def _space_usd_per_month(v: Inputs) -> float:
    return v.rated_kw * v.space_usd_per_kw_month + v.rack_units * v.space_usd_per_u_month
