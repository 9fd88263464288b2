"""What Spillover's own API answers: the same shapes for the server, the OpenAPI page and the Python SDK.

Names end in their unit: `_s` seconds, `_at` Unix seconds, `_usd` US dollars. None: not known, or not yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list. Send `next` as `after` to get the part that follows; None: this was the last one."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True)
class Message:
    """What an order leads to, in one sentence."""

    message: str


@dataclass(frozen=True)
class Health:
    """`ok` once requests can be served, `starting` until then."""

    status: str


@dataclass(frozen=True)
class QueueEntry:
    """A job that has not ended. `place` counts from 1 among those that wait, in the order of the queue."""

    submission_id: str
    user: str
    team: str
    priority: int
    status: str
    target: str
    demand: str
    submitted_at: float
    wait_s: float
    reason: str
    message: str
    place: int | None = None
    expected_start_at: float | None = None
    pool: str | None = None
    attempt: int | None = None
    runtime_s: float | None = None


@dataclass(frozen=True)
class JobFacts(QueueEntry):
    """A job, ended or not, with what is known of how it went. `overuse` says by how much it exceeds its demand."""

    demand_source: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    error_type: str | None = None
    observed: str | None = None
    overuse: str | None = None
    cost_usd: float | None = None


@dataclass(frozen=True)
class Part:
    """One part of what an offer costs. `time_s` is the time that it is about, None for what is no matter of time.

    `kind` is `nodes` (rented whole while it runs), `share` (of nodes that are there anyway), `startup` and `idle`
    (rented nodes before and after it), `head` (raised for it), `transfer` and `egress` (its data is fetched), `storage`
    (of its checkpoints) or `interruptions` (expected on the spot market).
    """

    kind: str
    usd: float
    time_s: float | None
    text: str


@dataclass(frozen=True)
class OfferView:
    """One way to run a job: pool x node type x market x count.

    `out` is empty for an offer that could be taken now, else the reason why not. `cheapest` and `soonest` are among
    those that could; `chosen` is the one that is taken. `start_delay_s` is until the job could start there, `runtime_s`
    the work alone, `total_s` what it comes to from its start with fetching data and with interruptions. `late_chance`
    (0 to 1) is how likely it ends after its deadline. `parts` come to `cost_usd`; decisions of old have none.
    """

    pool: str
    node_type: str
    market: str
    nodes: int
    price_usd_per_hour: float
    start_delay_s: float | None
    runtime_s: float
    cost_usd: float | None
    out: str = ""
    chosen: bool = False
    cheapest: bool = False
    soonest: bool = False
    total_s: float | None = None
    late_chance: float | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Likely:
    """A duration in seconds that is not known yet: its mean, its median, and between which 8 of 10 lie.

    Null: without end, as far as is in sight. `source` says what it was learnt from.
    """

    mean_s: float | None
    low_s: float | None
    median_s: float | None
    high_s: float | None
    source: str


@dataclass(frozen=True)
class Quote:
    """What would happen to a job if it were submitted now, behind all that wait. Nothing was started.

    `verdict` is `take` or `wait`; `wait_s` until its expected start; `until` when the policy would burst it as things
    stand. `cost_usd` is that of the chosen offer, or of the owned pool that it would wait for. `runs` and `waits` are
    the run time and the wait as distributions; `runtime_s` is the mean.
    """

    demand: str
    demand_source: str
    team: str
    runtime_s: float
    runtime_source: str
    verdict: str
    sentence: str
    reason: str
    policy: str
    as_of: float
    pool: str | None = None
    wait_s: float | None = None
    until: float | None = None
    cost_usd: float | None = None
    offers: tuple[OfferView, ...] = ()
    runs: Likely | None = None
    waits: Likely | None = None


@dataclass(frozen=True)
class DecisionView:
    """What was decided about a job at one moment, and why."""

    at: float
    verdict: str
    sentence: str
    reason: str
    policy: str
    pool: str | None = None
    until: float | None = None


@dataclass(frozen=True)
class AttemptView:
    """One run of a job on one pool."""

    attempt_id: str
    number: int
    pool: str
    node_type: str
    market: str
    why: str
    status: str
    outcome: str | None
    committed_at: float
    started_at: float | None
    ended_at: float | None
    message: str
    exit_code: int | None
    core_job_id: str | None


@dataclass(frozen=True)
class EventView:
    """One line of history: who did what to which job or pool."""

    at: float
    actor: str
    subject: str
    text: str


@dataclass(frozen=True)
class ShadowJob:
    """A job that the shadow policy would have treated otherwise, by what was expected at `at`.

    `kind`: `rents` for a job that waited and ran on owned nodes, rents `sooner` or `elsewhere` than was done, or
    `keeps` one waiting that was rented for. `usd` is what that would have cost more, `wait_s` how much longer the job
    would have waited; null if no start was in sight.
    """

    submission_id: str
    team: str
    at: float
    kind: str
    pool: str
    usd: float
    wait_s: float | None
    sentence: str


@dataclass(frozen=True)
class ShadowDay:
    """All jobs of one UTC day with the same difference. `wait_s` is the sum over those whose start was in sight."""

    day: str
    kind: str
    jobs: int
    usd: float
    wait_s: float


@dataclass(frozen=True)
class ShadowReport:
    """What the shadow policy would have done otherwise from `since` on, among `started` jobs. It never acted.

    `differences` counts by kind. `usd` is what it would have spent more on rented nodes, `mean_wait_s` by how much the
    mean wait would have been longer, without the `unknown` jobs for which no start was in sight.
    """

    policy: str
    live: str
    since: float
    as_of: float
    started: int
    differences: Mapping[str, int]
    usd: float
    mean_wait_s: float
    unknown: int
    sentence: str
    days: tuple[ShadowDay, ...] = ()
    newest: tuple[ShadowJob, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Everything that was decided about a job. Offers are those of the decision that placed it, else of this moment.

    `shadow` is what the shadow policy would have done otherwise, if there is one and it would have. `runs` is the run
    time that is expected of it, as of now.
    """

    job: JobFacts
    decisions: tuple[DecisionView, ...] = ()
    offers: tuple[OfferView, ...] = ()
    attempts: tuple[AttemptView, ...] = ()
    events: tuple[EventView, ...] = ()
    shadow: ShadowJob | None = None
    runs: Likely | None = None


@dataclass(frozen=True)
class LeaseView:
    """Until when at most so many nodes of a pool may live."""

    id: str
    max_nodes: int
    expires_at: float | None


@dataclass(frozen=True)
class NodeView:
    """A live node. `used` is what jobs are charged for there, `foreign` what did not come through Spillover."""

    node_id: str
    ip: str
    type: str
    market: str
    price_usd_per_hour: float
    is_head: bool
    resources: Mapping[str, float] = field(default_factory=dict, hash=False)
    used: Mapping[str, float] = field(default_factory=dict, hash=False)
    foreign: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class PoolInfo:
    """A pool as it is now. `usd_per_hour` is what its nodes cost at this moment, `spent_usd` what it cost so far.

    `alarms` are lines that ask for a person: machines whose end is refused, a provider that does not answer.
    """

    name: str
    kind: str
    role: str
    region: str
    status: str
    address: str | None
    message: str
    since: float
    jobs: int
    drivers: int
    max_drivers: int
    lease: LeaseView | None
    spent_usd: float
    usd_per_hour: float
    nodes: tuple[NodeView, ...] = ()
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostView:
    """A host of a pool that names them one by one. `role` is `head` or `worker`, `target` what operators want.

    `status` is `up`, `draining`, `drained`, `missing` (it is tried again at `retry_at`), `starting`, `joining`, or
    `down` while its pool is. `node_id` is its Ray node; `problem` says what is wrong there, or what it waits for.
    """

    pool: str
    host: str
    role: str
    status: str
    target: str
    since: float | None
    node_id: str | None
    problem: str
    retry_at: float | None


@dataclass(frozen=True)
class CostRow:
    """A part of the bill. The columns that were grouped by are set, the others None. `kind` says whose cost it is:
    `job`, `idle`, `head` or `foreign`.
    """

    kind: str
    node_seconds: float
    usd: float
    pool: str | None = None
    team: str | None = None
    user: str | None = None
    job: str | None = None
    market: str | None = None
    day: str | None = None
    node_type: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One way in which the same jobs could have gone, or did go. Means are over the jobs that ran."""

    label: str
    jobs: int
    burst_jobs: int
    unplaced: int
    baseline_usd: float
    cloud_usd: float
    total_usd: float
    mean_wait_s: float
    max_wait_s: float
    mean_jct_s: float
    makespan_s: float


@dataclass(frozen=True)
class Bill:
    """What was spent from `since` (a UTC day, inclusive) until `until` (exclusive), grouped by `by`.

    `node_total_usd` is what the nodes cost by their own meters: the rows add up to it, unless only one team's are
    shown. `compared` is there if it was asked for; `left_out` counts ended jobs that it does not cover.
    """

    by: tuple[str, ...]
    rows: tuple[CostRow, ...]
    total_usd: float
    node_total_usd: float | None
    as_of: float
    since: str | None = None
    until: str | None = None
    team: str | None = None
    compared: tuple[Comparison, ...] | None = None
    left_out: int = 0


@dataclass(frozen=True)
class TokenView:
    """A token, without the token: `token_id` is what to call it by."""

    token_id: str
    user: str
    team: str
    role: str
    created_at: float
    created_by: str
    expires_at: float | None = None
    revoked_at: float | None = None
    used_at: float | None = None


@dataclass(frozen=True)
class NewToken:
    """A token that was just made. `secret` is shown this once."""

    secret: str
    token: TokenView


@dataclass(frozen=True)
class OnPool:
    """What of an application is on one pool: `replicas` that run there, and `requests` that are there now."""

    pool: str
    role: str
    replicas: int
    requests: int


@dataclass(frozen=True)
class ApplicationView:
    """A served application. `status` is Ray's word, `message` says why; `baseline` and `burst` are replicas that run.

    `queued` requests wait in the data plane. `usd_per_hour` is what its replicas cost now, as shares of their nodes,
    owned ones at their amortised price. `latency_target_s` is what its requests should take at most.
    """

    name: str
    user: str
    team: str
    route_prefix: str
    status: str
    message: str
    generation: int
    deployed_at: float
    baseline: int
    baseline_most: int
    burst: int
    burst_most: int
    queued: int
    requests: int
    usd_per_hour: float
    latency_target_s: float
    pools: tuple[OnPool, ...] = ()


@dataclass(frozen=True)
class KeyView:
    """A key for requests to applications, without the key: `key_id` is what to call it by. Limits: null for none."""

    key_id: str
    tenant: str
    created_at: float
    created_by: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    regions: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    expires_at: float | None = None
    revoked_at: float | None = None


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `secret` is shown this once."""

    secret: str
    key: KeyView


@dataclass(frozen=True)
class UsageRow:
    """Requests that have ended. The columns that were grouped by are set, the others None.

    `busy_s` is how long replicas worked on them, one request at a time. `usd` is their share of what the application's
    replicas cost on the same pool and day, by `busy_s`.
    """

    requests: int
    errors: int
    tokens_in: int
    tokens_out: int
    busy_s: float
    usd: float
    tenant: str | None = None
    application: str | None = None
    key: str | None = None
    pool: str | None = None
    day: str | None = None


@dataclass(frozen=True)
class UsageReport:
    """Requests from `since` (a UTC day, inclusive) until `until` (exclusive), grouped by `by`.

    `unused_usd` is what replicas cost on days on which nobody called them there; null for those who see only a part.
    """

    by: tuple[str, ...]
    rows: tuple[UsageRow, ...]
    total_usd: float
    unused_usd: float | None
    as_of: float
    since: str | None = None
    until: str | None = None
