"""What every part of control shares: the store, the clock, the pools, the settings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..domain.pool import Observation, Pool
from ..domain.provider import Listing, Stray
from ..domain.resources import Demand
from ..domain.terms import Terms
from ..placement.policies import Policy
from ..ports import Clock, Cluster, DataPlane, Event, Hosts, Launcher, Provider, ServeSite, Store

log = logging.getLogger(__name__)

T = TypeVar("T")

SYSTEM = "spillover"  # the actor of events that nobody asked for


@dataclass(frozen=True)
class ControlSettings:
    """What of the settings matters here. Times in seconds."""

    default_demand: Demand
    default_runtime_s: float = 3600.0
    may_burst: Mapping[str, bool] = field(default_factory=dict)
    package_limit_bytes: int = 2 * 2**30
    stop_on_overuse: bool = False
    max_attempts: int = 5
    tick_s: float = 1.0
    observe_s: float = 2.0
    list_s: float = 5.0
    metering_s: float = 10.0
    claim_s: float = 60.0
    fence_s: float = 60.0
    move_cooldown_s: float = 1800.0
    shadow_every_s: float = 10.0
    terms: Terms = field(default_factory=Terms)

    def team_may_burst(self, team: str) -> bool:
        """Whether the team's work may leave the building."""
        return self.may_burst.get(team, self.may_burst.get("default", False))


@dataclass
class PoolRuntime:
    """A pool with what reaches it, and the last look at it.

    `provider` rents out its machines, if we can ask it directly; `listed` is what it answered last, `strays` what of
    that should not be there. `hosts` are its hosts, if its cluster YAML names them one by one. `serve` is its cluster's
    Serve; `own` names our attempts as owners of what Serve's replicas are seen to hold.
    """

    pool: Pool
    cluster: Cluster
    launcher: Launcher | None = None
    provider: Provider | None = None
    seen: Observation | None = None
    seen_error: str = ""
    listed: Listing | None = None
    listed_error: str = ""
    strays: tuple[Stray, ...] = ()
    lacking: frozenset[str] = frozenset()
    hosts: Hosts | None = None
    serve: ServeSite | None = None
    own: Callable[[Observation], Awaitable[Observation]] | None = None


@dataclass
class Core:
    """The parts of control hold this one object."""

    store: Store
    clock: Clock
    settings: ControlSettings
    policy: Policy
    pools: Mapping[str, PoolRuntime]
    folder: Path
    url: str = ""
    shadow: Policy | None = None
    dataplane: DataPlane | None = None
    ended: int = 0  # attempts that have ended since the start
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=4, thread_name_prefix="store")
    )

    async def db(self, call: Callable[..., T], *args: Any) -> T:
        """Run a call of the store beside the event loop: a synced commit takes milliseconds."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args))

    def event(self, actor: str, subject: str, text: str) -> Event:
        """A line of history, now. It is shown to whoever watches the server, too."""
        log.info("%s: %s (%s)", subject, text, actor)
        return Event(at=self.clock.now(), actor=actor, subject=subject, text=text)

    def close(self) -> None:
        """Let the store's threads go."""
        self._threads.shutdown(wait=True)
