from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import product

import pytest

from spillover.errors import BadArgument
from spillover.tco.figures import Book, load_book, load_quoted, node_types
from spillover.tco.inputs import Inputs

BOOKS = [load_book(node) for node in node_types()]
FIGURES = [(book.node, figure) for book in BOOKS for figure in book.figures.values()]
YEAR = re.compile(r"\b20[12]\d\b")
BASES = {"list", "cited", "recalled", "judged"}


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.node)
def test_a_book_holds_every_input_and_no_other(book: Book) -> None:
    """Each node type has a figure for each input, and none that nothing is computed from."""
    assert set(book.figures) | {"gpus"} == set(Inputs._fields)


def test_every_default_has_its_range_and_its_source() -> None:
    """Each figure lies in its range, says its unit, what it means, what its source is worth, and the source."""
    for node, figure in FIGURES:
        assert 0 <= figure.low <= figure.value <= figure.high, (node, figure.name)
        assert figure.basis in BASES, (node, figure.name)
        assert min(len(figure.unit), len(figure.meaning), len(figure.source)) > 0, (node, figure.name)


def test_what_was_read_somewhere_says_where_and_when() -> None:
    """A cited figure, a list price and a recalled one name a year, or the data file that does."""
    for node, figure in FIGURES:
        if figure.basis != "judged":
            assert YEAR.search(figure.source) or "field.json" in figure.source, (node, figure.name)


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.node)
def test_on_demand_prices_are_those_of_the_price_list(book: Book) -> None:
    """What a GPU costs on demand is its share of what the price catalogue says of the type that it is rented as."""
    prices = json.loads((files("spillover") / "data" / "prices" / "aws.json").read_text())
    of_node = prices["on_demand"]["us-east-1"]
    assert of_node["as_of"] in book.figures["on_demand_usd"].source
    assert book.figures["on_demand_usd"].value == pytest.approx(of_node["usd_per_hour"][book.rented_as] / book.gpus)
    assert prices["types"][book.rented_as]["gpus"] == book.gpus


def test_the_defaults_pass_their_own_checks() -> None:
    """Every default may be stated as it is, range included."""
    for book in BOOKS:
        stated = [f"{f.name}={f.low}:{f.value}:{f.high}" for f in book.figures.values()]
        assert book.stating(stated).inputs() == book.inputs()


def test_a_stated_value_is_certain_and_a_stated_range_is_not() -> None:
    """`name=value` leaves no range, `name=low:value:high` is the range; both are marked as stated."""
    book = load_book("h100x8").stating(["pue=1.1", "life_years=4:5:7"])
    pue, life = book.figures["pue"], book.figures["life_years"]
    assert (pue.low, pue.value, pue.high, pue.basis) == (1.1, 1.1, 1.1, "stated")
    assert (life.low, life.value, life.high) == (4, 5, 7)
    assert "pue" not in {f.name for f in book.uncertain()}
    assert load_book("h100x8").figures["pue"].basis == "cited"


WRONG = {
    "pui=1.2": "did you mean 'pue'?",
    "zebra=1": "`spillover tco --inputs` lists them",
    "gpus=4": "there is no input 'gpus'",
    "pue": "write NAME=VALUE",
    "pue=much": "'much' is no number",
    "pue=1:2": "write VALUE, or LOW:VALUE:HIGH",
    "pue=nan": "is no number",
    "pue=2:1.5:1": "is not in order",
    "node_price_usd=-1": "must be at least 0",
    "life_years=0": "must be above 0",
    "utilisation=60": "write 0.6 for 60%",
    "interest_rate=8": "write 0.08 for 8%",
    "idle_power_share=0.9": "an idle node draws no more than a busy one",
}


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_setting_is_named_with_its_remedy(setting: str) -> None:
    """What cannot be set says which, why, and what to write instead."""
    with pytest.raises(BadArgument, match=WRONG[setting].replace("?", r"\?")) as caught:
        load_book("h100x8").stating([setting])
    assert setting.partition("=")[0] in str(caught.value)


@pytest.mark.parametrize(("name", "hint"), [("h100", "did you mean 'h100x8'?"), ("zebra", "known are a100x8, h100x8")])
def test_an_unknown_node_type_is_told_the_nearest(name: str, hint: str) -> None:
    """A node type without figures is refused with the nearest one, else with all."""
    with pytest.raises(BadArgument) as caught:
        load_book(name)
    assert hint in str(caught.value)


def test_the_fields_figures_are_as_they_are_quoted() -> None:
    """The figures to set ours beside are those that were given, in their units."""
    quoted = {name: (q.low, q.high, q.unit) for name, q in load_quoted().items()}
    assert quoted == {
        "compute": (0.9, 3.2, "$/GPU-hour"),
        "storage": (0.08, 0.23, "$/GB-month"),
        "network": (0.1, 0.15, "share"),
        "engineering": (2, 3, "times"),
        "saving": (0.4, 0.4, "share"),
        "utilisation_before": (0.6, 0.6, "share"),
        "utilisation_after": (0.82, 0.82, "share"),
    }


def test_shares_are_shares() -> None:
    """No input in shares reaches above 1, and an idle node never draws more than a busy one."""
    for (_, figure), unit in product(FIGURES, ("share",)):
        assert figure.unit != unit or figure.high <= 1
    for book in BOOKS:
        assert book.figures["idle_power_share"].high <= book.figures["busy_power_share"].low
