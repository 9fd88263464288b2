"""What the outside must satisfy: clocks, clusters, launchers, stores. Adapters implement these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .domain.access import Token
from .domain.decision import Decision
from .domain.host import Host, HostReport, HostState, HostTarget
from .domain.job import Attempt, Job, JobStatus, SubmitRequest
from .domain.money import LedgerEntry, PaidNode
from .domain.past import PastJobs, PastRun, SpotPast, StartedJob
from .domain.pool import Observation, PoolState
from .domain.provider import Lease, Machine, ProviderNode, Raised
from .domain.resources import Demand
from .domain.serving import ApiKey, Application, RouteLoad, Served, SiteDetails, Table, Usage
from .domain.shadow import Difference, ShadowSum

T = TypeVar("T")


class Clock(Protocol):
    """Time as Unix seconds, and waiting. Tests turn it by hand."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True)
class ClusterVersion:
    """Who answers at an address: a restarted head has another `session_name`."""

    ray_version: str
    session_name: str


@dataclass(frozen=True)
class ClusterJob:
    """What a pool's Ray says about one of our attempts. Status is Ray's own word, times Unix seconds."""

    status: str
    message: str = ""
    error_type: str | None = None
    start_at: float | None = None
    end_at: float | None = None
    exit_code: int | None = None
    core_job_id: str | None = None
    driver_info: Mapping[str, str] | None = field(default=None, hash=False)
    driver_node_id: str | None = None
    driver_agent_http_address: str | None = None


class Cluster(Protocol):
    """One pool's Ray cluster over HTTP.

    Every call raises PoolUnreachable when there is no answer, PoolRefused when the answer is no.
    """

    async def version(self) -> ClusterVersion:
        """Who answers there."""
        ...

    async def has_package(self, uri: str) -> bool:
        """Whether the cluster holds the package (and pins it for a while)."""
        ...

    async def put_package(self, uri: str, path: Path) -> None:
        """Upload a package."""
        ...

    async def submit(self, attempt_id: str, request: SubmitRequest) -> None:
        """Hand a job over. That the id exists already counts as done: a retry after a crash finds it there."""
        ...

    async def job(self, attempt_id: str) -> ClusterJob | None:
        """What became of the attempt; None if the cluster does not know it."""
        ...

    async def stop(self, attempt_id: str) -> None:
        """Ask for the attempt to end."""
        ...

    async def logs(self, attempt_id: str) -> str:
        """All output so far."""
        ...

    def tail(self, attempt_id: str) -> AsyncIterator[str]:
        """The output from its beginning, as it comes, until the attempt ends."""
        ...

    async def observe(self) -> Observation:
        """Nodes and use, one look. Usage owners are attempt ids, None for foreign use."""
        ...

    async def failed_launches(self) -> Collection[tuple[str, str]]:
        """Recent launches of nodes that failed, as (node type, the cluster's time of day)."""
        ...


class ServeSite(Protocol):
    """Serve on one pool's cluster, through its REST API. What others deployed there is neither shown nor touched.

    Every call raises PoolUnreachable when there is no answer, PoolRefused when the answer is no.
    """

    async def deploy(self, applications: Sequence[Mapping[str, Any]], host: str, port: int) -> None:
        """Have the cluster run exactly these of ours: entries of a Serve config file.

        If Serve does not run there yet, it will listen on the head alone, at this address.
        """
        ...

    async def details(self) -> SiteDetails:
        """What is there of ours."""
        ...


class DataPlane(Protocol):
    """The one address of all served applications. It outlives us, and goes on with its last table."""

    async def apply(self, table: Table) -> None:
        """Make it so, without dropping a request; starts the data plane if it is not there. Raises DataPlaneError."""
        ...

    async def load(self) -> Mapping[str, RouteLoad]:
        """What there is to do now, by application; {} if it does not run."""
        ...

    async def served(self, mark: str) -> tuple[Sequence[Served], str]:
        """Requests that have ended since the mark, oldest first and not too many at once, and the next mark.

        "" is the beginning of what is kept. What lies before a mark that was asked for may be forgotten.
        """
        ...

    async def stop(self) -> None:
        """End it, for good. That none runs already counts as done."""
        ...


class Launcher(Protocol):
    """Raises and folds the cluster of one launched pool."""

    async def raise_cluster(self, lease: Lease, *, no_restart: bool) -> Raised:
        """Bring the cluster up under this lease, whose cap and tags are in every call that makes a node.

        Raises LauncherError.
        """
        ...

    async def fold(self) -> Sequence[ProviderNode]:
        """Take everything down. Returns the nodes that the provider still has: empty means gone."""
        ...

    async def nodes(self) -> Sequence[ProviderNode]:
        """What the provider has now."""
        ...


class Hosts(Protocol):
    """The hosts of a launched pool that names them one by one. Raises LauncherError with all that is wrong."""

    def hosts(self) -> Sequence[Host]:
        """The head first."""
        ...

    async def check(self, host: str) -> HostReport:
        """Whether Ray may be started there, and why not; `node_id` of the facts is what runs there. Changes nothing."""
        ...

    async def start(self, host: str) -> str:
        """Set the host up and start Ray there; what an earlier start left of this cluster is ended before.

        Returns the id of its Ray node.
        """
        ...

    async def stop(self, host: str) -> None:
        """End this cluster's Ray there, and no other's. That none runs already counts as done."""
        ...

    async def drain(self, node_id: str, deadline_s: float, why: str) -> None:
        """Have Ray begin nothing new on a node. What runs there goes on, for `deadline_s` seconds at most."""
        ...


class Provider(Protocol):
    """Who rents out the machines of a launched pool, asked directly. Every call raises ProviderError."""

    async def machines(self) -> Sequence[Machine]:
        """All machines with our installation's tag in the pool's account and region, of other pools and leases too.

        Those that have ended are among them as long as the provider shows them.
        """
        ...

    async def end(self, ids: Sequence[str]) -> None:
        """Ask for machines to be ended. That one has ended already counts as done.

        Raises ProviderError that names those that were refused, after all have been asked for.
        """
        ...

    async def renew(self, ids: Sequence[str], expires_at: float) -> None:
        """Write a lease's new end (Unix seconds) on machines, where their watchdogs read it."""
        ...

    async def usable_until(self) -> float | None:
        """Until when our credentials hold (Unix seconds); None if they do not end, or renew themselves."""
        ...


@dataclass(frozen=True)
class EventFilter:
    """Which part of the history. `before` is the number of the event at which the page before ended.

    With `team` and `user` set, only what is about pools, and about jobs and applications of that team or user.
    """

    subject: str | None = None
    actor: str | None = None
    since: float | None = None
    team: str | None = None
    user: str | None = None
    before: int | None = None
    limit: int = 200


@dataclass(frozen=True)
class Event:
    """One line of a job's or pool's history: who did what, when."""

    at: float
    actor: str
    subject: str
    text: str


class Db(Protocol):
    """Runs a call of the store beside the event loop."""

    async def __call__(self, call: Callable[..., T], *args: Any) -> T:
        """The call's result, or what it raises."""
        ...


class Store(Protocol):
    """All state that must survive. Every method is one durable transaction.

    Writes to a claimed job carry the claim's token; a stale token raises StaleClaim and changes nothing.
    """

    # tokens
    def token(self, token_hash: str) -> Token | None:
        """The token with this SHA-256 hash, dead or alive."""
        ...

    def tokens(self) -> list[Token]:
        """All tokens, oldest first."""
        ...

    def add_token(self, token: Token, event: Event | None = None) -> None:
        """Let a token in. One of the same hash or id is replaced."""
        ...

    def revoke_token(self, token_id: str, at: float, event: Event) -> bool:
        """Let a token in no more. False if there is no living one of that id."""
        ...

    def note_token_used(self, token_id: str, at: float) -> None:
        """Remember when a token was last used."""
        ...

    # jobs
    def add_job(self, job: Job, event: Event) -> None:
        """Accept a job and its audit entry. Raises DuplicateJob."""
        ...

    def job(self, submission_id: str) -> Job | None:
        """One job."""
        ...

    def jobs(self, statuses: Sequence[JobStatus] = (), limit: int | None = None) -> list[Job]:
        """Jobs of these statuses (all if none are given), oldest first."""
        ...

    def replicas(self) -> list[Job]:
        """Jobs that are replicas of applications and have not ended, oldest first, however many others there are."""
        ...

    def stopping_jobs(self) -> list[str]:
        """Submission ids of jobs that should stop and have not ended."""
        ...

    def delete_job(self, submission_id: str) -> None:
        """Forget a final job and its decisions. Its ledger stays, and so do its ids: they are not given again."""
        ...

    def set_target_stop(self, submission_id: str, event: Event) -> bool:
        """Ask for a job to stop. False if it had ended already."""
        ...

    def claim(self, submission_id: str, token: str, now: float, until: float) -> bool:
        """Claim a job's row for a while. False if somebody else holds it."""
        ...

    def release(self, submission_id: str, token: str) -> None:
        """Give a claim back."""
        ...

    def release_all(self) -> None:
        """Drop every claim: for a sole owner that starts after a crash."""
        ...

    def update_job(self, job: Job, token: str, event: Event | None = None) -> None:
        """Write the job's mutable fields, never its target. Raises StaleClaim."""
        ...

    def note_waits(self, decisions: Sequence[Decision]) -> None:
        """Show on each job that still waits why it does."""
        ...

    def start_attempt(self, job: Job, attempt: Attempt, token: str, event: Event) -> None:
        """Commit a new attempt together with its job. Raises StaleClaim, DuplicateJob if a job has the attempt's id."""
        ...

    def update_attempt(self, attempt: Attempt, job: Job, token: str, event: Event | None = None) -> None:
        """Write an attempt together with its job. Raises StaleClaim."""
        ...

    def attempts(self, submission_id: str) -> list[Attempt]:
        """A job's attempts, first one first."""
        ...

    def live_attempts(self) -> list[Attempt]:
        """Every attempt that has not ended."""
        ...

    def latest_attempts(self) -> dict[str, Attempt]:
        """The newest attempt of every job, by submission id."""
        ...

    def find_core_job(self, pool: str, core_job_id: str) -> str | None:
        """The submission id whose attempt has this core job id on this pool, the newest one."""
        ...

    # what was learnt
    def started_jobs(self, limit: int) -> list[StartedJob]:
        """Jobs that have started, deleted ones too, in the order of their starts; of more than `limit` the newest."""
        ...

    def past_runs(self, after: float, limit: int) -> list[PastRun]:
        """Jobs that ran and have ended after that time, deleted ones too, by their ends; of more than `limit` the
        newest.
        """
        ...

    def observed_demand(self, team: str, entrypoint: str) -> Demand | None:
        """What the same entrypoint was last seen to use."""
        ...

    def record_observed(self, team: str, entrypoint: str, demand: Demand, at: float) -> None:
        """Remember what an entrypoint was seen to use."""
        ...

    # decisions and history
    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        """Append decisions; the newest is the one shown."""
        ...

    def decisions(self, submission_id: str) -> list[Decision]:
        """A job's decisions, oldest first."""
        ...

    def add_event(self, event: Event) -> None:
        """Append to the history."""
        ...

    def events(self, subject: str | None = None, limit: int = 200) -> list[Event]:
        """History, newest first."""
        ...

    def find_events(self, asked: EventFilter) -> list[tuple[int, Event]]:
        """History with the number of each event, newest first."""
        ...

    # what a second policy would have done
    def begin_shadow(self, policy: str, at: float) -> float:
        """Since when this policy is asked (Unix seconds). What another one would have done is forgotten."""
        ...

    def note_differences(self, differences: Sequence[Difference]) -> None:
        """Remember where it would have done otherwise, the newest of each job."""
        ...

    def forget_differences(self, before: float, most: int) -> None:
        """Forget those from before that moment, and of more than `most` the oldest."""
        ...

    def difference(self, submission_id: str) -> Difference | None:
        """What it would have done otherwise with a job."""
        ...

    def differences(
        self, limit: int | None = None, team: str | None = None, *, unsettled: bool = False
    ) -> list[Difference]:
        """The newest first; with `unsettled`, those whose jobs still waited."""
        ...

    def shadow_sums(self, since: float, team: str | None = None) -> list[ShadowSum]:
        """All differences from `since` on, by day and kind."""
        ...

    def count_started(self, since: float, team: str | None = None) -> int:
        """How many jobs have started from `since` on."""
        ...

    # pools
    def pool_states(self) -> dict[str, PoolState]:
        """What is kept about each pool."""
        ...

    def save_pool(self, state: PoolState, event: Event | None = None) -> None:
        """Write a pool's state, but for what operators set."""
        ...

    def mark_pool(self, name: str, mark: str, at: float, event: Event) -> None:
        """Set `fenced_at` or `fold_asked_at` of a pool."""
        ...

    # hosts that are named one by one
    def hosts(self, pool: str | None = None) -> list[HostState]:
        """What is kept about the hosts of a pool, or of all pools."""
        ...

    def save_host(self, state: HostState, event: Event | None = None) -> None:
        """Write a host's state, but for what operators set."""
        ...

    def ask_of_host(
        self, pool: str, host: str, event: Event, target: HostTarget | None = None, repair_at: float | None = None
    ) -> None:
        """Write what an operator wants of a host."""
        ...

    # served applications
    def applications(self) -> list[Application]:
        """All, by name."""
        ...

    def save_applications(self, applications: Sequence[Application], events: Sequence[Event] = ()) -> None:
        """Write them, together: a new one, or the next deploy of one, or its target."""
        ...

    def delete_application(self, name: str, event: Event) -> None:
        """Forget one that has no replica left."""
        ...

    def add_api_key(self, key: ApiKey, event: Event) -> None:
        """Let a key in."""
        ...

    def api_keys(self) -> list[ApiKey]:
        """All keys, oldest first, dead ones too."""
        ...

    def revoke_api_key(self, key_id: str, at: float, event: Event) -> bool:
        """Let a key in no more. False if there is no living one of that id."""
        ...

    def add_usage(self, usage: Sequence[Usage], mark: str) -> None:
        """Book requests, and remember up to where they were read, in one transaction."""
        ...

    def usage_mark(self) -> str:
        """Up to where requests have been booked; "" if none have been."""
        ...

    def usage(self, since: date | None = None, until: date | None = None, tenant: str | None = None) -> list[Usage]:
        """What was booked from the beginning of the UTC day `since` until that of `until`."""
        ...

    def replica_costs(self, since: date | None = None, until: date | None = None) -> Mapping[tuple[str, str, str], int]:
        """What replicas cost in nanodollars, by application, pool and UTC day."""
        ...

    # packages
    def add_package(self, tenant: str, uri: str, size_bytes: int, at: float) -> None:
        """Record that a package is on disk."""
        ...

    def pin_package(self, tenant: str, uri: str, until: float) -> bool:
        """Keep a package until then. False if it is not there."""
        ...

    def idle_packages(self, now: float) -> list[tuple[str, str]]:
        """Packages (tenant, uri) that no live job or application refers to and no pin holds."""
        ...

    def drop_package(self, tenant: str, uri: str) -> None:
        """Forget a package."""
        ...

    # money
    def open_nodes(self) -> list[PaidNode]:
        """Nodes that cost money now."""
        ...

    def known_nodes(self, pool: str, ids: Sequence[str]) -> set[str]:
        """Those of these nodes of a pool that have a meter, running or not."""
        ...

    def node_entries(self, pool: str, node_id: str, since: float) -> list[LedgerEntry]:
        """What was booked on one node from `since` on (Unix seconds)."""
        ...

    def node_cost_nanos(self, since: date | None = None, until: date | None = None) -> int:
        """What all nodes have cost by their own meters, in nanodollars: the ledger must come to the same.

        From the beginning of the UTC day `since` until that of `until`.
        """
        ...

    def pool_cost_nanos(self) -> dict[str, int]:
        """What each pool's nodes have cost so far by their own meters, in nanodollars, whatever the ledger's length."""
        ...

    def job_cost_nanos(self, submission_id: str) -> int:
        """What a job has cost so far, in nanodollars."""
        ...

    def spot_past(self, since: float) -> list[SpotPast]:
        """What became of spot nodes that lived at some time after `since` (Unix seconds), by pool and node type."""
        ...

    def record_spend(self, nodes: Sequence[PaidNode], entries: Sequence[LedgerEntry]) -> None:
        """Move the nodes' meters and append what they cost, together."""
        ...

    def spend(
        self, by: Sequence[str], since: date | None = None, until: date | None = None, team: str | None = None
    ) -> list[Mapping[str, Any]]:
        """Sums of the ledger in nanodollars (`nano_usd`) and node-seconds (`node_s`), grouped by columns.

        These are `day` (UTC, YYYY-MM-DD), `job` and the names of LedgerEntry's fields. From the beginning of the day
        `since` until that of `until`; with a `team`, what is booked on that team alone.
        """
        ...

    def past_jobs(self, since: float | None = None, until: float | None = None, limit: int | None = None) -> PastJobs:
        """The jobs that ran and ended in [since, until), Unix seconds; of more than `limit` the newest."""
        ...
