"""What AWS asks for the machines of launched pools, beside what the settings say, or where they say nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..adapters.price_catalogue import Catalogue, load_catalogue
from ..config import ClusterFile, Mistake, Reading, warn
from ..domain.pool import Market, Pool

MAX_OFF = {Market.ON_DEMAND: 1.25, Market.SPOT: 2.0}
"""By what factor a price may be off, either way: discounts are agreed on, and spot prices move."""

_REFRESH = "`spillover prices refresh` takes AWS's present prices"
_NOT_SAID = "say here what they cost"


class _Rented(NamedTuple):
    instance_type: str
    region: str


def catalogue_of(reading: Reading) -> Catalogue:
    """With what was refreshed into the settings' state folder."""
    folder = reading.source.tree.get("state_dir")
    return load_catalogue(Path(folder) if isinstance(folder, str) else None)


def on_aws(clusters: Mapping[str, ClusterFile]) -> bool:
    """Whether there is any cluster that Ray raises on AWS."""
    return any(_provider(cluster).get("type") == "aws" for cluster in clusters.values())


def list_price_mistakes(
    pools: Iterable[Pool], clusters: Mapping[str, ClusterFile], catalogue: Catalogue
) -> Iterator[Mistake]:
    """Warnings about prices that are far from the catalogue's. A price of 0 is another warning's business."""
    for pool in pools:
        if pool.name not in clusters:
            continue
        cluster = clusters[pool.name]
        for node_type in pool.node_types:
            path = ("pools", pool.name, "node_types", node_type.name, "price_usd_per_hour")
            rented = _rented(cluster, node_type.name)
            yield from _off(path, rented, node_type.market, node_type.price_usd_per_hour, catalogue)
        head, of_head = str(cluster.head_type), ("pools", pool.name, "head_price_usd_per_hour")
        market = _market(cluster, head, None)
        yield from _off(of_head, _rented(cluster, head), market, pool.head_price_usd_per_hour, catalogue)


def _off(
    path: tuple[str, ...], rented: _Rented | None, market: Market, usd: float, catalogue: Catalogue
) -> Iterator[Mistake]:
    if rented is None or usd == 0 or market is Market.OWNED:
        return
    listed = catalogue.price(*rented, market)
    if listed is not None:
        far = not 1 / MAX_OFF[market] <= usd / listed.usd_per_hour <= MAX_OFF[market]
    else:
        on_demand = catalogue.price(*rented, Market.ON_DEMAND)
        far = on_demand is not None and usd > on_demand.usd_per_hour
    if far:
        yield warn(path, f"{price_sentence(catalogue, rented, market)}; {_REFRESH}", f"{usd:g}")


def with_prices(reading: Reading, catalogue: Catalogue) -> Reading:
    """The same reading, in which mistakes about missing prices say what AWS asks."""
    return replace(reading, mistakes=[_with_price(m, reading, catalogue) for m in reading.mistakes])


def _with_price(mistake: Mistake, reading: Reading, catalogue: Catalogue) -> Mistake:
    path = mistake.path
    cluster = reading.source.clusters.get(path[1]) if len(path) > 2 and path[0] == "pools" else None
    missing = "price_usd_per_hour" in path[-1] and mistake.text.startswith("is required") if path else False
    if cluster is None or not (missing or mistake.text.endswith(_NOT_SAID)):
        return mistake
    name = path[3] if path[2] == "node_types" else str(cluster.head_type)
    rented = _rented(cluster, name)
    said = _said_market(reading.source.tree, path[1], name) if path[2] == "node_types" else None
    sentence = price_sentence(catalogue, rented, _market(cluster, name, said)) if rented else ""
    return replace(mistake, text=f"{mistake.text}; {sentence}") if sentence else mistake


def price_sentence(catalogue: Catalogue, rented: tuple[str, str], market: Market) -> str:
    """`m5.large costs $0.096 on demand in us-west-2 as of 2026-01-19`; "" if no price of it is known."""
    instance_type, region = rented
    told = [
        f"${price.usd_per_hour:.4g} {words} in {region} as of {price.as_of}"
        for of, words in ((Market.SPOT, "as spot"), (Market.ON_DEMAND, "on demand"))
        if of in (market, Market.ON_DEMAND) and (price := catalogue.price(instance_type, region, of))
    ]
    return f"{instance_type} costs {', '.join(told)}" if told else ""


def _rented(cluster: ClusterFile, name: str) -> _Rented | None:
    provider = _provider(cluster)
    found = _config(cluster, name).get("InstanceType")
    return _Rented(str(found), str(provider.get("region"))) if found and provider.get("type") == "aws" else None


def _market(cluster: ClusterFile, name: str, said: Any) -> Market:
    """What the settings say, else what the cluster YAML asks for."""
    if said in (Market.SPOT, Market.ON_DEMAND):
        return Market(said)
    options = _config(cluster, name).get("InstanceMarketOptions")
    spot = isinstance(options, Mapping) and options.get("MarketType") == "spot"
    return Market.SPOT if spot else Market.ON_DEMAND


def _said_market(tree: Mapping[str, Any], pool: str, name: str) -> Any:
    found: Any = tree
    for key in ("pools", pool, "node_types", name, "market"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _config(cluster: ClusterFile, name: str) -> Mapping[str, Any]:
    found = cluster.node_types.get(name)
    config = found.get("node_config") if isinstance(found, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _provider(cluster: ClusterFile) -> Mapping[str, Any]:
    found = cluster.filled.get("provider")
    return found if isinstance(found, Mapping) else {}
