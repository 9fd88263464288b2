"""Batch inference: what goes in, what comes out, and what is done again. No Ray in here."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

FOLDER = Path(__file__).parents[3] / "jobs" / "batch_inference" / "settings"
LOCAL = LocalFileSystem()


@pytest.fixture
def parts(load: Callable[[str], Any]) -> Any:
    return load("batch_inference.parts")


@pytest.fixture
def run(load: Callable[[str], Any]) -> Any:
    return load("batch_inference.run")


@pytest.fixture
def digits(parts: Any) -> Any:
    """Three images, twice."""
    return parts.Digits(np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8) % 17, np.array([4, 5, 6], np.int8), 2)


@pytest.fixture
def work(run: Any, parts: Any, digits: Any, tmp_path: Path) -> Any:
    """Six rows in files of four."""
    plan = parts.Plan.of("digits", digits, 4, "abc")
    return run.Work(plan, digits, LOCAL, str(tmp_path / "out"), list(plan.parts))


def png(path: Path, brightness: int) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 30), (brightness,) * 3).save(path)


def table(parts: Any, digits: Any, rows: range) -> Any:
    prediction = np.array([4, 5, 9, 4, 5, 9], np.int8)[: len(rows)]
    return parts.results(rows, digits, prediction, np.full(len(rows), 0.5, np.float32), digits.read(rows)[1])


@pytest.mark.parametrize(("rows", "rows_per_file"), [(10, 3), (9, 3), (1, 5), (0, 5)])
def test_each_row_is_in_one_part(parts: Any, rows: int, rows_per_file: int) -> None:
    """Parts follow each other without a gap or an overlap; the last may be shorter."""
    plan = parts.Plan("digits", rows, rows_per_file, "", "")
    assert [row for part in plan.parts for row in plan.rows_of(part)] == list(range(rows))
    assert all(0 < len(plan.rows_of(part)) <= rows_per_file for part in plan.parts)


def test_the_digits_come_over_and_over(digits: Any) -> None:
    """A row's image is known by its number alone."""
    pixels, labels = digits.read(range(2, 5))
    assert list(labels) == [6, 4, 5]
    assert np.array_equal(pixels[1], digits.pixels[0])
    assert [digits.name(row) for row in (0, 3, 5)] == ["digits[0]", "digits[0]", "digits[2]"]


def test_images_are_fitted_to_the_model(parts: Any, tmp_path: Path) -> None:
    """Any image becomes grey, 8 x 8 and 0 to 16; the name of its folder is its label, if it is a digit."""
    pytest.importorskip("PIL")
    png(tmp_path / "7" / "a.png", 255)
    png(tmp_path / "unsorted" / "b.png", 128)
    (tmp_path / "notes.txt").write_text("no image")
    source = parts.ImageFiles.of(str(tmp_path))
    pixels, labels = source.read(range(len(source)))
    assert list(labels) == [7, parts.UNKNOWN]
    assert [np.unique(image).tolist() for image in pixels] == [[16], [8]]
    assert source.name(0) == str(tmp_path / "7" / "a.png")


def test_a_broken_image_is_named(parts: Any, tmp_path: Path) -> None:
    """Whoever reads the last line knows which file to take away."""
    pytest.importorskip("PIL")
    (tmp_path / "x.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"x\.png is no image that can be read .* take it away"):
        parts.ImageFiles.of(str(tmp_path)).read(range(1))


def test_a_folder_without_images_is_refused(parts: Any, tmp_path: Path) -> None:
    """A wrong path is a mistake, not a run over nothing."""
    with pytest.raises(ValueError, match="holds no images"):
        parts.ImageFiles.of(str(tmp_path / "nowhere"))


def test_results_have_a_row_for_each_input(parts: Any, digits: Any) -> None:
    """With the number of its input, its name and what was predicted."""
    rows = table(parts, digits, range(3)).to_pylist()
    assert [row["row"] for row in rows] == [0, 1, 2]
    assert rows[2] == {"row": 2, "input": "digits[2]", "prediction": 9, "confidence": 0.5, "label": 6}


def test_an_unknown_label_is_null(parts: Any, digits: Any) -> None:
    """It counts neither as right nor as wrong."""
    prediction, labels = np.array([1, 2], np.int8), np.array([1, parts.UNKNOWN], np.int8)
    made = parts.results(range(2), digits, prediction, np.ones(2, np.float32), labels)
    assert made["label"].to_pylist() == [1, None]
    assert parts.counts_of(made.schema) == parts.Counts(rows=2, labelled=1, right=1)


def test_what_is_written_is_known_by_its_files(parts: Any, digits: Any, tmp_path: Path) -> None:
    """Their own ends say how many rows they hold and how many are right; half-written ones are not counted."""
    counts = parts.write(LOCAL, str(tmp_path), 3, table(parts, digits, range(3)))
    (tmp_path / ".part-000004.parquet.part-12-34").write_bytes(b"half")
    assert counts == parts.Counts(3, 3, 2)
    assert parts.written(LOCAL, str(tmp_path)) == {3: counts}
    assert parts.written(LOCAL, str(tmp_path / "new")) == {}


def test_a_folder_of_results_is_one_table(parts: Any, digits: Any, work: Any) -> None:
    """Whatever reads Parquet folders reads it, with the plan in it."""
    work.plan.keep(LOCAL, work.folder)
    for part in work.parts:
        parts.write(LOCAL, work.folder, part, table(parts, digits, work.plan.rows_of(part)))
    assert pq.read_table(work.folder)["row"].to_pylist() == list(range(6))


def test_results_of_two_models_are_never_mixed(parts: Any, digits: Any, tmp_path: Path) -> None:
    """The same plan may go on; another model, size or input needs another folder."""
    parts.Plan.of("digits", digits, 4, "abc").keep(LOCAL, str(tmp_path))
    parts.Plan.of("digits", digits, 4, "abc").keep(LOCAL, str(tmp_path))
    with pytest.raises(ValueError, match=r"model_checksum abc \(now def\); name another folder"):
        parts.Plan.of("digits", digits, 4, "def").keep(LOCAL, str(tmp_path))
    with pytest.raises(ValueError, match=r"rows_per_file 4 \(now 5\)"):
        parts.Plan.of("digits", digits, 5, "abc").keep(LOCAL, str(tmp_path))


def test_without_a_model_it_says_what_to_run_first(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both where none is named and where the named run has none."""
    with pytest.raises(SystemExit):
        run.load(run.Settings, [f"out={tmp_path}"], FOLDER)
    assert "python -m digits.train" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"holds no model\.pt; train one first: .* python -m digits\.train"):
        run.model_file(str(tmp_path))


def test_the_settings_file_is_the_defaults(run: Any) -> None:
    """What the file says is what holds without it."""
    named = ["model=m", "out=o"]
    assert run.load(run.Settings, named, FOLDER) == run.Settings(model="m", out="o")


def test_progress_tells_speed_and_what_is_left(run: Any, parts: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of earlier runs count as done, and not as speed."""
    now = [0.0]
    plan = parts.Plan("digits", 1000, 100, "", "")
    progress = run.Progress(plan, parts.Counts(200, 200, 190), 5.0, clock=lambda: now[0])
    for now[0] in (4.0, 8.0):
        progress.take(parts.Counts(100, 100, 95))
    assert capsys.readouterr().out.splitlines() == [
        "resumed with 200 of 1,000 rows written",
        "400/1,000 rows  25 rows/s  ETA 0:24",
    ]
    last = "200 rows in 8.0 s, 25 rows/s, accuracy 95.0%, 10 files in /out beside 200 of earlier runs"
    assert progress.last_line("/out") == last


def test_a_part_that_is_done_again_is_the_same_file(
    run: Any, load: Callable[[str], Any], work: Any, tmp_path: Path
) -> None:
    """Read, inferred and written twice, as after the loss of a node, each part is one file of the same bytes."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(load("digits.model").Net().state_dict(), buffer)
    replica = run.Replica(buffer.getvalue(), images_at_once=3)

    def once(part: int) -> bytes:
        run.store(replica(run.read({"part": np.array([part])}, work)), work)
        return (tmp_path / "out" / f"part-{part:06}.parquet").read_bytes()

    first = [once(part) for part in (0, 1)]
    assert [once(part) for part in (1, 0)] == first[::-1]
    rows = pq.read_table(work.folder)
    assert rows["row"].to_pylist() == list(range(6))
    assert rows["prediction"].to_pylist()[:3] == rows["prediction"].to_pylist()[3:]
