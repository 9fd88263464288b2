import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spillover.cli.demo_registry import registered, registry_folder, sweep
from spillover.cli.demo_site import DEMO_MARK
from spillover.errors import SpilloverError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "registry").mkdir()
    return tmp_path / "registry"


@pytest.fixture
def dead_root():
    """A folder of a demo that was killed, with a process of it that lives on."""
    root = Path(f"/tmp/sp{os.urandom(4).hex()}")
    root.mkdir()
    yield root
    shutil.rmtree(root, ignore_errors=True)


def entry(folder, root):
    path = folder / "x.json"
    path.write_text(json.dumps({"root": str(root), "bases": [20000, 20400], "nets": ["127.60.1", "127.60.2"]}))
    return path


def test_a_demo_is_on_the_list_while_it_lives(folder):
    """Its file is there and locked while it runs, and gone with its folder afterwards."""
    with registered(print, folder) as place:
        place.site.root.mkdir()
        assert len(list(folder.glob("*.json"))) == 1
        assert len(sweep(folder, print)) == 1
        with registered(print, folder) as other:
            bases = {b.port_base for p in (place, other) for b in p.blocks.values()}
            assert len(bases) == 4
    assert list(folder.glob("*.json")) == []
    assert not place.site.root.exists()


def test_a_folder_is_kept_when_asked(folder):
    """With `keep` the folder stays, and the demo leaves the list all the same."""
    with registered(print, folder) as place:
        place.site.root.mkdir()
        place.keep = True
    assert place.site.root.exists()
    assert list(folder.glob("*.json")) == []
    shutil.rmtree(place.site.root)


def test_what_a_killed_demo_left_is_ended(folder, dead_root):
    """A process that carries the mark of a demo which lives no more is ended, its folder removed, and that is said."""
    path, said = entry(folder, dead_root), []
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={DEMO_MARK: str(dead_root)})
    assert sweep(folder, said.append) == []
    assert left.wait(timeout=10) != 0
    assert not path.exists()
    assert not dead_root.exists()
    assert str(dead_root) in said[0]


def test_a_demo_that_lives_is_left_alone(folder, dead_root):
    """As long as its file is locked, nothing of a demo is touched."""
    path = entry(folder, dead_root)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [e.root for e in sweep(folder, print)] == [str(dead_root)]
    assert dead_root.exists()


def test_folders_of_others_are_never_touched(folder, tmp_path):
    """An entry that names a folder which no demo would make is dropped, and the folder stays."""
    path = entry(folder, tmp_path)
    assert sweep(folder, print) == []
    assert tmp_path.exists()
    assert not path.exists()


def test_a_registry_of_somebody_else_is_refused(monkeypatch):
    """A folder under /tmp that another user has put there is not trusted."""
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    try:
        with pytest.raises(SpilloverError, match="is not a folder of yours"):
            registry_folder()
    finally:
        Path("/tmp/spillover-demo-987654").rmdir()
