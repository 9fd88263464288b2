"""Where a job's data lives, and what it costs to bring it to a pool."""

from __future__ import annotations

from typing import NamedTuple

from ..domain.data import Data, Place
from ..domain.pool import Pool, PoolRole
from ..domain.terms import CLOUD_EGRESS_USD_PER_GB, Terms
from .eligibility import in_region

_CLOUDS = ("s3://", "gs://", "gcs://", "az://", "abfs://", "abfss://", "wasbs://")


class Transfer(NamedTuple):
    """What it takes to bring data to a pool: seconds, dollars for what leaves its place, and both in words."""

    seconds: float
    egress_usd: float
    text: str
    egress_text: str


AT_HAND = Transfer(0.0, 0.0, "", "")


def transfer_of(data: Data, pool: Pool, terms: Terms) -> Transfer:
    """What bringing a job's data to that pool takes: nothing for what lives in the pool's own region.

    Elsewhere all of it is fetched once, at the pool's `gbit_per_s`, before the work begins.
    """
    if not data.size_bytes:
        return AT_HAND
    place = _place_of(data, terms)
    if _is_at(place, data, pool):
        return AT_HAND
    price = _egress(place, data)
    gb = f"{data.gb:g} GB"
    where = f"out of {place.region}" if place else "out of its store"
    return Transfer(
        data.gb * 8.0 / pool.gbit_per_s,
        data.gb * price,
        f"{gb} from {data.url} at {pool.gbit_per_s:g} Gbit/s",
        f"{gb} {where} at ${price:g}/GB",
    )


def _place_of(data: Data, terms: Terms) -> Place | None:
    """The longest entry of the settings that the address begins with."""
    found = [place for place in terms.places if data.url.startswith(place.prefix)]
    return max(found, key=lambda place: len(place.prefix), default=None)


def _is_at(place: Place | None, data: Data, pool: Pool) -> bool:
    """What no entry names is taken to be in nobody's region if a cloud keeps it, else where the owned pools are."""
    if place is not None:
        return in_region(pool.region, place.region)
    return pool.role is PoolRole.BASELINE and not data.url.startswith(_CLOUDS)


def _egress(place: Place | None, data: Data) -> float:
    if place is not None:
        return place.egress_usd_per_gb
    return CLOUD_EGRESS_USD_PER_GB if data.url.startswith(_CLOUDS) else 0.0


def move_usd(pool: Pool, gb: float) -> float:
    """What a checkpoint of that size costs that leaves the pool, when its job is moved away from there."""
    return gb * pool.egress_usd_per_gb
