"""A cost in three parts: what a site costs, what each GPU costs that is there, and what each costs that works."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .inputs import HOURS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars: `per_site` a year however many GPUs, `per_gpu` a year and GPU, `per_busy_hour` a GPU-hour of work."""

    per_site: float = 0.0
    per_gpu: float = 0.0
    per_busy_hour: float = 0.0

    def usd_per_year(self, gpus: float, utilisation: float) -> float:
        """Of `gpus` GPUs that work in that share of all hours; 0 without any."""
        if gpus <= 0:
            return 0.0
        return self.per_site + gpus * (self.per_gpu + self.per_busy_hour * HOURS_PER_YEAR * utilisation)

    def usd_per_gpu_hour(self, gpus: float, utilisation: float) -> float:
        """Of one GPU-hour of work; infinite if none is done."""
        busy_h = gpus * HOURS_PER_YEAR * utilisation
        return self.usd_per_year(gpus, utilisation) / busy_h if busy_h > 0 else math.inf


def together(costs: Iterable[Cost]) -> Cost:
    """Their sum."""
    site = gpu = busy = 0.0
    for cost in costs:
        site += cost.per_site
        gpu += cost.per_gpu
        busy += cost.per_busy_hour
    return Cost(site, gpu, busy)


def break_even(owned: Cost, rented: Cost, gpus: float) -> float:
    """The utilisation from which on owning `gpus` GPUs costs no more than renting them, in closed form.

    Both cost a + b u a year at the utilisation u: equal where u = (a_owned - a_rented) / (b_rented - b_owned). 0 if
    owning costs no more from the start, infinite if renting never comes to cost more. Above 1 it cannot be reached.
    """
    fixed_gap = (owned.per_site - rented.per_site) + gpus * (owned.per_gpu - rented.per_gpu)
    hourly_gap = gpus * HOURS_PER_YEAR * (rented.per_busy_hour - owned.per_busy_hour)
    if fixed_gap <= 0:
        return 0.0
    return fixed_gap / hourly_gap if hourly_gap > 0 else math.inf
