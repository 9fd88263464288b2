"""What AWS asks now: its price list for on-demand, and the history of spot prices. Two APIs, read with boto3."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

from ..domain.pool import Market
from ..errors import BadArgument, ProviderError
from .aws_session import AwsSession, new_session
from .price_catalogue import Catalogue, Shape, Sheet

_PRICE_LIST_REGION = "us-east-1"
"""One of the few regions that answer for the price list of all."""

_LINUX = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "operation": "RunInstances",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
_SPOT_PRODUCTS = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"]

Progress = Callable[[str], None]


def fetch_prices(regions: Sequence[str], progress: Progress, now: datetime | None = None) -> Catalogue:
    """All instance types of these regions, on demand and spot.

    Raises BadArgument for an unknown region, ProviderError if AWS does not answer, or says no.
    """
    now = now or datetime.now(UTC)
    _check(regions)
    price_list = AwsSession({"region": _PRICE_LIST_REGION})
    shapes: dict[str, Shape] = {}
    sheets: dict[tuple[Market, str], Sheet] = {}
    for region in regions:
        products = list(_products(price_list, region, progress))
        shapes.update(shapes_of(products))
        sheets[Market.ON_DEMAND, region] = _sheet(on_demand_prices(products), now.date(), f"price list of {region}")
        spot = list(_spot_history(region, now, progress))
        sheets[Market.SPOT, region] = _sheet(spot_prices(spot), now.date(), f"spot price history of {region}")
    return Catalogue(shapes, sheets)


def _sheet(prices: Mapping[str, float], as_of: date, source: str) -> Sheet:
    if not prices:
        raise ProviderError(f"AWS's {source} is empty: nothing was changed")
    return Sheet(as_of, prices)


def _check(regions: Iterable[str]) -> None:
    known = new_session().get_available_regions("ec2")
    for region in regions:
        if region not in known:
            near = difflib.get_close_matches(region, known, n=1)
            raise BadArgument(f"'{region}' is no region of AWS" + (f"; did you mean '{near[0]}'?" if near else ""))


def _products(session: AwsSession, region: str, progress: Progress) -> Iterator[Mapping[str, Any]]:
    """Entries of the price list: JSON within JSON."""
    asked = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in {**_LINUX, "regionCode": region}.items()]
    client, read = session.client("pricing"), 0
    with session.asking("GetProducts"):
        for page in client.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=asked):
            read += len(page["PriceList"])
            progress(f"{region}: {read} entries of the price list")
            yield from (json.loads(entry) for entry in page["PriceList"])


def _spot_history(region: str, now: datetime, progress: Progress) -> Iterator[Mapping[str, Any]]:
    """The prices in force now, by type and zone."""
    session, read = AwsSession({"region": region}), 0
    with session.asking("DescribeSpotPriceHistory"):
        pages = session.client("ec2").get_paginator("describe_spot_price_history")
        for page in pages.paginate(StartTime=now, EndTime=now, ProductDescriptions=_SPOT_PRODUCTS):
            read += len(page["SpotPriceHistory"])
            progress(f"{region}: {read} spot prices")
            yield from page["SpotPriceHistory"]


def on_demand_prices(products: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """US dollars an hour by instance type. Without terms on demand, and at no price, there is none."""
    prices: dict[str, float] = {}
    for entry in products:
        terms = entry.get("terms", {}).get("OnDemand", {}).values()
        for dimension in (d for term in terms for d in term["priceDimensions"].values() if d["unit"] == "Hrs"):
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if usd > 0:
                prices[entry["product"]["attributes"]["instanceType"]] = usd
    return prices


def shapes_of(products: Iterable[Mapping[str, Any]]) -> dict[str, Shape]:
    """What each instance type has."""
    found = {}
    for entry in products:
        attributes = entry["product"]["attributes"]
        gpus = int(_number(attributes.get("gpu", "0")))
        vcpus, memory = _number(attributes.get("vcpu", "0")), _number(attributes.get("memory", "0"))
        found[attributes["instanceType"]] = Shape(int(vcpus), memory, gpus)
    return found


def spot_prices(history: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The newest of each zone, and of these the median over the zones, by instance type."""
    newest: dict[tuple[str, str], tuple[datetime, float]] = {}
    for entry in history:
        key, price = (entry["InstanceType"], entry["AvailabilityZone"]), (entry["Timestamp"], float(entry["SpotPrice"]))
        newest[key] = max(newest.get(key, price), price)
    by_type: dict[str, list[float]] = {}
    for (instance_type, _), (_, usd) in newest.items():
        by_type.setdefault(instance_type, []).append(usd)
    return {instance_type: median(prices) for instance_type, prices in by_type.items()}


def _number(text: str) -> float:
    """`1,152 GiB` as 1152.0; `NA` as 0."""
    found = re.match(r"[\d,.]+", text)
    return float(found[0].replace(",", "")) if found else 0.0
