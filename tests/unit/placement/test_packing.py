from placement_builders import gang, node_type, res

from spillover.placement.packing import DRIVER_SLOT, Trial, gang_of, shown, specials


def needs(demand):
    return [(count, dict(unit.need), unit.pinned) for count, unit in gang_of(demand)]


def test_a_driver_that_asks_for_nothing_takes_a_head_slot():
    """A driver without resources or labels is one unit of the head's driver slots."""
    assert (1, {DRIVER_SLOT: 1.0}, False) in needs(gang("2x{CPU:1}"))


def test_a_driver_with_resources_is_a_unit_of_its_own():
    """A driver with resources sits on a node, and only the label selector pins it."""
    assert needs(gang("", driver=res(CPU=1))) == [(1, {"CPU": 1.0}, False)]
    assert needs(gang("", driver=res(CPU=1), labels=(("zone", "a"),))) == [(1, {"CPU": 1.0}, True)]


def test_a_selector_alone_pins_a_driver_that_takes_no_head_slot():
    """As in Ray, a driver with a label selector leaves the head even if it asks for no resources."""
    assert needs(gang("", labels=(("zone", "a"),))) == [(1, {}, True)]


def test_accelerator_bundles_come_first():
    """A bundle with a GPU is placed before a larger one without, which could take the only GPU node."""
    assert needs(gang("1x{CPU:16}+1x{GPU:1,CPU:1}"))[0] == (1, {"CPU": 1.0, "GPU": 1.0}, False)


def test_a_trial_leaves_what_it_tries_on_alone():
    """Placing in a trial changes neither the free rooms nor the caps."""
    frees, new = [{"CPU": 4.0}], {"cpu4": 1}
    trial = Trial(frees, new)
    assert trial.put(6, (("CPU", 1.0),), [0], [node_type()])
    assert (frees, new) == ([{"CPU": 4.0}], {"cpu4": 1})
    assert [index for index, _ in trial.plan().takes] == [0, 0, 0, 0, 1, 1]


def test_a_trial_never_opens_more_than_the_cap():
    """When live rooms and the cap on new nodes are used up, the gang does not fit."""
    assert not Trial([{"CPU": 4.0}], {"cpu4": 1}).put(9, (("CPU", 1.0),), [0], [node_type()])


def test_a_later_shape_uses_the_nodes_that_an_earlier_one_opened():
    """Nodes that a trial opened are filled before more are opened."""
    trial = Trial([], {"cpu4": 2})
    assert trial.put(1, (("CPU", 3.0),), [], [node_type()])
    assert trial.put(1, (("CPU", 1.0),), [], [node_type()])
    assert len(trial.plan().opened) == 1


def test_texts():
    """Needs are shown as users write them, and CPU and memory are no special resources."""
    assert shown((("CPU", 16.0), ("GPU", 2.0))) == "{CPU:16,GPU:2}"
    assert specials({"CPU": 1, "memory": 2, "GPU": 1, "rack": 1}) == 2
