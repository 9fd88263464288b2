"""What else could have been done with the demo's jobs: replayed through the placement code that has just run live."""

from __future__ import annotations

from ..backtest.counterfactual import counterfactuals
from ..control.core import Core
from ..domain.answers import Comparison


def comparison(core: Core) -> tuple[Comparison, ...]:
    """One row a way, of all jobs that ran, from what the store and its ledger say."""
    return counterfactuals(
        core.store.past_jobs().jobs,
        [runtime.pool for runtime in core.pools.values()],
        core.policy,
        core.store.spend(["pool", "kind"]),
        core.settings.team_may_burst,
        default_runtime_s=core.settings.default_runtime_s,
        with_policy=True,
    )
