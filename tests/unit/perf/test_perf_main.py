"""`make bench` as a whole, with benchmarks that take no time."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from perf_harness import NotHere, Registry, alone, beside
from perf_main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def registry() -> Registry:
    """Two benchmarks, one of pairs and one alone."""
    made = Registry()
    made.benchmark("pairs_ms", "ms")(lambda bench: beside([(2.0, 1.0), (3.0, 2.0)]))
    made.benchmark("alone_s", "s", aim=0.5)(lambda bench: alone([1.0, 2.0, 3.0]))
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "build" / "bench.json"


def test_the_file_is_a_flat_map_of_the_documented_shape(registry, out, capsys):
    """Each name has value, unit, baseline, ratio and raw samples; numbers are numbers, and what is missing is null."""
    assert main([], registry, out) == 0
    found = json.loads(out.read_text())
    assert found == {
        "pairs_ms": {"value": 2.5, "unit": "ms", "baseline": 1.5, "ratio": 1.75, "samples": [[2.0, 1.0], [3.0, 2.0]]},
        "alone_s": {"value": 2.0, "unit": "s", "baseline": None, "ratio": None, "samples": [1.0, 2.0, 3.0]},
    }


def test_the_table_has_a_line_for_each_and_marks_a_missed_aim(registry, out, capsys):
    """Name, value, unit, aim, baseline, ratio, number of samples and quartiles stand under their headings."""
    main([], registry, out)
    head, pairs, single = capsys.readouterr().out.splitlines()[:3]
    assert head.split() == ["name", "value", "unit", "aim", "baseline", "ratio", "n", "quartiles"]
    assert pairs.split() == ["pairs_ms", "2.5", "ms", "-", "1.5", "1.75", "2", "2.25", "to", "2.75"]
    assert single.split() == ["alone_s", "2", "s", "<=", "0.5", "!", "-", "-", "3", "1.5", "to", "2.5"]
    assert pairs.index("1.75") + len("1.75") == head.index("ratio") + len("ratio")


def test_a_run_of_some_keeps_the_others(registry, out):
    """Named benchmarks update their entries; what other runs measured stays."""
    out.parent.mkdir()
    out.write_text(json.dumps({"alone_s": {"value": 9}, "older": {"value": 7}}))
    assert main(["alone_s"], registry, out) == 0
    found = json.loads(out.read_text())
    assert found["older"] == {"value": 7}
    assert found["alone_s"]["value"] == 2.0
    assert "pairs_ms" not in found


def test_a_full_run_rewrites_the_file(registry, out):
    """Names that no longer exist do not live on."""
    out.parent.mkdir()
    out.write_text(json.dumps({"older": {"value": 7}}))
    main([], registry, out)
    assert json.loads(out.read_text()).keys() == {"pairs_ms", "alone_s"}


def test_one_that_fails_is_told_and_the_others_are_run(registry, out, capsys):
    """A failure leaves no entry, not even an old one, and the exit code is 1."""
    registry.benchmark("broken", "s")(lambda bench: 1 / 0)
    registry.benchmark("last", "s")(lambda bench: alone([1.0]))
    out.parent.mkdir()
    out.write_text(json.dumps({"broken": {"value": 7}}))
    assert main(["broken", "last"], registry, out) == 1
    assert json.loads(out.read_text()).keys() == {"last"}
    said = capsys.readouterr()
    assert "Failed: broken." in said.out
    assert "ZeroDivisionError" in said.err


def test_one_that_this_machine_cannot_measure_is_skipped(registry, out, capsys):
    """It leaves no entry, neither zero nor an old one; one line says why, and the exit code is 0."""

    def gpus(bench):
        raise NotHere("there is no GPU here")

    registry.benchmark("gpus", "ratio")(gpus)
    out.parent.mkdir()
    out.write_text(json.dumps({"gpus": {"value": 7}}))
    assert main(["gpus", "alone_s"], registry, out) == 0
    assert json.loads(out.read_text()).keys() == {"alone_s"}
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "Skipped gpus: there is no GPU here"
    assert "Failed" not in said.out
    assert "Traceback" not in said.err


def test_an_unknown_name_is_refused_before_anything_runs(registry, out, capsys):
    """The nearest known name is shown, nothing is written, and the exit code is 2."""
    assert main(["pair_ms"], registry, out) == 2
    assert "no benchmark is named 'pair_ms'; did you mean 'pairs_ms'?" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_no_map_is_not_overwritten(registry, out):
    """A run of some refuses a file that it cannot add to."""
    out.parent.mkdir()
    out.write_text("[]")
    with pytest.raises(ValueError, match="is no map of names to results"):
        main(["alone_s"], registry, out)
    assert out.read_text() == "[]"


def test_progress_says_what_runs_and_how_far_it_is(registry, out, capsys):
    """Each benchmark is announced with its number, and its result follows."""
    main([], registry, out)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "[1/2] pairs_ms: begins"
    assert lines[1].startswith("[1/2] pairs_ms: 2.5 ms (")
    assert lines[2] == "[2/2] alone_s: begins"


def test_what_a_benchmark_starts_is_ended_even_if_it_fails(registry, out):
    """Sites are closed at the end, one is closed before another is made, and HOME is back as it was."""
    seen = []

    def site(name):
        from contextlib import contextmanager

        @contextmanager
        def made(root):
            seen.append(f"{name} starts")
            try:
                yield name
            finally:
                seen.append(f"{name} ends")

        return made

    first, second = site("first"), site("second")

    def broken(bench):
        assert os.environ["HOME"] != home
        assert (bench.site(first), bench.site(first), bench.site(second)) == ("first", "first", "second")
        raise ValueError

    home = os.environ["HOME"]
    registry.benchmark("broken", "s")(broken)
    main(["broken"], registry, out)
    assert seen == ["first starts", "first ends", "second starts", "second ends"]
    assert os.environ["HOME"] == home


def test_pairs_are_interleaved_and_their_order_alternates(registry, out):
    """After a warm-up that is not counted, each pair is measured first from one side and then from the other."""
    calls = []

    def measure(bench):
        def side(name):
            def sample():
                calls.append(name)
                return float(len(calls))

            return sample

        return beside(bench.pairs(side("ours"), side("baseline"), 3))

    registry.benchmark("order", "s")(measure)
    main(["order"], registry, out)
    assert calls == ["baseline", "ours", "ours", "baseline", "baseline", "ours", "ours", "baseline"]
    assert json.loads(out.read_text())["order"]["samples"] == [[3.0, 4.0], [6.0, 5.0], [7.0, 8.0]]


def test_make_passes_the_names():
    """`make bench NAMES="..."` runs the program with these names, without the working directory on its path."""
    said = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed", "bench", "NAMES=one two"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "python -P tests/perf/run.py one two" in said.stdout
