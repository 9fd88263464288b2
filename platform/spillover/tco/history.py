"""A history as the economics see it: what one replay of it said at one on-prem size."""

from __future__ import annotations

from dataclasses import dataclass

from .inputs import HOURS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Played:
    """One history at `nodes` owned nodes, over the `hours` in which it was submitted.

    `compute_usd` is the bill for rented nodes at `on_demand_usd` for a GPU-hour, start-up and idle tails included;
    `egress_usd` what moves and data cost at `egress_usd_per_gb`. `rented_load` are the rented GPUs in use at regular
    moments of those hours. `waited_hours` is the sum over all jobs.
    """

    nodes: int
    hours: float
    jobs: int
    owned_gpu_hours: float
    rented_gpu_hours: float
    compute_usd: float
    egress_usd: float
    waited_hours: float
    rented_load: tuple[float, ...]
    on_demand_usd: float
    egress_usd_per_gb: float

    @property
    def per_year(self) -> float:
        """How often the history fits into a year: money and hours of it times this are those of a year."""
        return HOURS_PER_YEAR / self.hours

    @property
    def mean_wait_h(self) -> float:
        """Mean wait of a job in hours."""
        return self.waited_hours / self.jobs if self.jobs else 0.0

    def utilisation(self, gpus_per_node: float) -> float:
        """Of the owned nodes, in those hours; 0 without nodes. Work that ran on after them counts, up to 1."""
        capacity = self.nodes * gpus_per_node * self.hours
        return min(1.0, self.owned_gpu_hours / capacity) if capacity else 0.0
