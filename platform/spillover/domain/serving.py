"""Serve applications: what a user deployed, who may call it, and what its requests came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .job import JobTarget
from .pool import PoolRole

REPLICA = "serve-"
"""How the ids of jobs begin that are replicas of applications: `serve-NAME-xxxxxx`."""


@dataclass(frozen=True)
class Replicas:
    """Least and most replicas on pools of one role. A replica is one of each of the application's deployments."""

    least: int
    most: int


@dataclass(frozen=True)
class ServeTerms:
    """What an application's `spillover` block says, with its defaults filled in.

    Empty `pools`, `regions`, `needs`: anywhere. `latency_target_s` is what its requests should take at most (p99),
    queueing included. `ongoing` is how many requests one replica works on at once. `retry_safe`: any of its requests
    may be sent again after it reached a replica (GET and HEAD always may). `idle_s` is how long burst replicas stay
    after they were last needed. `demand` is what one replica needs, as bundles; "" for what its config says. `team` is
    None for the caller's own.
    """

    baseline: Replicas = Replicas(1, 1)
    burst: Replicas = Replicas(0, 0)
    latency_target_s: float = 1.0
    ongoing: int = 5
    idle_s: float = 60.0
    retry_safe: bool = False
    request_limit_bytes: int = 1024**2
    timeout_s: float = 60.0
    pools: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    demand: str = ""
    priority: int = 0
    team: str | None = None

    def of(self, role: PoolRole) -> Replicas:
        """How many on pools of that role."""
        return self.baseline if role is PoolRole.BASELINE else self.burst


@dataclass(frozen=True)
class Application:
    """What a user deployed with `serve deploy`. `name` is its one name for life, for all users.

    `config` is its entry of the Serve config file as Ray's client sent it, less the `spillover` block, which `terms`
    holds. `route_prefix` begins with a slash. `generation` counts its deploys. `target` STOP: it is being taken down.
    """

    name: str
    user: str
    team: str
    route_prefix: str
    config: Mapping[str, Any] = field(hash=False)
    terms: ServeTerms
    deployed_at: float
    generation: int = 1
    target: JobTarget = JobTarget.RUN

    def request(self, role: PoolRole) -> Mapping[str, Any]:
        """What marks a job as a replica of this application, for pools of that role: `SubmitRequest.application`."""
        return {"name": self.name, "role": role.value}


@dataclass(frozen=True)
class ApiKey:
    """Who may send requests to applications, and how many. The key itself is never kept, only its SHA-256 in hex.

    `tenant` is who the requests are metered for (a team of the settings or any name). Limits are per minute, None for
    none. `regions`: its requests are served there alone. `applications`: empty for all. Times are Unix seconds.
    """

    key_id: str
    key_hash: str
    tenant: str
    created_at: float
    created_by: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    regions: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    expires_at: float | None = None
    revoked_at: float | None = None

    def lives(self, now: float) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Door(StrEnum):
    """What the data plane does with new requests: OPEN takes them, DRAIN only ends what is there."""

    OPEN = "open"
    DRAIN = "drain"


@dataclass(frozen=True)
class SiteDetails:
    """What Serve on a pool says: Ray's ApplicationDetails as JSON of each application of ours.

    `replicas`: where those that take requests listen themselves, as (host, port), if Serve lets them and they can be
    reached from here.
    """

    applications: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    replicas: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Backend:
    """An application's replicas on one pool: `host` and `port` are those of the Serve proxy in front of them.

    Where `replicas` listen themselves, as (host, port) of each, requests go straight to them, to the least busy first.
    `limit` is how many requests all of them are given at once; more wait in the data plane, or go to the next backend.
    """

    pool: str
    host: str
    port: int
    region: str
    limit: int
    door: Door = Door.OPEN
    replicas: tuple[tuple[str, int], ...] = ()

    @property
    def entries(self) -> tuple[tuple[str, int], ...]:
        """Where requests go in."""
        return self.replicas or ((self.host, self.port),)


@dataclass(frozen=True)
class Route:
    """Where requests under `prefix` go: to the first open backend that is below its limit, in the order given."""

    application: str
    prefix: str
    backends: tuple[Backend, ...]
    retry_safe: bool = False
    request_limit_bytes: int = 1024**2
    timeout_s: float = 60.0
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """All that the data plane needs to know: routes with the longest prefix first, and the keys that live."""

    routes: tuple[Route, ...] = ()
    keys: tuple[ApiKey, ...] = ()


@dataclass(frozen=True)
class BackendLoad:
    """What the data plane sees of one backend now. `ongoing` requests are there. `up`: its health checks pass."""

    pool: str
    ongoing: int
    up: bool


@dataclass(frozen=True)
class RouteLoad:
    """What the data plane sees of one application now: `queued` requests wait for a backend below its limit."""

    application: str
    queued: int
    backends: tuple[BackendLoad, ...]

    @property
    def ongoing(self) -> int:
        """Requests at all backends together."""
        return sum(b.ongoing for b in self.backends)


@dataclass(frozen=True)
class Served:
    """One request that has ended, as the data plane wrote it down.

    `at` is when it came (Unix seconds). `wait_s` is its time in the data plane's queue, `first_s` until the first byte
    of the answer, `total_s` until the last one; None for what did not happen. `pool` is "" if it reached none.
    `status` is HTTP's, or -1 if there was no answer. `ended` are HAProxy's two letters for how it ended ("--": well).
    """

    at: float
    application: str
    key_id: str
    tenant: str
    pool: str
    status: int
    wait_s: float | None
    first_s: float | None
    total_s: float
    bytes_in: int = 0
    bytes_out: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    retries: int = 0
    ended: str = "--"


@dataclass(frozen=True)
class Usage:
    """What one key's requests to one application on one pool came to on one UTC day. `busy_s` sums `total_s`."""

    day: str
    application: str
    key_id: str
    tenant: str
    pool: str
    requests: int
    errors: int
    tokens_in: int
    tokens_out: int
    busy_s: float
