"""The settings of an attached cluster as commented YAML: the template with other pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..config import template
from ..domain.resources import Resources
from .init_files import CLUSTER
from .init_shapes import Shape

_GIB = 2**30
_CHEAPEST_BURST_USD = 0.4

# Above the pools the template is taken as it is; these of its lines are changed.
_DEMAND = 'demand: "1x{CPU:1}"'
_RULE = "    - 1 job older than 1h\n"
_QUICK_RULE = "    - 1 job older than 30s              # to see a burst soon: with real prices, 1h is more like it\n"


@dataclass(frozen=True)
class AttachedText:
    """What is to be written. `head_works`: the head has CPUs or GPUs too, and counts as a node."""

    address: str
    token_file: str | None
    shapes: list[Shape]
    price_usd_per_hour: float
    head_works: bool
    ray_version: str
    with_burst: bool


def settings_text(text: AttachedText) -> str:
    """The whole file."""
    above, pools, _ = template().read_text().partition("\npools:\n")
    above = _changed(above, _DEMAND, f'demand: "{_demand(text.shapes[0].resources)}"')
    if text.with_burst:
        above = _changed(above, _RULE, _QUICK_RULE)
    return above + pools + _attached(text) + "\n" + _burst(text)


def _changed(text: str, old: str, new: str) -> str:
    assert old in text, old  # noqa: S101  # the template is ours
    return text.replace(old, new)


def _demand(resources: Resources) -> str:
    """One CPU where a node has that much, else a little of what it has."""
    if resources.get("CPU", 0.0) >= 1:
        return "1x{CPU:1}"
    name, amount = next(iter(resources.items()))
    return f"1x{{{name}:{min(1.0, amount):g}}}"


def _attached(text: AttachedText) -> str:
    token = f"    token_file: {_scalar(text.token_file)}" if text.token_file else "    # token_file: onprem.token"
    head = "0          # the head works too, and is priced as a node" if text.head_works else f"{_number(text)}"
    prices = "" if len(text.shapes) == 1 else " One price was given for all: write each."
    return (
        f"  # Your cluster: Ray {text.ray_version} at {text.address}, with the nodes that it had at first.\n"
        "  # Nothing is installed there. `spillover check` tells when it differs from what is said here.\n"
        "  onprem:\n"
        "    kind: attached                      # attached: others run it | launched: raised from a Ray cluster YAML\n"
        "    role: baseline                      # baseline: owned, always on | burst: rented, only while needed\n"
        f"    address: {_scalar(text.address)}\n"
        f"{token.ljust(39)} # the cluster's own token; users never see it\n"
        "    region: here\n"
        "    # provides: [internet, 'nfs:/data'] # what jobs may need: mounts, containers, internet\n"
        "    max_drivers: 16                     # entrypoints that run on the head at once: each takes memory there\n"
        f"    head_price_usd_per_hour: {head}\n"
        f"    node_types:                         # what one node has and costs an hour.{prices}\n"
        + "".join(_node_type(shape, text) for shape in text.shapes)
    )


def _node_type(shape: Shape, text: AttachedText) -> str:
    labels = f"        labels: {_flow(dict(shape.labels))}\n" if shape.labels else ""
    return (
        f"      {_flow(shape.name)}:\n"
        "        market: owned\n"
        f"        price_usd_per_hour: {_number(text)}\n"
        f"        resources: {_flow(_amounts(shape.resources))}\n"
        f"        max_nodes: {shape.count}\n" + labels
    )


def _burst(text: AttachedText) -> str:
    price = max(_CHEAPEST_BURST_USD, 2 * text.price_usd_per_hour)
    lines = [
        "cloud:",
        "  kind: launched",
        "  role: burst",
        f"  cluster: {CLUSTER}",
        "  region: here",
        "  startup: 60s",
        "  idle_timeout: 2min                  # folded when nothing has run there for that long",
        "  lease: 1h                           # until then at most max_nodes may live; renewed while it is used",
        "  head_price_usd_per_hour: 0.05       # required; write 0 if it costs nothing",
        "  node_types:",
        f"    worker: {{market: on_demand, price_usd_per_hour: {price:g}}}",
    ]
    said = (
        "  # A pool to try bursting with: processes on this machine, priced as if they were rented.\n"
        "  # Put a cluster YAML of your cloud in its place: any that `ray up` takes.\n"
    )
    return said + "".join(f"  {'' if text.with_burst else '# '}{line}\n" for line in lines)


def _number(text: AttachedText) -> str:
    return f"{text.price_usd_per_hour:.12g}"


def _amounts(resources: Resources) -> Mapping[str, Any]:
    return {
        name: f"{int(amount // _GIB)}GiB" if name == "memory" else int(amount) if amount == int(amount) else amount
        for name, amount in resources.items()
    }


def _scalar(text: str) -> str:
    """After a key, quoted where it must be."""
    return yaml.safe_dump(text, width=1_000_000).splitlines()[0]


def _flow(value: Any) -> str:
    """Where commas and braces count too."""
    return yaml.safe_dump([value], default_flow_style=True, width=1_000_000, sort_keys=False).strip()[1:-1]
