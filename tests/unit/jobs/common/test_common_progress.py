"""How a training job knows what was lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem


@pytest.fixture
def progress(load: Callable[[str], Any]) -> Any:
    return load("common.progress")


def test_what_was_closed_with_is_read_back(progress: Any, tmp_path: Path) -> None:
    """Of all that was noted the last one stays, and another process reads it."""
    written = progress.ProgressFile(LocalFileSystem(), str(tmp_path))
    for step in range(50):
        written.note(progress.Progress(step, step / 10, 1000.0 + step))
    written.close(progress.Progress(50, 5.0, 1050.0))
    assert progress.ProgressFile(LocalFileSystem(), str(tmp_path)).read() == progress.Progress(50, 5.0, 1050.0)


@pytest.mark.parametrize("text", [None, "", '{"step": 4', '{"step": 4}', "[1]"])
def test_no_record_is_none(progress: Any, tmp_path: Path, text: str | None) -> None:
    """A record that is missing, cut off or of another shape is no record, and no error."""
    if text is not None:
        (tmp_path / progress.PROGRESS_FILE).write_text(text)
    assert progress.ProgressFile(LocalFileSystem(), str(tmp_path)).read() is None


def test_a_storage_that_fails_stops_nobody(progress: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be written is said, and the run goes on."""
    file = progress.ProgressFile(LocalFileSystem(), str(tmp_path / "no" / "folder"))
    file.close(progress.Progress(1, 0.1, 1000.0))
    assert "no/folder/progress.json is not up to date: " in capsys.readouterr().out


def test_a_resumed_run_says_what_was_lost(progress: Any) -> None:
    """The line has the steps, the seconds of work, and the time since the last work was done."""
    here, reached = progress.Progress(412, 8.0, 1020.0), progress.Progress(415, 8.4, 1005.8)
    said = progress.resumed("at step 412 of 500 with 1 of 2 workers", here, reached)
    assert said == ("resumed at step 412 of 500 with 1 of 2 workers, 3 steps (0.4 s) lost, 14.2 s without work")


def test_a_record_older_than_the_checkpoint_is_no_gain(progress: Any) -> None:
    """The record is a second behind at times: that is not less than nothing lost."""
    here, reached = progress.Progress(412, 8.0, 1020.0), progress.Progress(409, 7.9, 1021.0)
    assert progress.resumed("x", here, reached) == "resumed x, 0 steps (0.0 s) lost, 0.0 s without work"


def test_no_step_lost_is_no_second_lost(progress: Any) -> None:
    """Where the step is the same, the record of another rank, whose watch differs, makes no loss."""
    here, reached = progress.Progress(412, 8.0, 1020.0), progress.Progress(412, 8.1, 1019.0)
    assert progress.resumed("x", here, reached) == "resumed x, 0 steps (0.0 s) lost, 1.0 s without work"


def test_an_unknown_loss_is_not_called_none(progress: Any) -> None:
    """Without a record the line claims no number."""
    here = progress.Progress(412, 8.0, 1020.0)
    assert progress.resumed("x", here, None) == "resumed x, how much was lost is not on record"
