import pytest
from placement_builders import NOW, cloud, down, gang, job, node_type, onprem, res, up, work

from spillover.domain.pool import Market, PoolStatus
from spillover.placement.asks import Asks
from spillover.placement.fit import cheapest
from spillover.placement.lane import Lane


def quotes(view, **fields):
    return Asks([Lane(view, NOW)]).of(job(**fields)).fits[0].quotes()


def cost(view, runtime_s=3600.0, **fields):
    return cheapest(quotes(view, **fields), runtime_s).price.cost(runtime_s)


def test_an_owned_node_costs_the_dominant_share():
    """Half of an owned node for an hour costs half of its amortised price."""
    assert cost(up(onprem()), demand="2x{CPU:1}") == pytest.approx(0.18)


def test_a_new_node_is_paid_whole_with_its_start_up_and_idle_tail():
    """A rented node newly started costs its price from its start until it is folded, however little of it is used."""
    assert cost(down(cloud()), demand="1x{CPU:1}") == pytest.approx(0.40 * 3945 / 3600)


def test_a_pool_that_is_down_adds_its_head():
    """Raising the pool costs its head as well; a pool that is up does not ask for that again."""
    pool = cloud(head_price_usd_per_hour=0.1)
    assert cost(down(pool)) == pytest.approx(0.50 * 3945 / 3600)
    assert cost(up(pool, 0, new={"spot4": 1})) == pytest.approx(0.40 * 3945 / 3600)
    assert cost(down(pool, status=PoolStatus.RAISING)) == pytest.approx(0.40 * 3945 / 3600)


def test_a_node_that_is_up_costs_less_than_a_new_one():
    """Room on a rented node that is up anyway costs the share alone, and no start-up."""
    assert cost(up(cloud(), 1)) == pytest.approx(0.10)


def test_a_node_that_another_job_has_called_for_is_shared():
    """The free part of a coming node costs its share, and starts when that node does."""
    (quote,) = quotes(down(cloud(), work=(work("a", "1x{CPU:1}"),)))
    assert quote.price.cost(3600) == pytest.approx(0.10)
    assert quote.delay_s == 45.0


def test_a_gang_pays_for_every_node_it_starts():
    """Three bundles of three CPUs need three nodes of four."""
    (quote,) = quotes(down(cloud()), demand="3x{CPU:3}")
    assert quote.nodes == 3
    assert quote.price.cost(0) == pytest.approx(3 * 0.40 * (45 + 300) / 3600)


def test_each_node_type_is_an_offer_of_its_own():
    """A pool with spot and on-demand nodes quotes both, and the cheapest depends on the price."""
    pool = cloud(node_type("od4", Market.ON_DEMAND, 1.0), node_type("spot4", Market.SPOT, 0.4))
    found = quotes(down(pool))
    assert {q.node_type: q.market for q in found} == {"od4": "on_demand", "spot4": "spot"}
    assert cheapest(found, 60).node_type == "spot4"


def test_a_mixed_gang_is_quoted_over_several_types():
    """A gang that no single type can hold is quoted with the types that its parts need."""
    pool = cloud(node_type("gpu", Market.SPOT, 2.0, resources=res(GPU=1, CPU=2)), node_type("cpu", Market.SPOT, 0.4))
    found = quotes(down(pool), demand=gang("1x{GPU:1,CPU:1}", driver=res(CPU=4)))
    assert {q.nodes for q in found} == {2}
    assert found[0].price.usd_per_s == pytest.approx(2.4 / 3600)


def test_work_that_asks_for_nothing_runs_on_the_head():
    """A demand of nothing needs no worker."""
    (quote,) = quotes(up(onprem()), demand=gang(""))
    assert (quote.node_type, quote.nodes, quote.price.cost(60)) == ("head", 0, 0.0)


def test_the_start_delay_of_a_pool_being_raised_counts_from_ready_at():
    """A pool that is on its way is waited for until its `ready_at`, else for its start-up time."""
    assert quotes(down(cloud(), status=PoolStatus.RAISING, ready_at=NOW + 12))[0].delay_s == 12.0
    assert quotes(down(cloud(), status=PoolStatus.RAISING))[0].delay_s == 45.0
