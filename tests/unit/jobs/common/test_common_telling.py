"""What is done with the numbers of a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem, _MockFileSystem

NUMBERS = {"loss": 2.314, "grad_norm": 0.84, "tokens_per_s": 12345.0, "rate": 0.003}


class Gauge:
    """As ray.util.metrics.Gauge; `seen` has what was set."""

    seen: dict[str, Any]

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        self.name, self.tags = name, dict.fromkeys(tag_keys)

    def set_default_tags(self, tags: dict[str, str]) -> None:
        assert tags.keys() == self.tags.keys()
        self.tags = tags

    def set(self, value: float) -> None:
        self.seen[self.name] = (value, self.tags)


@pytest.fixture(autouse=True)
def gauges(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    gauge = type("Gauge", (Gauge,), {"seen": seen})
    for name, module in {"ray": {}, "ray.util": {}, "ray.util.metrics": {"Gauge": gauge}}.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**module))
    return seen


@pytest.fixture
def clock(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Monotonic time, which a test sets."""
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(load("common.telling"), "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


@pytest.fixture
def teller(load: Callable[[str], Any], clock: Any, tmp_path: Path) -> Callable[..., Any]:
    """A run called `monday` of 300 steps, in tmp_path."""
    (tmp_path / "monday").mkdir()

    def of(start_step: int = 0, **wishes: Any) -> Any:
        tell = SimpleNamespace(**{"every_s": 2.0, "tensorboard": False, "mlflow": "", **wishes})
        return load("common.telling").Teller(tell, LocalFileSystem(), f"{tmp_path}/monday", 300, start_step)

    return of


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "monday" / "metrics.jsonl").read_text().splitlines()]


def test_a_line_of_progress_has_all_that_a_reader_asks(teller: Any, clock: Any, capsys: Any) -> None:
    """Step, loss, gradient, speed, time left and next checkpoint; the time left follows from the steps so far."""
    told = teller()
    clock.s = 101.0
    assert not told.record(1, NUMBERS, "35 s")
    clock.s = 102.0
    assert told.record(2, NUMBERS, "34 s")
    line = "step 2/300  loss 2.31  grad 0.84  12,345 tokens/s  ETA 4:58  checkpoint in 34 s\n"
    assert capsys.readouterr().out == line


def test_lines_come_no_more_often_than_asked(teller: Any, clock: Any) -> None:
    """Steps of half a second and lines each two seconds: every fourth is told, and the last in any case."""
    told = teller(290)
    steps = []
    for step in range(291, 301):
        clock.s += 0.5
        if told.record(step, NUMBERS, "never"):
            steps.append(step)
    assert steps == [294, 298, 300]


def test_speed_is_over_all_steps_since_the_last_line(teller: Any, clock: Any, capsys: Any) -> None:
    """A step at 1,000 tokens/s and one at 3,000 with as many tokens took as long as two at 1,500."""
    told = teller()
    told.record(1, NUMBERS | {"tokens_per_s": 1000.0}, "never")
    clock.s += 2
    told.record(2, NUMBERS | {"tokens_per_s": 3000.0}, "never")
    clock.s += 2
    told.record(3, NUMBERS | {"tokens_per_s": 5000.0}, "never")
    said = capsys.readouterr().out
    assert ["1,500 tokens/s" in said, "5,000 tokens/s" in said, "checkpoint" in said] == [True, True, False]


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (42, "0:42"), (725, "12:05"), (11525, "3:12:05")])
def test_time_left_reads_like_a_clock(load: Callable[[str], Any], seconds: float, shown: str) -> None:
    """Hours only where there are some."""
    assert load("common.telling").clock(seconds) == shown


def test_every_step_is_kept_in_a_file(teller: Any, tmp_path: Path) -> None:
    """One JSON object a line beside the checkpoints; what is not a number is null, for JSON has no NaN."""
    told = teller()
    told.validation(0, 5.5)
    told.record(1, NUMBERS, "35 s")
    told.record(2, NUMBERS | {"loss": float("nan")}, "35 s")
    told.close()
    kept = rows(tmp_path)
    assert all(row.pop("at") > 0 for row in kept)
    assert kept == [{"step": 0, "validation_loss": 5.5}, {"step": 1, **NUMBERS}, {"step": 2, **NUMBERS, "loss": None}]


def test_a_resumed_run_goes_on_in_the_same_file(teller: Any, tmp_path: Path) -> None:
    """Steps after the checkpoint are done again, so their rows go; the restart itself is a row."""
    told = teller()
    for step in (1, 2, 3):
        told.record(step, NUMBERS, "35 s")
    told.close()
    again = teller(2)
    again.record(3, NUMBERS | {"loss": 1.0}, "35 s")
    again.close()
    kept = rows(tmp_path)
    assert [row["step"] for row in kept] == [1, 2, 2, 3]
    assert (kept[2]["restarted"], kept[3]["loss"]) == (True, 1.0)


def test_flush_writes_without_an_end(teller: Any, tmp_path: Path) -> None:
    """What a lost run had flushed is there, and a storage that fails is said and stops nobody."""
    told = teller()
    told.record(1, NUMBERS, "35 s")
    told.flush()
    told._file._under_way.result()
    assert len(rows(tmp_path)) == 1


def test_a_storage_that_fails_is_said(load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The run itself goes on."""
    file = load("common.metrics").MetricsFile(_MockFileSystem(), "no/folder", 0)
    file.put(1, NUMBERS)
    file.close()
    assert "no/folder/metrics.jsonl is not up to date: " in capsys.readouterr().out


def test_gauges_carry_the_name_of_the_run(teller: Any, clock: Any, gauges: dict[str, Any]) -> None:
    """Ray's endpoint shows the numbers of the last line and of the last validation."""
    told = teller()
    clock.s += 2
    told.record(5, NUMBERS, "35 s")
    told.validation(5, 2.5)
    run = {"run": "monday"}
    assert gauges == {
        "train_step": (5, run),
        "train_loss": (2.314, run),
        "train_grad_norm": (0.84, run),
        "train_tokens_per_s": (pytest.approx(12345), run),
        "train_rate": (0.003, run),
        "train_validation_loss": (2.5, run),
    }


@pytest.mark.parametrize(("wish", "value"), [("tensorboard", True), ("mlflow", "http://127.0.0.1:9")])
def test_what_is_not_installed_is_said(
    load: Callable[[str], Any], teller: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, wish: str, value: Any
) -> None:
    """A missing package costs its numbers, not the run."""
    monkeypatch.setattr(load("common.telling"), "find_spec", lambda _: None)
    told = teller(**{wish: value})
    told.record(1, NUMBERS, "35 s")
    told.close()
    assert f"tell.{wish} is set, but {wish} is not installed: the run goes on without it\n" in capsys.readouterr().out


def test_tensorboard_events_lie_beside_the_checkpoints(teller: Any, tmp_path: Path) -> None:
    """An event file with every number's name."""
    pytest.importorskip("tensorboardX")
    told = teller(tensorboard=True)
    told.record(1, NUMBERS, "35 s")
    told.close()
    (events,) = (tmp_path / "monday" / "tensorboard").iterdir()
    assert all(name.encode() in events.read_bytes() for name in NUMBERS)


class Client:
    """As mlflow.MlflowClient, with what was called."""

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def __call__(self, tracking_uri: str) -> Client:
        self.calls.append(("at", tracking_uri))
        return self

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id="0") if name == "Default" else None

    def create_experiment(self, name: str) -> str:
        return f"id of {name}"

    def create_run(self, experiment_id: str, run_name: str) -> Any:
        self.calls.append(("create", experiment_id, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def update_run(self, run_id: str, status: str) -> None:
        self.calls.append(("update", run_id, status))

    def log_batch(self, run_id: str, metrics: list[Any]) -> None:
        self.calls.append(("log", run_id, sorted((name, value, step) for name, value, _, step in metrics)))

    def set_terminated(self, run_id: str) -> None:
        self.calls.append(("end", run_id))


@pytest.fixture
def mlflow_calls(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What MLflow's client is asked, once tell.mlflow is set."""
    calls: list[Any] = []
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=Client(calls)))
    monkeypatch.setitem(sys.modules, "mlflow.entities", SimpleNamespace(Metric=lambda *values: values))
    monkeypatch.setattr(load("common.telling"), "find_spec", lambda _: True)
    for name in (*load("common.metrics").MLFLOW_PATIENCE, "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.setenv(name, "1")  # so that it is as before after the test
    return calls


def test_mlflow_has_one_run_for_all_lives(
    teller: Any, mlflow_calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run goes on in the MLflow run that it began, and no number is left out."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "Default")
    for start_step in (0, 1):
        told = teller(start_step, mlflow="http://m")
        told.validation(start_step, 2.5)
        told.close()
    assert mlflow_calls == [
        ("at", "http://m"),
        ("create", "0", "monday"),
        ("log", "r1", [("validation_loss", 2.5, 0)]),
        ("end", "r1"),
        ("at", "http://m"),
        ("update", "r1", "RUNNING"),
        ("log", "r1", [("validation_loss", 2.5, 1)]),
        ("end", "r1"),
    ]


def test_mlflow_takes_the_experiment_that_its_variable_names(
    teller: Any, mlflow_calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The experiment is made if there is none of that name."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "bytes")
    teller(mlflow="http://m").close()
    assert ("create", "id of bytes", "monday") in mlflow_calls


def test_a_tracking_server_that_fails_is_said_once(
    teller: Any, mlflow_calls: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Each try takes long, so there is no second one; the run goes on."""

    def refused(*_: Any) -> None:
        raise ConnectionError("connection refused")

    monkeypatch.setattr(Client, "get_experiment_by_name", refused)
    told = teller(mlflow="http://m")
    told.validation(1, 2.5)
    told.close()
    assert capsys.readouterr().out == "MLflow at http://m gets no more numbers: connection refused\n"
    assert mlflow_calls == [("at", "http://m")]


def test_a_plot_lies_beside_the_checkpoints(teller: Any, tmp_path: Path) -> None:
    """A PNG of the whole run, written under its own name."""
    pytest.importorskip("matplotlib")
    told = teller()
    told.validation(0, 5.5)
    told.record(1, NUMBERS, "35 s")
    assert told.plot("monday", tokens_per_step=512) == "loss.png"
    assert (tmp_path / "monday" / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_there_is_no_plot(
    load: Callable[[str], Any], teller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks is told why."""
    monkeypatch.setattr(load("common.telling"), "find_spec", lambda _: None)
    assert teller().plot("monday") == "no loss.png (matplotlib is not installed)"
