"""A job's markets are held to on pools that have others: by a label selector on its entrypoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import ALICE, World, burst, running_world

from spillover.domain.job import SubmitRequest
from spillover.domain.pool import Market, NodeType
from spillover.domain.resources import Resources
from spillover.errors import BadRequest

pytestmark = pytest.mark.asyncio

LABEL = "spillover.dev/market"
MIXED = tuple(
    NodeType(market.value, Resources({"CPU": 4}), market, price, 2, {LABEL: market.value})
    for market, price in ((Market.SPOT, 1.0), (Market.ON_DEMAND, 3.0))
)


async def handed(world: World, markets: str, **fields: object) -> SubmitRequest:
    """What the pool is given for a job on these markets."""
    metadata = {"spillover/markets": markets} if markets else {}
    request = SubmitRequest("python j.py", {}, metadata, entrypoint_num_cpus=2.0, **fields)  # type: ignore[arg-type]
    await world.control.service.submit(ALICE, "j", request)
    await world.until(lambda: "j" in world.clusters["cloud"].runs)
    return world.clusters["cloud"].runs["j"].request


async def test_the_entrypoint_is_kept_on_the_jobs_markets(tmp_path: Path) -> None:
    """Ray is told by label, and the offer is of that market, though the other is cheaper."""
    async with running_world(tmp_path, burst(node_types=MIXED)) as world:
        request = await handed(world, "on_demand")
        assert request.entrypoint_label_selector == {LABEL: "in(on_demand)"}
        assert world.attempts("j")[0].market == "on_demand"


async def test_what_the_user_selects_stays(tmp_path: Path) -> None:
    """Other labels are kept."""
    types = tuple(NodeType(t.name, t.resources, t.market, 1.0, 2, {**t.labels, "zone": "a"}) for t in MIXED)
    async with running_world(tmp_path, burst(node_types=types)) as world:
        request = await handed(world, "spot", entrypoint_label_selector={"zone": "a"})
        assert request.entrypoint_label_selector == {LABEL: "in(spot)", "zone": "a"}


@pytest.mark.parametrize("markets", ["", "spot,on_demand"])
async def test_a_job_that_takes_every_market_is_left_to_ray(tmp_path: Path, markets: str) -> None:
    """Both with fallback: Ray tries spot first, and the other where there is none."""
    async with running_world(tmp_path, burst(node_types=MIXED)) as world:
        assert (await handed(world, markets)).entrypoint_label_selector is None


async def test_tasks_that_cannot_be_held_are_refused_with_the_remedy(tmp_path: Path) -> None:
    """A gang of workers on a mixed pool could land on either market: the submit says so."""
    async with running_world(tmp_path, burst(node_types=MIXED)) as world:
        metadata = {"spillover/markets": "on_demand", "spillover/workers": "2x{CPU:4}"}
        with pytest.raises(BadRequest, match="give each market a pool"):
            await world.control.service.submit(ALICE, "j", SubmitRequest("python j.py", {}, metadata))
