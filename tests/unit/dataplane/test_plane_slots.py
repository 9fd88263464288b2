"""Which ready-made backend serves which slot."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.dataplane.plan import SlotKey
from spillover.dataplane.shape import slot_names
from spillover.dataplane.slots import Slots
from spillover.errors import DataPlaneError

CHAT, EU = SlotKey("chat", "*", 60), SlotKey("chat", "eu", 5)


def test_an_assignment_outlives_whoever_made_it(tmp_path: Path) -> None:
    """HAProxy runs on with it, so a new process of ours must know it."""
    Slots(tmp_path / "s").assign([CHAT, EU])
    again = Slots(tmp_path / "s")
    again.assign([EU, CHAT, SlotKey("other", "*", 60)])
    assert again.assigned()[again.name(CHAT)] == CHAT
    assert len(again.assigned()) == 3
    assert slot_names()[again.name(EU)] == 5


def test_a_slot_that_was_freed_is_used_again(tmp_path: Path) -> None:
    """And until then by nobody else."""
    slots = Slots(tmp_path / "s")
    slots.assign([CHAT])
    name = slots.name(CHAT)
    slots.free([name])
    slots.assign([SlotKey("other", "*", 60)])
    assert Slots(tmp_path / "s").assigned() == {name: SlotKey("other", "*", 60)}


def test_when_the_right_ones_are_out_a_shorter_wait_is_taken(tmp_path: Path) -> None:
    """Any slot is better than none; when there is none, the error says what to do."""
    slots = Slots(tmp_path / "s")
    count = len(slot_names())
    slots.assign([SlotKey(f"a{i}", "*", 60) for i in range(count)])
    waits = [slot_names()[slots.name(SlotKey(f"a{i}", "*", 60))] for i in range(count)]
    assert waits.count(60) == waits.count(300)
    with pytest.raises(DataPlaneError, match=f"'late'.* {count} slots.*Shut"):
        slots.assign([SlotKey("late", "*", 60)])
