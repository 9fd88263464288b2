import pytest
from placement_builders import NOW, cloud, down, gang, job, node_type, onprem, res, up, work

from spillover.domain.job import Hints
from spillover.domain.pool import Market
from spillover.placement.asks import Asks
from spillover.placement.lane import Lane

OD4 = node_type("od4", Market.ON_DEMAND, 1.0, 8)
SPOT4 = node_type("spot4", Market.SPOT, 0.4, 8)


def rate(*views, **fields):
    return Asks([Lane(view, NOW) for view in views]).of(job(**fields)).on_demand_usd_per_hour()


def test_whole_nodes_are_counted():
    """Three bundles of three CPUs take three nodes of four, and each is paid for whole."""
    assert rate(down(cloud(OD4)), demand="3x{CPU:3}") == 3.0


def test_the_price_does_not_depend_on_what_is_free():
    """Nodes that are up, full pools and pools that take nothing now leave it as it is."""
    views = (down(cloud(OD4)), up(cloud(OD4), 2), down(cloud(OD4), {}), down(cloud(OD4), blocked="is blocked"))
    busy = up(cloud(OD4), 1, work=[work("w", "4x{CPU:1}")])
    assert {rate(view, demand="2x{CPU:4}") for view in (*views, busy)} == {2.0}


def test_the_cheapest_on_demand_way_counts_though_spot_is_cheaper():
    """Over all node types and pools; a spot price says little about what a job is worth."""
    large = node_type("od16", Market.ON_DEMAND, 3.0, 2, resources=res(CPU=16))
    assert rate(down(cloud(OD4, SPOT4)), demand="4x{CPU:4}") == 4.0
    assert rate(down(cloud(OD4, SPOT4)), down(cloud(large, name="other")), demand="4x{CPU:4}") == 3.0


def test_without_an_on_demand_type_the_cheapest_rented_one_counts():
    """A pool of spot nodes alone, a gang that no on-demand node holds, a job that takes spot alone."""
    gpu = node_type("gpu", Market.SPOT, 2.0, resources=res(CPU=4, GPU=1))
    assert rate(down(cloud(SPOT4)), demand="2x{CPU:4}") == 0.8
    assert rate(down(cloud(OD4, gpu)), demand="1x{GPU:1}") == 2.0
    assert rate(down(cloud(SPOT4)), demand="1x{CPU:4}", hints=Hints(markets=("spot",))) == 0.4
    assert rate(down(cloud(OD4, SPOT4)), demand="1x{CPU:4}", hints=Hints(markets=("spot",))) is None


def test_a_gang_over_several_types_is_priced_with_each():
    """A driver that no GPU node can hold beside a GPU worker takes a plain node as well."""
    gpu = node_type("gpu", Market.ON_DEMAND, 2.0, resources=res(CPU=2, GPU=1))
    assert rate(down(cloud(gpu, OD4)), demand=gang("1x{GPU:1,CPU:1}", driver=res(CPU=4))) == 3.0


def test_work_without_a_node_costs_what_the_head_does():
    """A driver that asks for nothing holds the head alone."""
    assert rate(down(cloud(OD4, head_price_usd_per_hour=0.1)), demand=gang("")) == 0.1


@pytest.mark.parametrize("fields", [{"may_burst": False}, {"hints": Hints(pools=("onprem",))}, {"demand": "1x{CPU:5}"}])
def test_a_job_that_no_rented_pool_may_run_has_no_price(fields):
    """Owned pools have no on-demand price."""
    assert rate(up(onprem(node_type(resources=res(CPU=8)))), down(cloud(OD4)), **fields) is None
