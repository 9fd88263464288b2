"""What renting costs, part by part, under each way to pay for it."""

from __future__ import annotations

from enum import StrEnum

from .cost import Cost, together
from .inputs import HOURS_PER_YEAR, Inputs
from .owned import storage_usd_per_hour


class Plan(StrEnum):
    """How rented GPUs are paid for. What is committed is paid for in every hour, used or not."""

    ON_DEMAND = "on demand"
    SPOT = "spot"
    COMMIT_1Y = "1-year commitment"
    COMMIT_3Y = "3-year commitment"

    @property
    def committed(self) -> bool:
        """Whether it is paid for without use, too."""
        return self in COMMITMENTS


COMMITMENTS = (Plan.COMMIT_1Y, Plan.COMMIT_3Y)


def plan_usd(v: Inputs, plan: Plan) -> float:
    """What a GPU-hour costs under a plan. Spot: with the work that interruptions lose."""
    share = {
        Plan.ON_DEMAND: 1.0,
        Plan.SPOT: v.spot_share * (1.0 + v.spot_lost_share),
        Plan.COMMIT_1Y: v.commit_1y_share,
        Plan.COMMIT_3Y: v.commit_3y_share,
    }
    return v.on_demand_usd * share[plan]


def rented_parts(v: Inputs, plan: Plan) -> dict[str, Cost]:
    """Each part of renting such GPUs. Storage is kept for as many GPUs as are busy on average."""
    price = plan_usd(v, plan)
    compute = Cost(per_gpu=price * HOURS_PER_YEAR) if plan.committed else Cost(per_busy_hour=price)
    return {
        "compute": compute,
        "network": Cost(per_busy_hour=network_usd_per_hour(v, price)),
        "storage": Cost(per_busy_hour=storage_usd_per_hour(v, v.rented_storage_usd_per_gb_month)),
        "people": Cost(per_site=v.rented_engineers * v.engineer_usd_per_year),
    }


def rented_cost(v: Inputs, plan: Plan) -> Cost:
    """All of it."""
    return together(rented_parts(v, plan).values())


def network_usd_per_hour(v: Inputs, price: float) -> float:
    """Egress of results, and the cloud's own network at its share of a GPU-hour's `price`."""
    return price * v.rented_network_share + v.egress_gb_per_gpu_hour * v.egress_usd_per_gb
