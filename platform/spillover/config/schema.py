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


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", text):
        raise ValueError("is no address for clients; write it as https://ray.example.com")
    return text.rstrip("/")


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


_AMOUNT = r"\s*[^\s:,{}]+\s*:\s*\d+(?:\.\d+)?(?:[eE]\d+)?\s*"
_BUNDLE = rf"\s*(?:[1-9]\d*\s*x\s*)?\{{{_AMOUNT}(?:,{_AMOUNT})*\}}\s*"
_BUNDLES = re.compile(rf"{_BUNDLE}(?:\+{_BUNDLE})*")

Seconds = Annotated[float, BeforeValidator(parse_duration)]
MoreThanZeroSeconds = Annotated[Seconds, Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Amount = Annotated[float, BeforeValidator(parse_amount)]
NotNegative = Annotated[float, BeforeValidator(_not_bool), Field(ge=0)]
Usd = NotNegative
MoreThanZero = Annotated[float, BeforeValidator(_not_bool), Field(gt=0)]
Count = Annotated[int, BeforeValidator(_not_bool), Field(ge=0)]
AtLeastOne = Annotated[int, BeforeValidator(_not_bool), Field(ge=1)]
Port = Annotated[int, BeforeValidator(_not_bool), Field(ge=0, le=65535)]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


class Model(BaseModel):
    """A part of the settings: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tls(Model):
    """PEM files. Those that change on disk are taken without a restart."""

    certificate: Path = Field(description="The certificate, followed by its chain below the root.")
    key: Path = Field(description="Its key, without a passphrase.")


class Listen(Model):
    """Where the HTTP face listens."""

    host: str = Field("127.0.0.1", description="The address; `0.0.0.0` for all of the machine's.")
    port: Port = Field(7265, description="The port; 0 takes any free one.")
    url: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="What clients and pools are told, if it is not host and port: behind a proxy, or with TLS."
    )
    tls: Tls | None = Field(None, description="Serve HTTPS: `{certificate: FILE, key: FILE}`.")


class Policy(Model):
    """When to wait and when to pay. Every key but `name` is a setting of that policy; see the page on policies."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="The policy.")

    @property
    def settings(self) -> dict[str, Any]:
        """All keys but the name."""
        return dict(self.model_extra or {})


def _house_policy() -> Policy:
    rules = ["5 jobs older than 10min", "1 job older than 1h", "100 jobs of any age"]
    return Policy.model_validate({"name": "threshold", "rules": rules})


class Defaults(Model):
    """What is assumed of a job that says nothing about itself."""

    demand: Annotated[str, AfterValidator(_gang)] = Field(description="What it needs, as bundles: `4x{GPU:2,CPU:16}`.")
    runtime_s: MoreThanZeroSeconds = Field(3600.0, alias="runtime", description="How long it runs.")
    checkpoint_every_s: MoreThanZeroSeconds = Field(
        600.0, alias="checkpoint_every", description="How often a resumable job writes a checkpoint."
    )
    checkpoint_gb: NotNegative = Field(
        10.0, description="How many GB one has for each GPU of the job; a job without any counts as one."
    )
    restart_s: Seconds = Field(
        120.0, alias="restart", description="What a job takes to begin again once its nodes are up."
    )
    move_s: Seconds = Field(
        360.0, alias="move", description="How long a resumable job pauses that is moved to another pool."
    )
    team: str = Field("default", description="The team of the administrator's first token.")


class DataPlace(Model):
    """Where data lives, by the beginning of its address; of several that fit, the longest counts.

    A cloud's address that none names is taken to be far from every pool, any other to be where the baseline pools are.
    """

    region: str = Field(description="Its region: pools in it read the data at once and for nothing.")
    egress_usd_per_gb: Usd | None = Field(
        None, description="What a GB costs that leaves it; 0.09 if not set, as clouds charge towards the internet."
    )


class Team(Model):
    """An account, by its name. `default` must be there."""

    may_burst: bool = Field(description="Whether its jobs may leave the building, that is, run on burst pools.")


class Packages(Model):
    """Uploaded working directories."""

    limit_bytes: Bytes = Field(2 * 1024**3, alias="limit", description="The largest that is taken: `2GiB`.")


class Serving(Model):
    """The one address of all served applications. HTTPS if `listen.tls` is set."""

    host: str = Field("127.0.0.1", description="The address; `0.0.0.0` for all of the machine's.")
    port: Annotated[Port, Field(ge=1)] = Field(8700, description="The port.")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(2, description="How many threads carry requests.")


class NodeType(Model):
    """One shape of node of a pool, by its name. The head is priced apart."""

    market: Literal["owned", "on_demand", "spot"] = Field(description="How it is paid for.")
    price_usd_per_hour: Usd = Field(description="What one costs an hour; for owned ones, amortised. 0 must be written.")
    resources: dict[str, Amount] = Field(
        min_length=1, description="What one has: `{CPU: 64, GPU: 8, memory: 512GiB}`. A launched pool's YAML says it."
    )
    max_nodes: Count = Field(description="How many, with heads where others run them. A launched pool's YAML says it.")
    interruptions_per_hour: NotNegative | None = Field(
        None,
        description="How often its market takes one back, until that was seen often; for spot 0.3 if not set, else 0.",
    )
    labels: dict[str, str] = Field({}, description="Ray's node labels, for label selectors.")


class BasePool(Model):
    """What attached and launched pools have in common."""

    role: Literal["baseline", "burst"] = Field(description="`baseline`: owned, always on. `burst`: rented when needed.")
    head_price_usd_per_hour: Usd = Field(description="What the head costs an hour. 0 must be written.")
    node_types: dict[str, NodeType] = Field(min_length=1, description="Its shapes of node, by name.")
    region: str = Field("", description="Where it is, for a job's `spillover/regions`. `eu` covers `eu-west-1`.")
    provides: frozenset[str] = Field(
        frozenset(), description="What a job's `spillover/needs` may ask for: `[internet, 'nfs:/data']`."
    )
    max_drivers: AtLeastOne = Field(16, description="Entrypoints on the head at once; each takes memory there.")
    startup_s: Seconds = Field(180.0, alias="startup", description="From the decision to rent until nodes are up.")
    idle_timeout_s: Seconds = Field(300.0, alias="idle_timeout", description="A burst pool idle so long is folded.")
    lease_s: MoreThanZeroSeconds = Field(
        3600.0, alias="lease", description="How long nodes may live without renewal; it is renewed while they are used."
    )
    egress_usd_per_gb: Usd | None = Field(
        None,
        description="What a GB that leaves it costs, such as a checkpoint; if not set, 0.09 for burst pools, else 0.",
    )
    storage_usd_per_gb_month: Usd | None = Field(
        None, description="What keeping a job's checkpoints costs there; if not set, 0.023 for burst pools, else 0."
    )
    bandwidth_gbit: MoreThanZero = Field(
        5.0, description="How many Gbit/s one of its jobs reads of data and checkpoints that live elsewhere."
    )
    serve_port: Annotated[Port, Field(ge=1)] = Field(
        8000, description="Where its Ray Serve listens on the head; local clusters have a port of their own for it."
    )
    unreachable_after_s: MoreThanZeroSeconds = Field(
        60.0, alias="unreachable_after", description="Silence after which the pool counts as unreachable."
    )
    token_file: Path | None = Field(None, description="The file with the cluster's own token, which users never see.")
    token_env: str | None = Field(None, description="Or the environment variable with it.")


class AttachedPool(BasePool):
    """A cluster that others run, known by the address of its dashboard."""

    kind: Literal["attached"] = Field(description="What kind of pool it is.")
    address: Annotated[
        str, Field(pattern=r"^https?://[^/\s]+(/\S*)?$"), AfterValidator(lambda url: url.rstrip("/"))
    ] = Field(description="The URL of its Ray dashboard.")


class LaunchedPool(BasePool):
    """A Ray cluster YAML that Spillover raises and folds. Its node types are filled in from that YAML."""

    kind: Literal["launched"] = Field(description="What kind of pool it is.")
    cluster: Path = Field(description="The cluster YAML: any that `ray up` takes.")
    dashboard_port: Annotated[Port, Field(ge=1)] = Field(8265, description="Where its head's dashboard listens.")


AnyPool = AttachedPool | LaunchedPool


class Settings(Model):
    """The whole file. Relative file names start from its folder."""

    state_dir: Path = Field(
        Path("~/.spillover"), description="The folder of all that must survive: database, packages, logs, tokens."
    )
    defaults: Defaults = Field(description="What is assumed of jobs.")
    teams: dict[str, Team] = Field(description="The accounts, by name.")
    pools: dict[PoolName, Annotated[AnyPool, Field(discriminator="kind")]] = Field(
        min_length=1, description="Where work can run, by name."
    )
    listen: Listen = Field(
        default_factory=lambda: Listen.model_validate({}), description="Where the HTTP face listens."
    )
    policy: Annotated[Policy, BeforeValidator(_by_name)] = Field(
        default_factory=_house_policy,
        description="When to wait and when to pay: a name, or a mapping; `threshold` if not set.",
    )
    shadow_policy: Annotated[Policy, BeforeValidator(_by_name)] | None = Field(
        None, description="A second policy, written as `policy` is. It decides nothing: `spillover shadow` compares."
    )
    shadow_every_s: MoreThanZeroSeconds = Field(
        10.0,
        alias="shadow_every",
        description="How often the second policy is asked, at most, while nothing is rented.",
    )
    move_cooldown_s: Seconds = Field(
        1800.0,
        alias="move_cooldown",
        description="How long a job that was moved to another pool stays there, at least.",
    )
    data: dict[str, DataPlace] = Field(
        {}, description="Where data lives, by the beginning of its address: `s3://bucket`."
    )
    packages: Packages = Field(
        default_factory=lambda: Packages.model_validate({}), description="Uploaded working directories."
    )
    serving: Serving = Field(
        default_factory=lambda: Serving.model_validate({}), description="The one address of all served applications."
    )
    on_overuse: Literal["warn", "stop"] = Field("warn", description="For jobs that use more than they said.")
    metering_interval_s: MoreThanZeroSeconds = Field(
        10.0, alias="metering_interval", description="How often the ledger is written, at least."
    )
    tick_s: MoreThanZeroSeconds = Field(1.0, alias="tick", description="How often the queue is looked at, at least.")
    max_attempts: AtLeastOne = Field(5, description="How often a lost job that can resume is started.")


SECTIONS: dict[str, type[Model]] = {
    "The file": Settings,
    "`listen`": Listen,
    "`listen.tls`": Tls,
    "`policy`": Policy,
    "`defaults`": Defaults,
    "`teams.NAME`": Team,
    "`data.ADDRESS`": DataPlace,
    "`packages`": Packages,
    "`serving`": Serving,
    "`pools.NAME`, kind `attached`": AttachedPool,
    "`pools.NAME`, kind `launched`": LaunchedPool,
    "`pools.NAME.node_types.TYPE`": NodeType,
}
"""Every model that people write, by where."""


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that people write."""
    return [field.alias or name for name, field in model.model_fields.items()]


ALL_KEYS = frozenset(key for model in SECTIONS.values() for key in keys_of(model))
