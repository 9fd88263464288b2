"""What a user says about an application: the `spillover` block in the `runtime_env` of its entry.

Plain Ray Serve accepts the block there and ignores it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...domain.resources import Demand, Resources, parse_bundles
from ...domain.serving import Application, ServeTerms
from ...errors import BadRequest
from . import block_values as values
from .replicas import each

BLOCK = "spillover"
RAYS_ONGOING = 5
"""Ray's default of `max_ongoing_requests`."""

# Key, field of ServeTerms, reader, meaning. docs/reference lists them from here.
KEYS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "baseline": ("baseline", values.replicas, "least and most replicas on owned pools: `1-2`; `1` if not said"),
    "burst": ("burst", values.replicas, "least and most replicas on rented pools: `0-3`; none if not said"),
    "latency_target": (
        "latency_target_s",
        values.positive,
        "what requests should take at most (p99), waiting included: `500ms`; `1s` if not said",
    ),
    "ongoing": (
        "ongoing",
        values.whole,
        "requests that one replica works on at once; if not said, what the ingress takes: its `max_ongoing_requests`",
    ),
    "idle": ("idle_s", values.duration, "how long a rented replica stays after it was last needed; `60s` if not said"),
    "retry": (
        "retry_safe",
        values.retry,
        "`safe`: any request may be sent again after it reached a replica; `never`, if not said: GET and HEAD alone",
    ),
    "request_limit": ("request_limit_bytes", values.size, "the largest body of a request; `1MiB` if not said"),
    "timeout": ("timeout_s", values.positive, "how long a request may take; `60s` if not said"),
    "demand": ("demand", values.demand, "what one replica needs, if not what `deployments` say: `2x{CPU:1}`"),
    "pools": ("pools", values.names, "pools where it may run: `onprem,aws`, or a list"),
    "regions": ("regions", values.names, "regions where it may run: `eu`"),
    "markets": ("markets", values.markets, "markets where it may run: `owned,spot`"),
    "needs": ("needs", values.names, "what the pool must provide: `nfs:/data,internet`"),
    "priority": ("priority", values.priority, "`low`, `normal`, `high` or -1000 to 1000"),
    "team": ("team", values.word, "the account that pays"),
}


def read_block(entry: Mapping[str, Any]) -> tuple[ServeTerms, Mapping[str, Any]]:
    """The terms of an application's entry in a Serve config file, and the entry without the block.

    Raises BadRequest that names the application and every mistake.
    """
    env = dict(entry.get("runtime_env") or {})
    block = env.pop(BLOCK, None)
    said, mistakes = _read(block)
    terms = ServeTerms(**{"ongoing": _ongoing(entry), **said})
    mistakes += [] if mistakes else _contradictions(terms, entry)
    if mistakes:
        name = entry.get("name", "default")
        raise BadRequest(f"application '{name}', block '{BLOCK}': " + "; ".join(mistakes))
    return terms, {**entry, "runtime_env": env} if block is not None else dict(entry)


def show_block(application: Application) -> dict[str, Any]:
    """The block that says the application's terms, without what needs not be said."""
    terms, plain = application.terms, ServeTerms(ongoing=_ongoing(application.config))
    shown = {key: (getattr(terms, field), getattr(plain, field)) for key, (field, _, _) in KEYS.items()}
    return {key: values.written(key, value) for key, (value, default) in shown.items() if value != default}


def demand_of(application: Application) -> Demand:
    """What one replica of the application needs at once: a bundle for each replica of its deployments."""
    if application.terms.demand:
        return Demand(parse_bundles(application.terms.demand))
    deployments = application.config.get("deployments") or ()
    bundles = [bundle for deployment in deployments for bundle in _bundles(deployment)]
    return Demand(tuple(bundles) if deployments else ((1, Resources({"CPU": 1})),))


def _read(block: Any) -> tuple[dict[str, Any], list[str]]:
    """Fields of ServeTerms, and what is wrong."""
    if block is None:
        return {}, []
    if not isinstance(block, Mapping):
        return {}, [f"{block!r} is no mapping; write keys below it, such as 'baseline: 1-2'"]
    said: dict[str, Any] = {}
    mistakes: list[str] = []
    for key, value in block.items():
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1, cutoff=0.0)
            mistakes.append(f"unknown key '{key}'; did you mean '{near[0]}'?")
            continue
        field, read, _ = KEYS[key]
        try:
            said[field] = read(value)
        except ValueError as error:
            mistakes.append(f"{key}: {error}")
    return said, mistakes


def _contradictions(terms: ServeTerms, entry: Mapping[str, Any]) -> list[str]:
    """What no single key shows."""
    if not terms.baseline.most and not terms.burst.most:
        return ["baseline and burst are both 0, so it would run nowhere; allow at least one replica"]
    if max(terms.baseline.most, terms.burst.most) > 1 and not entry.get("deployments"):
        listed = "its 'deployments' in the config file, whose num_replicas are multiplied"
        return [f"more than one replica needs {listed}; `serve build` writes them"]
    return []


def _ongoing(entry: Mapping[str, Any]) -> int:
    """The ingress is what `serve build` lists last."""
    deployments: Sequence[Mapping[str, Any]] = entry.get("deployments") or ()
    if not deployments:
        return RAYS_ONGOING
    ingress = deployments[-1]
    return int(ingress.get("max_ongoing_requests") or RAYS_ONGOING) * each(ingress)


def _bundles(deployment: Mapping[str, Any]) -> list[tuple[int, Resources]]:
    shapes = deployment.get("placement_group_bundles") or [_shape(deployment.get("ray_actor_options") or {})]
    return [(each(deployment), Resources(shape)) for shape in shapes if Resources(shape)]


def _shape(options: Mapping[str, Any]) -> dict[str, float]:
    cpus = options.get("num_cpus")
    named = {"CPU": 1 if cpus is None else cpus, "GPU": options.get("num_gpus"), "memory": options.get("memory")}
    return {name: amount or 0.0 for name, amount in {**named, **(options.get("resources") or {})}.items()}
