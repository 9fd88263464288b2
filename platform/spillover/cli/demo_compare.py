"""What else could have been done with the demo's jobs: replayed through the placement code that has just run live."""

from __future__ import annotations

from ..backtest.counterfactual import counterfactuals
from ..backtest.report import Row
from ..control.core import Core


def comparison(core: Core) -> tuple[Row, ...]:
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
