"""What is measured of a run, and how it is shown."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest


@pytest.fixture
def measurement(load):
    return load("lm.measurement")


@pytest.fixture
def measure(load):
    pytest.importorskip("torch")
    return load("lm.measure")


@pytest.fixture
def engine(measure, monkeypatch):
    """Engines whose steps take as long as they are told, on a clock of their own."""
    clock = SimpleNamespace(now=0.0, steps=[])
    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock.now)

    class Engine:
        tokens_per_step = 100

        def __init__(self, settings, layout, device):
            self.kind = settings.precision.kind
            if self.kind == "fp8":
                raise ValueError("this runs on the CPU")

        def step(self, parts, step):
            clock.steps.append((self.kind, parts, step))
            clock.now += parts
            return SimpleNamespace(loss=10.0 - step)

    monkeypatch.setattr(measure, "Engine", Engine)
    return clock


def attempt(measure, run: str, seconds: list[float]):
    settings = measure.Measure(runs=(run,), steps=len(seconds) - 2, warmup_steps=2)
    return measure.attempt(settings, run, measure.torch.device("cpu"), "CPU", seconds)


def test_the_speed_is_that_of_the_median_step_after_the_warm_up(measure, engine):
    """Two slow steps at first and one hiccup do not count; the loss is that of the last step."""
    row = attempt(measure, "bf16", [60.0, 30.0, 2.0, 9.0, 2.0])
    assert (row.step_s, row.tokens_per_s, row.loss) == ([2.0, 9.0, 2.0], 50.0, 6.0)
    assert [(kind, step) for kind, _, step in engine.steps] == [("bf16", step) for step in range(5)]


def test_a_cpu_has_neither_peak_memory_nor_utilisation(measure, engine):
    """What is not known is None, not zero."""
    row = attempt(measure, "fp32", [1.0, 1.0, 1.0])
    assert (row.peak_bytes, row.utilisation) == (None, None)


@pytest.mark.parametrize(("run", "why"), [("fp8", "this runs on the CPU"), ("tf32", "tf32 needs a GPU")])
def test_what_the_device_cannot_do_says_why(measure, engine, run, why):
    """A run that is refused is a row without numbers; the others go on."""
    row = attempt(measure, run, [1.0, 1.0, 1.0])
    assert why in row.why_not
    assert row.tokens_per_s is None


def test_a_run_is_an_arithmetic_and_what_is_done_besides(measure):
    """tf32 is fp32 of the job's settings; checkpointing and compile are settings of their own."""
    settings = measure.Measure()
    assert vars(settings.training("tf32").precision) == {
        "kind": "fp32",
        "activation_checkpointing": False,
        "compile": False,
    }
    assert vars(settings.training("fp8+compile+checkpointing").precision) == {
        "kind": "fp8",
        "activation_checkpointing": True,
        "compile": True,
    }


@pytest.mark.parametrize("run", ["fp33", "bf16+compiled", "compile"])
def test_an_unknown_run_is_refused(measure, run):
    """The message shows it and what there is."""
    with pytest.raises(ValueError, match=rf"'{run.replace('+', '.')}' is none of fp32, .* \+compile"):
        measure.Measure(runs=(run,)).check()


@pytest.mark.parametrize(("name", "fewest", "most"), [("measure", 340e6, 360e6), ("measure_cpu", 1, 1e6)])
def test_the_settings_that_come_with_it_are_right(load, measure, name, fewest, most):
    """Both files are read without a mistake, and the models have the sizes that they are made for."""
    settings = measure.load(measure.Measure, [name], measure.FOLDER)
    assert fewest <= load("lm.flops").multiplied_weights(settings.model) <= most


def test_the_table_compares_with_fp32(measurement):
    """Speed and memory have their ratios to the fp32 run beside them, wherever it stands."""
    rows = [
        measurement.Row("bf16", 4000.0, [1.0], 30_000_000_000, 0.41, 2.5),
        measurement.Row("fp32", 1000.0, [4.0], 60_000_000_000, 0.8, 2.4),
    ]
    title, head, first, second = measurement.table(rows, "H200").splitlines()
    assert title == "H200"
    assert head.split("  ")[0] == "run"
    assert first.split() == ["bf16", "4,000", "4.00", "30.00", "0.50", "41.0%", "2.500"]
    assert second.split() == ["fp32", "1,000", "1.00", "60.00", "1.00", "80.0%", "2.400"]


def test_what_was_not_measured_is_blank(measurement):
    """On a CPU there is no memory to show, and what could not run is told below."""
    rows = [measurement.Row("fp32", 1000.0, [4.0], loss=2.4), measurement.Row("fp8", why_not="no GPU")]
    _, _, line, refused = measurement.table(rows, "CPU").splitlines()
    assert line.split() == ["fp32", "1,000", "1.00", "2.400"]
    assert refused == "fp8: not measured, no GPU"


def test_the_file_has_every_step(measurement, tmp_path):
    """All that is in the table, the seconds of each step, and nothing half-written beside it."""
    file = tmp_path / "new" / "found.json"
    measurement.write(file, {"chip": "CPU"}, [measurement.Row("fp32", 10.0, [1.0, 2.0], loss=2.4)])
    assert json.loads(file.read_text()) == {
        "chip": "CPU",
        "runs": [
            {
                "run": "fp32",
                "tokens_per_s": 10.0,
                "step_s": [1.0, 2.0],
                "peak_bytes": None,
                "utilisation": None,
                "loss": 2.4,
                "why_not": "",
            }
        ],
    }
    assert [f.name for f in file.parent.iterdir()] == ["found.json"]
