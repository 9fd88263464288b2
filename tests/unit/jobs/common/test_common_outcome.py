"""The last line and the exit code of a job."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def outcome(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    return load("common.outcome")


def failing(error: BaseException) -> Callable[[], str]:
    def main() -> str:
        raise error

    return main


def test_success_is_the_last_line_and_0(outcome: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What the driver returns is told."""
    assert outcome.run(lambda: "300 steps") == 0
    assert capsys.readouterr().out == "done: 300 steps\n"


def test_a_users_error_is_one_line_and_1(outcome: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The message is all: there is no traceback to search it in."""
    assert outcome.run(failing(ValueError("3 workers\n do not fit"))) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("failed: 3 workers do not fit\n", "")


def test_a_bug_shows_where_it_is(outcome: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Other errors leave their traceback, and the last line stays the last."""
    assert outcome.run(failing(KeyError("x"))) == 1
    said = capsys.readouterr()
    assert said.out == "failed: 'x'\n"
    assert "in main" in said.err


def test_an_exit_stays_an_exit(outcome: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong settings have been explained already: nothing is added, and the code stays."""
    with pytest.raises(SystemExit) as exit_:
        outcome.run(failing(SystemExit(2)))
    assert exit_.value.code == 2
    assert capsys.readouterr().out == ""


def test_ray_is_left_before_the_last_line(
    outcome: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Ray has to print comes first; after a failure its workers' lines are waited for."""
    waited: list[float] = []
    ray = SimpleNamespace(is_initialized=lambda: True, shutdown=lambda: print("bye"))
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(outcome.time, "sleep", waited.append)
    outcome.run(lambda: "x")
    outcome.run(failing(ValueError("y")))
    assert capsys.readouterr().out.splitlines() == ["bye", "done: x", "bye", "failed: y"]
    assert waited == [0.0, outcome.LOG_DELAY_S]


def test_the_first_failed_rank_speaks_for_itself(outcome: Any) -> None:
    """Ray Train wraps what ranks raised: theirs is the reason, and it is told whose."""
    error = RuntimeError("Training failed due to worker errors: Traceback ...")
    error.worker_failures = {2: ValueError("later"), 1: ValueError("no\ntext")}  # type: ignore[attr-defined]
    assert outcome.reason(error) == "rank 1: no text"


def test_a_tasks_own_error_is_the_reason(outcome: Any) -> None:
    """Ray's message is a traceback; what the task raised is what a reader wants."""
    error = RuntimeError("ray::f() (pid=1, ip=...) Traceback ...")
    error.cause = ValueError("no such column")  # type: ignore[attr-defined]
    assert outcome.reason(error) == "no such column"


def test_a_reason_is_never_empty_nor_long(outcome: Any) -> None:
    """An error without words is told by its name, and a long one is cut."""
    assert outcome.reason(MemoryError()) == "MemoryError"
    assert len(outcome.reason(ValueError("word " * 200))) <= 300
