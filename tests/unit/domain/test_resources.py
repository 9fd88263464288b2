"""Resources, gangs, labels, money: the words' own arithmetic."""

from __future__ import annotations

from itertools import pairwise

import pytest

from spillover.domain.job import JobStatus, attempt_id
from spillover.domain.labels import selects
from spillover.domain.money import cost_nanos
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources, pack, parse_bundles


def test_zero_amounts_do_not_count() -> None:
    """`{CPU: 0}` is nothing, and equal values are equal keys whatever their order."""
    assert Resources({"CPU": 0}) == Resources()
    assert not Resources({"CPU": 0.0})
    assert {Resources({"a": 1, "b": 2}): 1}[Resources({"b": 2.0, "a": 1.0})] == 1
    assert Resources({"a": 1}) != {"a": 1}
    assert repr(Resources({"CPU": 1.5})) == "Resources({CPU:1.5})"


def test_arithmetic() -> None:
    """Sums, differences that stop at nothing, multiples, maxima, and what fits."""
    one, two = Resources({"CPU": 1}), Resources({"CPU": 2, "GPU": 1})
    assert one.plus(two) == Resources({"CPU": 3, "GPU": 1})
    assert one.minus(two) == Resources()
    assert two.minus(one) == Resources({"CPU": 1, "GPU": 1})
    assert two.times(2) == Resources({"CPU": 4, "GPU": 2})
    assert one.at_least(two) == two
    assert one.fits_in(two)
    assert not two.fits_in(one)
    assert Resources({"CPU": 0.1 + 0.2}).fits_in({"CPU": 0.3})


def test_dominant_share() -> None:
    """The largest fraction counts; what the whole does not have counts nothing."""
    assert Resources({"CPU": 1, "GPU": 1}).dominant_share({"CPU": 4, "GPU": 2}) == 0.5
    assert Resources({"TPU": 1}).dominant_share({"CPU": 4}) == 0.0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4x{GPU:2,CPU:16}", "4x{CPU:16,GPU:2}"),
        ("{CPU:1}", "1x{CPU:1}"),
        ("1x{CPU:1} + 2x{GPU:0.5}", "1x{CPU:1} + 2x{GPU:0.5}"),
        (" 2 x { CPU : 1 , a+b : 1 } ", "2x{CPU:1,a+b:1}"),
        ("1x{CPU:1}+{GPU:1}", "1x{CPU:1} + 1x{GPU:1}"),
    ],
)
def test_gangs_are_read_as_written(text: str, shown: str) -> None:
    """Bundles, several joined by `+`, spaces where they please."""
    assert str(Demand(parse_bundles(text))) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4x",
        "4x{}",
        "0x{CPU:1}",
        "x{CPU:1}",
        "4{CPU:1}",
        "4x{CPU}",
        "4x{CPU:}",
        "4x{:1}",
        "4x{CPU:1",
        "{CPU:1e999}",
        "4x{CPU:0}",
    ],
)
def test_what_is_no_gang_is_refused(text: str) -> None:
    """A text that is no gang is refused with itself in the message."""
    with pytest.raises(ValueError) as refused:
        parse_bundles(text)
    assert f"'{text}'" in str(refused.value)


def test_units_come_largest_first() -> None:
    """The driver's resources are a unit of the gang; empty shapes are none."""
    demand = Demand(parse_bundles("2x{CPU:1} + 1x{CPU:4}"), Resources({"CPU": 2}))
    assert [unit["CPU"] for unit in demand.each()] == [4, 2, 1, 1]
    assert demand.total() == Resources({"CPU": 8})
    assert str(demand) == "2x{CPU:1} + 1x{CPU:4} + driver {CPU:2}"
    assert str(Demand()) == "nothing"


def test_shape_matters_when_packing() -> None:
    """Four bundles of two GPUs fit where one of eight does not."""
    rooms = {f"n{i}": Resources({"GPU": 4}) for i in range(2)}
    left = pack(Demand(parse_bundles("4x{GPU:2}")).each(), rooms)
    assert left == {"n0": Resources(), "n1": Resources()}
    assert pack(Demand(parse_bundles("1x{GPU:8}")).each(), rooms) is None
    assert rooms["n0"] == Resources({"GPU": 4})


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("spot", "spot", True), ("spot", "on_demand", False), ("spot", None, False),
        ("!spot", "on_demand", True), ("!spot", "spot", False), ("!spot", None, True),
        ("in(a, b)", "b", True), ("in(a,b)", "c", False), ("in(a,b)", None, False),
        ("!in(a,b)", "c", True), ("!in(a,b)", "a", False), ("!in(a,b)", None, True),
    ],
)  # fmt: skip
def test_label_selectors_are_rays(condition: str, value: str | None, holds: bool) -> None:  # noqa: FBT001
    """Ray's four forms of a condition, on nodes with and without the label."""
    assert selects([("key", condition)], {} if value is None else {"key": value}) is holds
    assert selects([], {})


def test_adjoining_spans_add_up() -> None:
    """However a span is cut, its parts cost what it costs."""
    cuts = [1_800_000_000.0, 1_800_000_000.1, 1_800_000_007.77, 1_800_000_100.0]
    parts = sum(cost_nanos(1.23, a, b) for a, b in pairwise(cuts))
    assert parts == cost_nanos(1.23, cuts[0], cuts[-1])
    assert cost_nanos(3600.0, 0.0, 1.0) == 1_000_000_000


def test_attempts_are_named_after_their_job() -> None:
    """The first attempt carries the job's own id."""
    assert [attempt_id("j", n) for n in (1, 2, 10)] == ["j", "j-a2", "j-a10"]


def test_three_statuses_are_final() -> None:
    """A job that ended has one of three statuses."""
    assert [status for status in JobStatus if status.final] == ["succeeded", "failed", "stopped"]


def test_node_type_by_label_or_by_fit() -> None:
    """A node is of the type that its label says, else of the largest that fits in it, else of the first."""
    small, big = (NodeType(n, Resources({"CPU": c}), Market.OWNED, 1.0, 1) for n, c in (("small", 2), ("big", 8)))
    pool = Pool("p", PoolKind.ATTACHED, PoolRole.BASELINE, (small, big))

    def type_name(label: str, **resources: float) -> str | None:
        found = pool.type_of(Node("n", "ip", label, Resources(resources)))
        return found.name if found else None

    assert type_name("big", CPU=1) == "big"
    assert type_name("", CPU=16) == "big"
    assert type_name("", CPU=4) == "small"
    assert type_name("", GPU=1) == "small"
    assert type_name("") is None
    assert pool.max_nodes == 2
