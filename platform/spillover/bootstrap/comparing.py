"""Hands control the replays that it may not import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..backtest.counterfactual import MOST_JOBS, counterfactuals
from ..control.bills import Compare
from ..control.core import Core
from ..domain.answers import Comparison
from ..domain.past import PastJob


def make_compare(core: Core) -> Compare:
    """Replays through the placement code that runs live, on the pools and under the policy of the settings."""

    def played(jobs: Sequence[PastJob], spent: Sequence[Mapping[str, Any]]) -> Sequence[Comparison]:
        pools = [runtime.pool for runtime in core.pools.values()]
        may_burst, known = core.settings.team_may_burst, core.settings
        return counterfactuals(
            jobs, pools, core.policy, spent, may_burst, default_runtime_s=known.default_runtime_s, terms=known.terms
        )

    return Compare(played, MOST_JOBS)
