from dataclasses import replace

from placement_builders import NOW, cloud, down, gang, node_type, onprem, res, up, use, work

from spillover.domain.pool import Market, Node, PoolStatus
from spillover.placement.capacity import rooms_of
from spillover.placement.packing import DRIVER_SLOT
from spillover.placement.snapshot import LiveWork, PoolView


def cpus(view):
    return [free.get("CPU", 0.0) for free in rooms_of(view).frees[1:]]


def test_foreign_use_is_subtracted_where_it_is():
    """Use with no owner lowers the free room of its node alone."""
    assert cpus(up(onprem(), 2, usage=[use("n1", None, CPU=3)])) == [4, 1]


def test_a_head_without_resources_of_its_own_is_no_room():
    """A head that shows memory and Ray's markers only is left out; one with CPUs counts."""
    bare = Node("h", "", "head", res(memory=8e9, **{"node:__internal_head__": 1}), is_head=True)
    rich = Node("h", "", "head", res(CPU=2), is_head=True)
    assert cpus(PoolView(onprem(), PoolStatus.UP, (bare,))) == []
    assert cpus(PoolView(onprem(), PoolStatus.UP, (rich,))) == [2]


def test_declared_demand_is_charged_before_it_is_observed():
    """A job that shows no use yet is packed first-fit onto live nodes."""
    assert cpus(up(onprem(), 2, work=[work("a", "5x{CPU:1}")])) == [0, 3]


def test_observed_use_is_not_charged_twice():
    """What a job was seen to use is set against its declaration, on the node where it was seen."""
    view = up(onprem(), 2, work=[work("a", "2x{CPU:1}")], usage=[use("n1", "a", CPU=1)])
    assert cpus(view) == [3, 3]


def test_use_in_smaller_pieces_is_set_against_the_declared_bundle():
    """Tasks of 1 CPU on two nodes leave 2 of a declared 4-CPU bundle to be charged."""
    view = up(onprem(), 2, work=[work("a", "1x{CPU:4}")], usage=[use("n0", "a", CPU=1), use("n1", "a", CPU=1)])
    assert sum(cpus(view)) == 4


def test_over_use_is_charged_as_observed():
    """The charge is the larger of declared and observed."""
    assert cpus(up(onprem(), 1, work=[work("a", "1x{CPU:1}")], usage=[use("n0", "a", CPU=3)])) == [1]


def test_a_closed_node_has_room_for_nothing():
    """Work on a node that is being drained stays charged there, and neither its free room nor its end is offered."""
    view = up(onprem(), 2, work=[work("a", "1x{CPU:3}")], usage=[use("n0", "a", CPU=3)])
    rooms = rooms_of(replace(view, closed=frozenset({"n0"})))
    assert [free.get("CPU", 0.0) for free in rooms.frees[1:]] == [-3, 4]
    assert not rooms.rooms[1].total
    assert [hold.takes[0] for hold in rooms.holds] == [(1, (("CPU", 3.0),))], "once it ends, nothing is free there"


def test_use_of_an_owner_that_is_gone_is_still_use():
    """Use by a job that is not live work any more holds its room like foreign use."""
    assert cpus(up(onprem(), 1, usage=[use("n0", "gone", CPU=3)])) == [1]


def test_what_does_not_fit_takes_new_nodes():
    """Declared demand beyond the live nodes comes out of the cap, and the rest of such a node is free."""
    rooms = rooms_of(down(cloud(), work=(work("a", "6x{CPU:1}"),)))
    assert rooms.new == {"spot4": 2}
    assert [free["CPU"] for free in rooms.frees[1:]] == [0, 2]
    assert not any(room.live for room in rooms.rooms[1:])


def test_new_nodes_come_from_the_type_that_was_decided():
    """A committed attempt takes its nodes from its own type's cap."""
    pool = cloud(node_type("spot4", Market.SPOT), node_type("od4", Market.ON_DEMAND))
    rooms = rooms_of(down(pool, work=(work("a", "1x{CPU:1}", node_type="od4"),)))
    assert rooms.new == {"spot4": 4, "od4": 3}


def test_work_without_room_is_owed_its_place():
    """Over-committed work pushes a node's room below zero, so that nothing is placed before it."""
    assert cpus(up(onprem(), 1, work=[work("a", "6x{CPU:1}")])) == [-2]


def test_an_attached_pool_is_not_grown():
    """New nodes count only where we raise them."""
    assert rooms_of(up(onprem(), 1, new={"cpu4": 3})).new == {"cpu4": 0}


def test_driver_slots_are_counted():
    """Live jobs whose driver asks for nothing use up the head's driver slots; others do not."""
    demand = gang("1x{CPU:1}", driver=res(CPU=1))
    live = [work("a", "1x{CPU:1}"), LiveWork("b", "red", demand, NOW)]
    assert rooms_of(up(onprem(max_drivers=3), 2, work=live)).frees[0] == {DRIVER_SLOT: 2}


def test_a_hold_knows_all_that_a_job_takes():
    """What a live job holds is remembered with its end, for the forecast."""
    (hold,) = rooms_of(up(onprem(), 1, work=[work("a", "2x{CPU:1}", ends_in=7)])).holds
    assert hold.ends_at == NOW + 7
    assert [need for _, need in hold.takes].count((("CPU", 1.0),)) == 2


def test_a_pinned_driver_goes_to_a_labelled_node():
    """Demand that is not observed yet respects the job's label selector."""
    nodes = tuple(Node(f"n{i}", "", "cpu4", res(CPU=4), labels={"zone": z}) for i, z in enumerate("ab"))
    live = LiveWork("a", "red", gang("", driver=res(CPU=1), labels=(("zone", "b"),)), NOW)
    assert cpus(PoolView(onprem(), PoolStatus.UP, nodes, work=(live,))) == [4, 3]
