"""What is worked out from samples, and which benchmarks there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from perf_harness import Measured, Registry, added, alone, beside, entry, overhead, quartiles
from perf_main import load_all

ROOT = Path(__file__).parents[3]
PAIRS = [(2.0, 1.0), (3.0, 2.0), (8.0, 8.0)]


def test_alone_is_the_median_with_its_quartiles():
    """A measure that nothing compares with has neither baseline nor ratio."""
    assert alone([4.0, 1.0, 2.0, 3.0, 100.0]) == Measured(3.0, 2.0, 4.0, [4.0, 1.0, 2.0, 3.0, 100.0])


def test_beside_takes_its_ratio_pair_by_pair():
    """The ratio is the median of the pairs' ratios (2, 1.5, 1, 6, 3.5), not the ratio of the medians (7 to 2)."""
    found = beside([*PAIRS, (12.0, 2.0), (7.0, 2.0)])
    assert (found.value, found.baseline) == (7.0, 2.0)
    assert found.ratio == 2.0


def test_an_overhead_is_its_ratio_against_one():
    """Value and ratio are the median of the pairs' ratios, and the baseline, in the same unit, is 1."""
    found = overhead(PAIRS)
    assert (found.value, found.ratio, found.baseline) == (1.5, 1.5, 1.0)
    assert (found.low, found.high) == (1.25, 1.75)


def test_what_is_added_is_the_median_difference():
    """The value is what ours takes more; the baseline is what it takes without us."""
    found = added([(110.0, 100.0), (150.0, 120.0), (100.0, 105.0)])
    assert (found.value, found.baseline) == (10.0, 105.0)
    assert found.ratio == pytest.approx(1.1)


def test_a_single_sample_is_its_own_spread():
    """Quartiles of one sample are that sample."""
    assert quartiles([5.0]) == (5.0, 5.0)


def test_an_entry_holds_raw_samples_as_json_has_them():
    """Pairs are kept as lists of ours and the baseline, in the order in which they were taken."""
    found = entry("s", beside([(3.0, 2.0), (1.0, 1.0), (2.0, 1.0)]))
    assert found == {
        "value": 2.0,
        "unit": "s",
        "baseline": 1.0,
        "ratio": 1.5,
        "samples": [[3.0, 2.0], [1.0, 1.0], [2.0, 1.0]],
    }


def test_a_benchmark_is_one_decorated_function():
    """The decorator registers under the name, in the order of definition, and gives the function back."""
    registry = Registry()

    @registry.benchmark("b_ms", "ms", aim=3.0)
    def first(bench):
        return alone([1.0])

    registry.benchmark("a_per_s", "1/s", aim=3.0, more_is_better=True)(first)
    assert [b.name for b in registry] == ["b_ms", "a_per_s"]
    slow, fast = registry
    assert (slow.measure, slow.unit) == (first, "ms")
    assert (slow.meets(3.0), slow.meets(3.1)) == (True, False)
    assert (fast.meets(3.0), fast.meets(2.9)) == (True, False)


def test_a_name_is_taken_once():
    """A second benchmark of the same name is a mistake, told when it is defined."""
    registry = Registry()
    registry.benchmark("a", "s")(lambda bench: alone([1.0]))
    with pytest.raises(ValueError, match="two benchmarks are named 'a'"):
        registry.benchmark("a", "s")


def test_some_are_picked_in_running_order():
    """Names pick benchmarks whatever their order; an unknown one is refused."""
    registry = Registry()
    for name in ("one", "two", "three"):
        registry.benchmark(name, "s")(lambda bench: alone([1.0]))
    assert [b.name for b in registry.pick(["three", "one"])] == ["one", "three"]
    assert [b.name for b in registry.pick([])] == ["one", "two", "three"]
    with pytest.raises(KeyError, match="four"):
        registry.pick(["one", "four"])


def test_every_benchmark_is_documented_with_its_unit():
    """The how-to has a row for each name, with its unit, and none for a name that is gone."""
    text = (ROOT / "docs/how-to/run-the-benchmarks.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    documented = {row[1].strip(" `"): row[2].strip() for row in rows}
    assert documented == {b.name: b.unit for b in load_all()}
