"""The world that a trace is replayed in: owned nodes, a cloud, prices, moves and interruptions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .columns import Floats


class Order(StrEnum):
    """Who may pass whom. EASY is how Spillover runs live: a later job passes only if it delays nobody.

    IN_ORDER: nobody passes the first that has no room. ANY: whoever fits starts.
    """

    EASY = "easy"
    IN_ORDER = "in_order"
    ANY = "any"


@dataclass(frozen=True)
class SpotZone:
    """One zone's spot market: whether instances can be had (`free`, one entry a tick of `tick_s`), and its price."""

    name: str
    tick_s: float
    free: Floats


@dataclass(frozen=True)
class World:
    """Sizes, prices and times. Prices are US dollars for one accelerator and hour.

    `cloud_sizes` are the accelerators that rented nodes can have; a gang takes the smallest that holds its rest.
    `checkpoint_gb` is what a move transfers for each accelerator, `data_gb` what a rented start does. `move_s` is a
    move's pause, `startup_s` what a newly rented node takes, `idle_timeout_s` how long it is kept without work.
    `budget_usd` is a hard limit on what is rented, `max_cloud_gpus` on how much at once; infinite without.
    `known_runtimes` shows decisions the real run times, as an oracle would; without `learns`, they are told
    nothing, and each job is expected to
    take `default_runtime_s`, or as long again as it has taken.
    """

    nodes: int
    gpus_per_node: int = 8
    owned_usd: float = 0.0
    on_demand_usd: float = 3.06
    spot_usd: float = 0.99
    startup_s: float = 180.0
    idle_timeout_s: float = 300.0
    cloud_sizes: tuple[int, ...] = (1, 2, 4, 8)
    move_s: float = 360.0
    checkpoint_gb: float = 3.0
    data_gb: float = 0.0
    egress_usd_per_gb: float = 0.09
    checkpoint_every_s: float = 600.0
    restart_s: float = 120.0
    max_cloud_gpus: float = float("inf")
    budget_usd: float = float("inf")
    order: Order = Order.EASY
    known_runtimes: bool = False
    learns: bool = True
    default_runtime_s: float = 3600.0
    spot: tuple[SpotZone, ...] = ()
