"""What `spillover.yaml` may say, as pydantic models.

A key is named as people write it (`startup: 60s`); its attribute carries the unit (`startup_s`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ..units import parse_amount, parse_duration, parse_size


def _not_bool(value: Any) -> Any:
    # Pydantic reads `true` as 1.0, and a price of a dollar is not what somebody meant who wrote `yes`.
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004  # pydantic takes only ValueError as a mistake
    return value


def _gang(text: str) -> str:
    if not _BUNDLES.fullmatch(text) or any(not re.search(r":[^,}]*[1-9]", b) for b in text.split("}")[:-1]):
        raise ValueError("is no gang; write bundles such as '1x{CPU:1}' or '4x{GPU:2,CPU:16}'")
    return text


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


_AMOUNT = r"\s*[^\s:,{}]+\s*:\s*\d+(?:\.\d+)?(?:[eE]\d+)?\s*"
_BUNDLE = rf"\s*(?:[1-9]\d*\s*x\s*)?\{{{_AMOUNT}(?:,{_AMOUNT})*\}}\s*"
_BUNDLES = re.compile(rf"{_BUNDLE}(?:\+{_BUNDLE})*")

Seconds = Annotated[float, BeforeValidator(parse_duration)]
MoreThanZeroSeconds = Annotated[Seconds, Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Amount = Annotated[float, BeforeValidator(parse_amount)]
Usd = Annotated[float, BeforeValidator(_not_bool), Field(ge=0)]
Count = Annotated[int, BeforeValidator(_not_bool), Field(ge=0)]
AtLeastOne = Annotated[int, BeforeValidator(_not_bool), Field(ge=1)]
Port = Annotated[int, BeforeValidator(_not_bool), Field(ge=0, le=65535)]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


class Model(BaseModel):
    """A part of the settings: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Listen(Model):
    """Where the HTTP face listens. Port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Port = 7265


class Policy(Model):
    """When to wait and when to pay: a policy's name, every other key is passed to the policy as it is."""

    model_config = ConfigDict(extra="allow")

    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """All keys but the name."""
        return dict(self.model_extra or {})


def _house_policy() -> Policy:
    rules = ["5 jobs older than 10min", "1 job older than 1h", "100 jobs of any age"]
    return Policy.model_validate({"name": "threshold", "rules": rules})


class Defaults(Model):
    """What is assumed of a job that says nothing about itself."""

    demand: Annotated[str, AfterValidator(_gang)]
    runtime_s: MoreThanZeroSeconds = Field(3600.0, alias="runtime")
    team: str = "default"


class Team(Model):
    """An account. `may_burst`: whether its jobs may leave the building unless they say otherwise."""

    may_burst: bool


class Packages(Model):
    """Uploaded working directories."""

    limit_bytes: Bytes = Field(2 * 1024**3, alias="limit")


class NodeType(Model):
    """One shape of node. `max_nodes` counts workers of this type; the head is priced apart."""

    market: Literal["owned", "on_demand", "spot"]
    price_usd_per_hour: Usd
    resources: dict[str, Amount] = Field(min_length=1)
    max_nodes: Count
    labels: dict[str, str] = {}


class BasePool(Model):
    """What attached and launched pools have in common."""

    role: Literal["baseline", "burst"]
    head_price_usd_per_hour: Usd
    node_types: dict[str, NodeType] = Field(min_length=1)
    region: str = ""
    provides: frozenset[str] = frozenset()
    max_drivers: AtLeastOne = 16
    startup_s: Seconds = Field(180.0, alias="startup")
    idle_timeout_s: Seconds = Field(300.0, alias="idle_timeout")
    lease_s: MoreThanZeroSeconds = Field(3600.0, alias="lease")
    unreachable_after_s: MoreThanZeroSeconds = Field(60.0, alias="unreachable_after")
    token_file: Path | None = None
    token_env: str | None = None


class AttachedPool(BasePool):
    """A cluster that others run, known by the address of its dashboard."""

    kind: Literal["attached"]
    address: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/\S*)?$"), AfterValidator(lambda url: url.rstrip("/"))]


class LaunchedPool(BasePool):
    """A Ray cluster YAML that Spillover raises and folds. Its node types are filled in from that YAML."""

    kind: Literal["launched"]
    cluster: Path
    dashboard_port: Annotated[Port, Field(ge=1)] = 8265


AnyPool = AttachedPool | LaunchedPool


class Settings(Model):
    """The whole file. Relative paths have been made absolute."""

    state_dir: Path
    defaults: Defaults
    teams: dict[str, Team]
    pools: dict[PoolName, Annotated[AnyPool, Field(discriminator="kind")]] = Field(min_length=1)
    listen: Listen = Listen()
    policy: Annotated[Policy, BeforeValidator(_by_name)] = Field(default_factory=_house_policy)
    packages: Packages = Field(default_factory=lambda: Packages.model_validate({}))
    on_overuse: Literal["warn", "stop"] = "warn"
    metering_interval_s: MoreThanZeroSeconds = Field(10.0, alias="metering_interval")
    tick_s: MoreThanZeroSeconds = Field(1.0, alias="tick")
    max_attempts: AtLeastOne = 5


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that people write."""
    return [field.alias or name for name, field in model.model_fields.items()]


ALL_KEYS = frozenset(
    key
    for model in (Settings, Listen, Policy, Defaults, Team, Packages, NodeType, AttachedPool, LaunchedPool)
    for key in keys_of(model)
)
