"""Label selectors are judged as Ray judges them."""

import time

import pytest

from spillover.gateway.selectors import selector_mistake

SELECTORS = [
    {},
    {"a": "b"},
    {"ray.io/accelerator-type": "H100"},
    {"a": ""},
    {"a": "!b"},
    {"a": "in(b, c,d)"},
    {"a": "!in(b)"},
    {"a": "(b)"},
    {"a": "in()"},
    {"a": "in(b,"},
    {"a": "!!b"},
    {"a": "-b"},
    {"a": "b_"},
    {"a": "x" * 63},
    {"a": "x" * 64},
    {"a b": "c"},
    {"": "c"},
    {"-a": "c"},
    {"x" * 64: "c"},
    {"sub.domain.example/a": "c"},
    {"prefix_/a": "c"},
    {"sub.$$.example/a": "c"},
    {"a/b/c": "d"},
    {"x" * 254 + "/a": "c"},
    {"fine": "fine", "a": "b@c"},
]


@pytest.mark.parametrize("selector", SELECTORS, ids=str)
def test_verdict_and_text_are_rays(selector: dict[str, str]) -> None:
    """A selector is taken or refused as by Ray 2.60, with the same words."""
    from ray._private.label_utils import validate_label_selector

    assert selector_mistake(selector) == validate_label_selector(selector)


def test_long_prefix_is_judged_at_once() -> None:
    """A key on which Ray's own pattern takes exponential time is refused in no time."""
    begun = time.perf_counter()
    assert selector_mistake({"a." * 120 + "$/x": "y"})
    assert time.perf_counter() - begun < 0.5
