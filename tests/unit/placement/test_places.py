from placement_builders import NOW, cloud, down, gang, node_type, onprem, res, up

from spillover.domain.pool import Market
from spillover.placement.lane import Lane
from spillover.placement.packing import Plan, Unit
from spillover.placement.places import Places

ONE = Unit((("CPU", 1.0),))
FOUR = Unit((("CPU", 4.0),))


def places(lane, *, shrinking):
    return Places(gang("1x{CPU:1}"), lane.ceiling.types, lane, shrinking=shrinking)


def test_a_room_that_is_too_small_is_dropped():
    """Of two nodes, the one that is taken is no place any more for what is placed now."""
    lane = Lane(up(onprem(), 2), NOW)
    now = places(lane, shrinking=True)
    assert now.of(ONE, None).rooms == [1, 2]
    lane.take(Plan(((1, FOUR.need),)), 60.0)
    assert now.of(ONE, None).rooms == [2]


def test_a_room_that_is_taken_stays_a_place_for_later():
    """Where the room to come is looked at, a node that is taken now stays a place."""
    lane = Lane(up(onprem(), 2), NOW)
    later = places(lane, shrinking=False)
    lane.take(Plan(((1, FOUR.need),)), 60.0)
    assert later.of(ONE, None).rooms == [1, 2]


def test_nodes_that_are_opened_become_places():
    """A node that one job opens is a place for the next, in its turn: plain nodes before special ones."""
    special = node_type("gpu4", Market.ON_DEMAND, resources=res(CPU=4, GPU=1))
    plain = node_type("cpu4", Market.ON_DEMAND)
    lane = Lane(down(cloud(special, plain)), NOW)
    now = places(lane, shrinking=True)
    assert now.of(ONE, None).rooms == []
    lane.take(Plan((), (special, plain)), 60.0)
    assert now.of(ONE, None).rooms == [2, 1]


def test_it_is_over_once_a_unit_has_no_place_left():
    """With the last new node taken and full, nothing of the kind is placed there any more."""
    only = node_type("cpu4", Market.ON_DEMAND)
    lane = Lane(down(cloud(only), {"cpu4": 1}), NOW)
    now = places(lane, shrinking=True)
    assert now.of(FOUR, only).types == [only]
    assert not now.gone(only)
    lane.take(Plan(((1, FOUR.need),), (only,)), 60.0)
    now.of(FOUR, only)
    assert now.gone(only)
