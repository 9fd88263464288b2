"""What the economics are computed from: every number by its name. The reference of each is in data/economics/."""

from __future__ import annotations

from typing import NamedTuple

HOURS_PER_YEAR = 8760.0
MONTHS_PER_YEAR = 12.0


class Inputs(NamedTuple):
    """One set of numbers. Shares are 0 to 1; what each means and where its default comes from, `Figure` says.

    A tuple, not a dataclass: ten thousand are made for one question.
    """

    gpus: float
    node_price_usd: float
    rated_kw: float
    rack_units: float
    on_demand_usd: float
    spot_share: float
    commit_1y_share: float
    commit_3y_share: float
    utilisation: float
    nodes: float
    life_years: float
    residual_share: float
    interest_rate: float
    maintenance_share: float
    busy_power_share: float
    idle_power_share: float
    pue: float
    electricity_usd_per_kwh: float
    space_usd_per_kw_month: float
    space_usd_per_u_month: float
    engineer_usd_per_year: float
    base_engineers: float
    nodes_per_engineer: float
    fabric_share: float
    wan_usd_per_month: float
    storage_gb_per_gpu: float
    owned_storage_usd_per_gb_month: float
    rented_storage_usd_per_gb_month: float
    egress_usd_per_gb: float
    egress_gb_per_gpu_hour: float
    rented_network_share: float
    rented_engineers: float
    spot_lost_share: float
    waiting_usd_per_hour: float
