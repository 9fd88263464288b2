"""The file in which local clusters note their nodes."""

import threading
from pathlib import Path

import pytest

from spillover.node.local_state import TERMINATED, LocalNode, StateFile


def test_no_file_is_no_nodes(tmp_path: Path) -> None:
    """Before the first node there is no file, and that is not an error."""
    assert StateFile(tmp_path / "c.json").read() == {}


def test_a_change_is_read_back(tmp_path: Path) -> None:
    """What one process writes another reads."""
    with StateFile(tmp_path / "c.json").change() as nodes:
        nodes["n1"] = LocalNode("127.0.11.1", {"a": "b"}, ready_at=3.0)
    assert StateFile(tmp_path / "c.json").read() == {"n1": LocalNode("127.0.11.1", {"a": "b"}, ready_at=3.0)}


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    """If the block raises, the file stays as it was."""
    file = StateFile(tmp_path / "c.json")

    def fail() -> None:
        with file.change() as nodes:
            nodes["n1"] = LocalNode("127.0.11.1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert file.read() == {}


def test_changes_from_many_sides_are_all_kept(tmp_path: Path) -> None:
    """Changes made at the same time follow one another, and none is lost."""

    def add(number: int) -> None:
        with StateFile(tmp_path / "c.json").change() as nodes:
            nodes[f"n{number}"] = LocalNode(f"127.0.11.{number}")

    threads = [threading.Thread(target=add, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(StateFile(tmp_path / "c.json").read()) == 20


def test_a_node_is_there_until_it_is_terminated() -> None:
    """Only a terminated node is gone; tags must all match."""
    node = LocalNode("127.0.11.1", {"kind": "head", "x": "1"})
    assert node.there
    assert node.matches({"kind": "head"})
    assert not node.matches({"kind": "worker"})
    node.state = TERMINATED
    assert not node.there
