"""Which nodes a recorded market gives, and which part of it is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot.trace import FOLDER, Market, Stretch, read_market, segment, taken, zone_prices


def market(**had: str) -> Market:
    """Ticks of 10 s: a letter for each, `#` where an instance can be had; the first zone is the cheapest."""
    ticks = {f"x-1{name}": tuple(letter == "#" for letter in row) for name, row in had.items()}
    return Market(10.0, ticks, {zone: 1.0 + k for k, zone in enumerate(ticks)})


def shape(stretches: list[Stretch]) -> list[tuple[float, str]]:
    """Of each: its end, and the last letters of its nodes."""
    return [(each.end_s, "".join(sorted(node[-1] for node in each.nodes))) for each in stretches]


def test_a_node_stays_until_it_is_taken():
    """It begins where it is cheapest, moves when it is taken, and does not move back when its first zone returns."""
    assert shape(market(a="##..##", b="######").fleet(1)) == [(20.0, "a"), (60.0, "b")]


def test_with_as_many_zones_as_nodes_each_zone_is_a_node():
    """Then nodes come and go as each zone's trace says."""
    assert shape(market(a="##..#", b="#.###", c="#####").fleet(2, ["x-1a", "x-1b"])) == [
        (10.0, "ab"),
        (20.0, "a"),
        (40.0, "b"),
        (50.0, "ab"),
    ]


def test_on_demand_fills_what_no_zone_has():
    """As many nodes as wanted at all times; the on-demand one is given up as soon as a zone has one."""
    found = market(a="#.#").fleet(1, on_demand=True)
    assert [sorted(each.nodes) for each in found] == [["x-1a"], ["on demand 0"], ["x-1a"]]


def test_prices_are_the_zones_or_that_of_on_demand():
    """A zone has its mean price; whatever is on demand costs $3.06."""
    found = market(a="#", b="#")
    assert (found.price("x-1b"), found.price("on demand 0")) == (2.0, 3.06)


def test_a_price_holds_until_the_next(tmp_path: Path):
    """The mean is over time, of the one-GPU type alone, and a zone with a single row has none."""
    rows = [
        ("p3.2xlarge", "x-1a", "2020-01-01T00:00:00.000Z", 1.0),
        ("p3.2xlarge", "x-1a", "2020-01-01T03:00:00.000Z", 2.0),
        ("p3.2xlarge", "x-1a", "2020-01-01T04:00:00.000Z", 9.0),
        ("p3.8xlarge", "x-1a", "2020-01-01T02:00:00.000Z", 5.0),
        ("p3.2xlarge", "x-1c", "2020-01-01T00:00:00.000Z", 3.0),
    ]
    file = tmp_path / "prices.csv"
    head = "instance_type,availability_zone,timestamp_utc,usd_per_h"
    file.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]))
    assert zone_prices(file) == {"x-1a": 1.25}


def test_a_segment_takes_most_nodes_and_is_compressed_by_one_factor():
    """The shortest stretch becomes the least time, others keep their proportion to it, both ends are cut to it."""
    found = market(a="#########.##..##.#######", b="#" * 24).fleet(2, ["x-1a", "x-1b"])
    part, factor = segment(found, 2, least_s=5.0, most_s=40.0)
    assert shape(part) == [(5.0, "ab"), (10.0, "b"), (20.0, "ab"), (30.0, "b"), (35.0, "ab")]
    assert (factor, taken(part)) == (2.0, 2)


def test_a_segment_has_its_least_time_at_both_ends():
    """A second loss that the trace ends too soon after is left out: there is no time to see what it costs."""
    part, _ = segment(market(a="###..###.", b="#" * 9).fleet(2), 2, least_s=5.0, most_s=40.0)
    assert shape(part) == [(5.0, "ab"), (10.0, "b"), (15.0, "ab")]


def test_a_segment_begins_whole_and_is_never_without_a_node():
    """A part in which no zone has anything is passed over for one that keeps a node."""
    found = market(a="####....####....####", b="####....########....").fleet(2, ["x-1a", "x-1b"])
    part, _ = segment(found, 2, least_s=1.0, most_s=10.0)
    assert [len(each.nodes) for each in part] == [2, 1, 1]


def test_no_segment_that_fits_is_an_error_with_a_remedy():
    """A trace without an interruption, or too little time."""
    with pytest.raises(ValueError, match=r"fits into 30 s with 10 s between events; allow more"):
        segment(market(a="#####").fleet(1), 1, least_s=10.0, most_s=30.0)


def test_without_the_traces_the_error_says_where_they_are_missed(tmp_path: Path):
    """They lie beside the project, and never in it."""
    with pytest.raises(FileNotFoundError, match="the spot traces are not at hand: there is no"):
        read_market(tmp_path / "none")


@pytest.mark.skipif(not FOLDER.exists(), reason="the real traces are not at hand")
def test_the_real_traces_are_nine_zones():
    """45 days in ticks of 195 s, and spot at about a third of on demand in each zone."""
    found = read_market()
    assert len(found.had) == 9
    assert {len(row) for row in found.had.values()} == {20158}
    assert all(0.30 < found.usd[zone] / 3.06 < 0.35 for zone in found.had)
