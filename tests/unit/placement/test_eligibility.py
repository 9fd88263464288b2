import pytest
from placement_builders import cloud, down, gang, job, node_type, onprem, res, up

from spillover.domain.job import Hints
from spillover.domain.pool import Market, Node, PoolStatus
from spillover.placement.place import refusals
from spillover.placement.snapshot import PoolView

GPU = node_type("gpu4", Market.SPOT, resources=res(GPU=4, CPU=32), labels={"acc": "A100"}, most=2)
AWS = down(cloud(GPU, name="aws", region="eu-west-1", provides=frozenset({"internet"})))


def why(**fields):
    return refusals(job(**fields), [AWS]).get("aws", "")


@pytest.mark.parametrize(
    ("hints", "reason"),
    [
        (Hints(pools=("onprem",)), "the job asks for pools onprem; this is 'aws'"),
        (Hints(regions=("us",)), "the job asks for regions us; pool 'aws' is in 'eu-west-1'"),
        (Hints(markets=("on_demand",)), "the job asks for markets on_demand; pool 'aws' has spot"),
        (Hints(needs=("nfs:/data", "internet")), "the job needs nfs:/data; pool 'aws' provides internet"),
    ],
)
def test_each_hint_is_a_hard_rule(hints, reason):
    """A pool that a hint rules out is refused with the value and the limit."""
    assert why(hints=hints) == reason


def test_hints_that_hold_refuse_nothing():
    """A region covers its sub-regions, and met needs are no reason."""
    assert not why(hints=Hints(regions=("eu",), needs=("internet",), markets=("spot",)))


def test_a_team_that_may_not_burst_is_kept_from_burst_pools_alone():
    """`may_burst` False rules out rented pools and leaves owned ones."""
    found = refusals(job(may_burst=False), [AWS, up(onprem())])
    assert found == {"aws": "team 'red' may not burst; 'aws' is a burst pool"}


def test_a_shape_too_large_names_the_largest_node():
    """A bundle that fits no node is refused with the shape and the largest node's amounts."""
    assert why(demand="1x{GPU:8}") == "needs a node with {GPU:8}; the largest of pool 'aws' is {GPU:4}"
    assert why(demand="1x{TPU:1}") == "needs a node with {TPU:1}; the largest of pool 'aws' is {TPU:0}"


def test_a_gang_too_large_names_the_nodes_at_most():
    """A gang whose bundles fit singly, but not together at the pool's maximum, is refused."""
    assert why(demand="3x{GPU:3}") == "needs 3x{GPU:3} at once; pool 'aws' cannot hold that on its 2 nodes at most"
    assert not why(demand="2x{GPU:3}")


@pytest.mark.parametrize(("make", "holds"), [(onprem, 1), (cloud, 2)])
def test_a_head_that_works_counts_where_others_run_it(make, holds):
    """An attached cluster of one node that is its head has no second one; a launched one's head is priced apart."""
    pool = make(node_type("cpu4", most=1, resources=res(CPU=4)))
    head = Node("n0", "10.0.0.1", "cpu4", res(CPU=4), is_head=True)
    view = PoolView(pool, PoolStatus.UP, (head,))
    fits = [n for n in (1, 2, 3) if not refusals(job(demand=f"{n}x{{CPU:4}}"), [view])]
    assert max(fits) == holds


def test_shape_matters_not_only_the_sum():
    """Eight GPUs on two nodes are no node with eight GPUs."""
    assert not why(demand="8x{GPU:1}")
    assert why(demand="1x{GPU:8}")


def test_labels_must_be_there():
    """A label selector that no node type satisfies is a reason."""
    wanted = gang("", driver=res(CPU=1), labels=(("acc", "in(H100,B200)"),))
    assert why(demand=wanted) == "the job selects nodes labelled acc=in(H100,B200); pool 'aws' has none"
    assert not why(demand=gang("", driver=res(CPU=1), labels=(("acc", "A100"),)))


def test_labels_of_live_nodes_count():
    """A label that only a live node carries, such as Ray's own, is enough."""
    node = Node("n", "", "cpu4", res(CPU=4), labels={"zone": "a"})
    view = PoolView(onprem(), PoolStatus.UP, (node,))
    assert not refusals(job(demand=gang("", driver=res(CPU=1), labels=(("zone", "a"),))), [view])


def test_no_driver_slots_keep_out_what_needs_one():
    """With max_drivers 0 only drivers that ask for resources can run."""
    view = down(cloud(max_drivers=0))
    assert refusals(job(), [view]) == {"cloud": "needs a driver slot on the head; pool 'cloud' has max_drivers 0"}
    assert not refusals(job(demand=gang("1x{CPU:1}", driver=res(CPU=1))), [view])


def test_a_busy_or_blocked_pool_refuses_nothing_for_ever():
    """Refusals speak of what can never be, not of what cannot be now."""
    assert not refusals(job(), [up(onprem(), 0), down(cloud(), {}, blocked="is over its budget")])


def test_a_plain_bundle_does_not_take_the_only_accelerator_node():
    """A mixed gang that fits is not refused because of the order in which its bundles are tried."""
    pool = onprem(
        node_type("gpu", resources=res(GPU=1, CPU=16), most=1), node_type("cpu", resources=res(CPU=16), most=1)
    )
    assert not refusals(job(demand="1x{CPU:16}+1x{GPU:1,CPU:8}"), [down(pool)])


def test_markets_are_held_to_where_ray_can_be_told():
    """On a pool of several markets only an entrypoint that labels can bind is held to one; other tasks Ray spreads."""
    types = [
        node_type("od4", Market.ON_DEMAND, 1.0, labels={"spillover.dev/market": "on_demand"}),
        node_type("spot4", Market.SPOT, 0.4, labels={"spillover.dev/market": "spot"}),
    ]
    mixed, only = down(cloud(*types)), Hints(markets=("on_demand",))
    pinned = gang("", driver=res(CPU=1))
    assert "Ray may put its tasks there" in refusals(job(demand="1x{CPU:4}", hints=only), [mixed])["cloud"]
    assert not refusals(job(demand=pinned, hints=only), [mixed])
    assert not refusals(job(demand="1x{CPU:4}", hints=Hints(markets=("spot", "on_demand"))), [mixed])
    bare = down(cloud(node_type("od4", Market.ON_DEMAND, 1.0), node_type("spot4", Market.SPOT, 0.4)))
    assert "label its node types" in refusals(job(demand=pinned, hints=only), [bare])["cloud"]


def test_a_market_whose_nodes_cannot_hold_the_gang_is_in_nobodys_way():
    """If the nodes of the other market are too small, the gang cannot end up there."""
    small = node_type("od1", Market.ON_DEMAND, 0.1, resources=res(CPU=1))
    pool = down(cloud(small, node_type("spot4", Market.SPOT, 0.4)))
    assert not refusals(job(demand="2x{CPU:4}", hints=Hints(markets=("spot",))), [pool])
