"""A policy that insists on a market is given it."""

from __future__ import annotations

import pytest
from placement_builders import NOW, cloud, down, job, node_type, onprem, shot, up, use, work

from spillover.domain.job import Hints
from spillover.domain.pool import Market
from spillover.placement.place import decide
from spillover.placement.policies import make_policy

RENTED = cloud(node_type("spot4", Market.SPOT, 0.4), node_type("od4", Market.ON_DEMAND, 2.0))


@pytest.mark.parametrize(("spare_s", "node"), [(120.0, "od4"), (3000.0, "spot4")])
def test_a_deadline_that_allows_no_interruption_is_met_on_demand_though_spot_is_cheaper(
    spare_s: float, node: str
) -> None:
    """With two minutes to spare on an hour of work nothing may be repeated; with fifty, spot will do."""
    home = up(onprem(), 1, work=[work("w", "1x{CPU:4}", ends_in=1e6)], usage=[use("n0", "w", CPU=4)])
    hints = Hints(resumable=True, deadline_at=NOW + 3600.0 + spare_s)
    asked = job("j", "1x{CPU:4}", hints=hints, runtime_s=3600.0)
    found = decide(shot([asked], home, down(RENTED)), make_policy("deadline", tight_at=0.5))
    assert found[0].node_type == node
