"""Domain values as JSON, for the columns of the store that nobody queries by."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ..domain.data import Data
from ..domain.decision import Decision, Offer, Part, Verdict
from ..domain.job import Hints, SubmitRequest
from ..domain.resources import Demand, Resources


def dump(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot store {type(value)}")


def dump_demand(demand: Demand) -> str:
    """A gang as JSON."""
    return dump(
        {
            "bundles": [[n, dict(shape)] for n, shape in demand.bundles],
            "driver": dict(demand.driver),
            "labels": [list(pair) for pair in demand.labels],
        }
    )


def load_demand(text: str) -> Demand:
    """The gang back from JSON."""
    raw = json.loads(text)
    return Demand(
        bundles=tuple((int(n), Resources(shape)) for n, shape in raw["bundles"]),
        driver=Resources(raw["driver"]),
        labels=tuple((k, v) for k, v in raw["labels"]),
    )


def dump_request(request: SubmitRequest) -> str:
    """A submit request as JSON."""
    return dump({f.name: getattr(request, f.name) for f in dataclasses.fields(request)})


def load_request(text: str) -> SubmitRequest:
    """The submit request back from JSON."""
    return SubmitRequest(**json.loads(text))


def dump_hints(hints: Hints) -> str:
    """Hints as JSON."""
    return dump(dataclasses.asdict(hints))


def load_hints(text: str) -> Hints:
    """The hints back from JSON."""
    raw: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
    if data := raw.get("data"):
        raw["data"] = Data(**data)
    return Hints(**raw)


def dump_decision(decision: Decision) -> str:
    """A decision with its offers as JSON."""
    return dump({**decision._asdict(), "offers": [_offer(offer) for offer in decision.offers]})


def _offer(offer: Offer) -> dict[str, Any]:
    return {**offer._asdict(), "parts": [part._asdict() for part in offer.parts]}


def load_decision(text: str) -> Decision:
    """The decision back from JSON."""
    raw = json.loads(text)
    raw["verdict"] = Verdict(raw["verdict"])
    raw["offers"] = tuple(_read_offer(offer) for offer in raw["offers"])
    return Decision(**raw)


def _read_offer(raw: dict[str, Any]) -> Offer:
    # Decisions that are older than parts have none
    return Offer(**{**raw, "parts": tuple(Part(**part) for part in raw.get("parts", ()))})
