"""Where jobs keep their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, _MockFileSystem


@pytest.fixture
def files(load: Callable[[str], Any]) -> Any:
    return load("common.files")


def test_a_folder_becomes_a_full_path(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker in another folder finds the same place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    assert files.place("a/../runs") == (LocalFileSystem(), str(tmp_path / "runs"))
    assert files.place("~/runs")[1] == "/home/ann/runs"
    assert files.place("file:///mnt/runs") == (LocalFileSystem(), "/mnt/runs")


@pytest.mark.parametrize("colon_slashes", ["%3A%2F%2F", "://"])
def test_an_s3_address_carries_its_options(files: Any, colon_slashes: str) -> None:
    """Region and endpoint are taken from the address, quoted or not, and no network is asked."""
    system, path = files.place(f"s3://runs/a/b?endpoint_override=http{colon_slashes}127.0.0.1:5000&region=us-west-2")
    assert isinstance(system, S3FileSystem)
    assert (path, system.region) == ("runs/a/b", "us-west-2")


@pytest.mark.parametrize(
    ("address", "why"),
    [("", "is empty"), ("s3://", "names no bucket"), ("s4://b/c", "s4://b/c"), ("s3://b?region=x&nope=1", "nope")],
)
def test_other_addresses_are_refused_with_an_example(files: Any, address: str, why: str) -> None:
    """The message has what was wrong and how an address reads."""
    with pytest.raises(ValueError, match="s3://bucket/path") as error:
        files.place(address)
    assert why in str(error.value)


def test_a_secret_in_an_address_is_not_repeated(files: Any) -> None:
    """Keys that stand in an address do not reach the log."""
    with pytest.raises(ValueError, match="is not an address") as error:
        files.place("s3://key:hunter2@bucket/a b?region=x")
    assert "hunter2" not in str(error.value)
    assert "s3://bucket/a b" in str(error.value)


def test_what_was_written_is_read(files: Any, tmp_path: Path) -> None:
    """Folders are made as needed, and a second writing takes the place of the first."""
    local = LocalFileSystem()
    for data in (b"one", b"two"):
        files.write_bytes(local, f"{tmp_path}/a/b", data)
        assert files.read_bytes(local, f"{tmp_path}/a/b") == data
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_a_write_that_fails_leaves_the_old_file(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off at any time there is the old content or the new, and nothing besides."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    files.write_bytes(LocalFileSystem(), f"{tmp_path}/a", b"old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_bytes(LocalFileSystem(), f"{tmp_path}/a", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"old")]


def test_whoever_is_reading_goes_on_with_the_old_file(files: Any, tmp_path: Path) -> None:
    """A new file takes the name at one blow: nobody sees half of it."""
    files.write_bytes(LocalFileSystem(), f"{tmp_path}/a", b"old")
    with (tmp_path / "a").open("rb") as reader:
        files.write_bytes(LocalFileSystem(), f"{tmp_path}/a", b"new")
        assert reader.read() == b"old"


def test_an_object_store_is_written_to_directly(files: Any) -> None:
    """An object is there as a whole or not at all, by itself."""
    store = _MockFileSystem()
    store.create_dir("bucket")
    files.write_bytes(store, "bucket/key", b"data")
    assert files.read_bytes(store, "bucket/key") == b"data"
