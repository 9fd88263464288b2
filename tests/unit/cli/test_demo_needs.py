import pytest

from spillover.cli import demo_needs, demo_ports
from spillover.cli.demo_ports import free_blocks, free_nets
from spillover.errors import SpilloverError


def test_every_lack_is_named_at_once(tmp_path, monkeypatch):
    """Too few CPUs, too little memory and missing files are told together, before anything starts."""
    monkeypatch.setattr(demo_needs, "cpus", lambda: 1.0)
    monkeypatch.setattr(demo_needs, "memory_gib", lambda: 0.5)
    with pytest.raises(SpilloverError) as told:
        demo_needs.check(tmp_path, tmp_path)
    text = str(told.value)
    assert "needs 2 CPUs, and this process may use 1" in text
    assert "and there are 0.5" in text
    assert "--jobs DIR" in text
    assert "--clusters DIR" in text


def test_a_machine_is_measured():
    """What is counted is there: at least a part of a CPU, some memory, some disk."""
    assert demo_needs.cpus() > 0
    assert demo_needs.memory_gib() > 0
    assert demo_needs.disk_gib() > 0


def test_no_free_ports_is_an_error_that_says_so(monkeypatch):
    """When every block is in use, the error says what was looked for and where."""
    monkeypatch.setattr(demo_ports, "_is_free", lambda _port: False)
    with pytest.raises(SpilloverError, match=r"2 blocks of 400 free ports between 20000 and .* there are 0"):
        free_blocks(2)


def test_blocks_and_nets_do_not_overlap():
    """Blocks are apart from each other and from those that others have; so are networks."""
    taken = set(range(20000, 30000, 400))
    bases = free_blocks(2, taken)
    assert len({*bases}) == 2
    assert not {*bases} & taken
    assert len(set(free_nets(3, ["127.60.1"]))) == 3
