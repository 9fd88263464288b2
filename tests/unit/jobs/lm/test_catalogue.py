"""The catalogue of a text: which files, which bytes, and what is held out."""

from __future__ import annotations

import pickle
import random
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def catalogue(load: Callable[[str], Any]) -> Any:
    pytest.importorskip("pyarrow")
    return load("lm.catalogue")


@pytest.fixture
def data(load: Callable[[str], Any]) -> Callable[..., Any]:
    made: Callable[..., Any] = load("lm.settings").Data
    return made


@pytest.fixture
def folder(tmp_path: Path, catalogue: Any) -> Path:
    """Twenty files of 1 to 39 bytes, by name some of them held out, and what is no text."""
    (tmp_path / "b" / "deep").mkdir(parents=True)
    some = random.Random(0)
    for number in range(20):
        where = tmp_path / ("b/deep" if number % 3 == 0 else "")
        (where / f"f{number}.{'md' if number % 2 else 'txt'}").write_bytes(some.randbytes(2 * number + 1))
    (tmp_path / "empty.txt").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "pack.txt").write_bytes(b"no text")
    (tmp_path / ".hidden.txt").write_bytes(b"no text")
    return tmp_path


def names(text: Any) -> list[str]:
    return [file.name for file in text.files]


def whole(text: Any) -> bytes:
    content: bytes = text.read(0, text.size_bytes)
    return content


def test_files_come_in_the_order_of_their_names(catalogue: Any, data: Any, folder: Path) -> None:
    """Folders below are listed too; hidden files and empty ones are not, and each file is on one side."""
    train, held_out = (catalogue.Catalogue.of(data(source=str(folder)), which) for which in ("train", "validation"))
    visible = [p for p in folder.rglob("f*") if p.is_file()]
    assert names(train) == sorted(names(train))
    assert sorted(names(train) + names(held_out)) == sorted(str(p.relative_to(folder)) for p in visible)
    assert all(catalogue.is_validation(name) for name in names(held_out))
    assert held_out.files


def test_text_is_the_files_end_to_end(catalogue: Any, data: Any, folder: Path) -> None:
    """Any stretch of bytes is what the joined files have there, wherever their borders are."""
    text = catalogue.Catalogue.of(data(source=str(folder)), "train")
    joined = b"".join((folder / name).read_bytes() for name in names(text))
    assert text.size_bytes == len(joined)
    for start in range(0, len(joined), 7):
        for length in (1, (len(joined) - start) // 2, len(joined) - start):
            assert text.read(start, length) == joined[start : start + length]


def test_suffixes_choose_files(catalogue: Any, data: Any, folder: Path) -> None:
    """Only files with one of the endings are taken."""
    text = catalogue.Catalogue.of(data(source=str(folder), suffixes=(".md",)), "train")
    assert {Path(name).suffix for name in names(text)} == {".md"}


def test_python_is_its_top_level_modules(catalogue: Any, data: Any) -> None:
    """The source of Python needs no folder, and its split is by the files' names."""
    text = catalogue.Catalogue.of(data(source="python"), "train")
    modules = [p for p in Path(sysconfig.get_paths()["stdlib"]).glob("*.py") if p.stat().st_size]
    assert names(text) == sorted(p.name for p in modules if not catalogue.is_validation(p.name))
    assert text.read(0, 20) == (Path(sysconfig.get_paths()["stdlib"]) / names(text)[0]).read_bytes()[:20]


def test_no_content_is_read_to_list(catalogue: Any, data: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue is made of names and sizes alone."""
    monkeypatch.setattr(catalogue, "_read", lambda *_: pytest.fail("a file was read"))
    assert catalogue.Catalogue.of(data(source=str(folder)), "train").size_bytes > 0


def test_one_file_is_cut(catalogue: Any, data: Any, tmp_path: Path) -> None:
    """Where names put nothing on one side, the last tenth of every file is held out."""
    content = bytes(range(105))
    (tmp_path / "all.txt").write_bytes(content)
    train, held_out = (catalogue.Catalogue.of(data(source=str(tmp_path)), which) for which in ("train", "validation"))
    assert whole(train) == content[:95]
    assert whole(held_out) == content[95:]


def test_a_catalogue_travels(catalogue: Any, data: Any, folder: Path) -> None:
    """Pickled and read elsewhere it is the same text."""
    text = catalogue.Catalogue.of(data(source=str(folder)), "train")
    assert whole(pickle.loads(pickle.dumps(text))) == whole(text)


def test_another_size_is_an_error(catalogue: Any, data: Any, folder: Path) -> None:
    """A file that is longer, shorter or gone where it is read is named, with both sizes."""
    text = catalogue.Catalogue.of(data(source=str(folder)), "train")
    changed = folder / names(text)[-1]
    before = changed.stat().st_size
    changed.write_bytes(b"x" * 99)
    with pytest.raises(ValueError, match=rf"{changed} has 99 bytes on node .* had {before} where"):
        whole(text)
    changed.unlink()
    with pytest.raises(ValueError, match=rf"{changed} has no bytes on node .* had {before} where"):
        whole(text)


def test_a_source_without_files_is_an_error(catalogue: Any, data: Any, folder: Path, tmp_path: Path) -> None:
    """No folder, an empty one, a file, and suffixes that nothing has: each says what to do."""
    (tmp_path / "none").mkdir()
    for source, suffixes, said in [
        (folder / "missing", (), "is no folder"),
        (folder / "f1.md", (), "is no folder"),
        (tmp_path / "none", (), "name another folder"),
        (folder, (".tex", ".rst"), r"no files that end in \.tex or \.rst .*: name other data\.suffixes"),
    ]:
        with pytest.raises(ValueError, match=said):
            catalogue.Catalogue.of(data(source=str(source), suffixes=suffixes), "train")


def test_tiny_files_cannot_be_held_out(catalogue: Any, data: Any, tmp_path: Path) -> None:
    """Files of a few bytes have no tenth."""
    (tmp_path / "all.txt").write_bytes(b"few")
    with pytest.raises(ValueError, match="1 files have under 10 bytes each"):
        catalogue.Catalogue.of(data(source=str(tmp_path)), "validation")
