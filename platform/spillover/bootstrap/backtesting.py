"""Opens the settings' own history for backtests: no server need run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..adapters.sql_store import SqlStore
from ..backtest.counterfactual import MOST_JOBS
from ..backtest.exact import Player, exact_player
from ..backtest.own_world import own_world
from ..backtest.readers.draft import Loaded, Reading
from ..backtest.readers.history import from_history
from ..backtest.world import World
from ..config import Settings
from ..domain.money import NANOS
from ..domain.past import PastJob, PastJobs
from ..errors import BadArgument
from .settings import control_settings, make_pool


@dataclass(frozen=True)
class LiveSetup:
    """What the settings would run a backtest with: pools as a world, and the policy that is live."""

    world: World
    notes: tuple[str, ...]
    policy: str
    policy_settings: Mapping[str, object]


@dataclass(frozen=True)
class History:
    """What ran here, to be replayed, and how it went: the mean wait, and what is booked on jobs that ran rented.

    `exact` gives its newest jobs, and how to play them job by job on the pools of the settings.
    """

    loaded: Loaded
    mean_wait_s: float
    rented_usd: float
    exact: Callable[[], tuple[Loaded, Player]]


def live_setup(settings: Settings, count: str) -> LiveSetup:
    """The settings' world for jobs that count `gpus` or `cpus`. Raises BadArgument where no owned pool has any."""
    pools = [make_pool(name, raw) for name, raw in settings.pools.items()]
    world, notes = own_world(pools, count)
    return LiveSetup(world, notes, settings.policy.name, settings.policy.settings)


def load_history(settings: Settings, how: Reading, since: float | None = None) -> History:
    """The jobs that ran and have ended since then (Unix seconds). Raises BadArgument if there are none."""
    folder = settings.state_dir
    if not (folder / "spillover.db").exists():
        raise BadArgument(f"{folder} holds no history: no server of these settings was ever started")
    store = SqlStore.in_folder(folder)
    try:
        past = store.past_jobs(since)
    finally:
        store.close()
    control, source = control_settings(settings), f"the history in {folder}"
    loaded = from_history(past, control.team_may_burst, how, source)
    rented = {name for name, raw in settings.pools.items() if raw.role == "burst"}
    return History(
        loaded,
        sum(job.started_at - job.submitted_at for job in past.jobs) / len(past.jobs),
        sum(job.nano_usd for job in past.jobs if job.pool in rented) / NANOS,
        lambda: _exact(past.jobs[-MOST_JOBS:], settings, how, source),
    )


def _exact(jobs: tuple[PastJob, ...], settings: Settings, how: Reading, source: str) -> tuple[Loaded, Player]:
    control = control_settings(settings)
    pools = [make_pool(name, raw) for name, raw in settings.pools.items()]
    loaded = from_history(PastJobs(jobs), control.team_may_burst, how, source)
    return loaded, exact_player(jobs, pools, control.team_may_burst, control.default_runtime_s)
