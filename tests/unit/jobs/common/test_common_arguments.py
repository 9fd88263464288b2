"""Settings of a served application, from the `args` of its Serve config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest


@pytest.fixture
def read(load: Callable[[str], Any]) -> Callable[[dict[str, Any]], Any]:
    said = load("common.fields").said
    least = load("common.fields").AtLeast(1)

    @dataclass(frozen=True)
    class Inner:
        width: int = said(4, "of it", least)

    @dataclass(frozen=True)
    class Outer:
        name: str = said("a", "of it")
        share: float = said(0.5, "of it")
        inner: Inner = field(default_factory=Inner)

    Outer.__annotations__ |= {"inner": Inner, "name": str, "share": float}
    Inner.__annotations__ |= {"width": int}
    return lambda values: load("common.arguments").arguments(Outer, values)


def test_what_is_not_given_stays(read: Any) -> None:
    """Groups within groups, too."""
    assert read({}).inner.width == 4
    given = read({"name": "b", "inner": {"width": 8}})
    assert (given.name, given.share, given.inner.width) == ("b", 0.5, 8)


def test_words_of_the_command_line_are_read(read: Any) -> None:
    """`serve run` hands all values on as texts, and groups as dotted names."""
    given = read({"share": "0.25", "inner.width": "8"})
    assert (given.share, given.inner.width) == (0.25, 8)


def test_every_mistake_is_told(read: Any) -> None:
    """One a line, by its name in the config file, with what was meant."""
    with pytest.raises(ValueError, match="args") as found:
        read({"nmae": "b", "share": "much", "inner": {"width": 0}})
    assert str(found.value).splitlines() == [
        "args.nmae: there is no such setting; did you mean 'name'?",
        "args.share: 'much' is not a number, such as 0.5",
        "args.inner.width: 0 is too small: at least 1",
    ]
