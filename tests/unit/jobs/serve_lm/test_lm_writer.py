"""Bytes become text, up to a stop sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def text(load: Callable[[str], Any]) -> Any:
    return load("serve_lm.text")


def pieces(text: Any, written: bytes, *stops: bytes) -> tuple[list[str], bool]:
    """What each byte lets be shown, and at the end whether a stop sequence came."""
    writer, shown = text.Writer(stops), []
    for byte in written:
        shown.append(writer.put(byte))
        if writer.is_stopped:
            return shown, True
    return [*shown, writer.end()], False


def test_plain_text_comes_byte_by_byte(text: Any) -> None:
    """Nothing is held where nothing can go wrong."""
    assert pieces(text, b"abc") == (["a", "b", "c", ""], False)


def test_a_character_comes_whole(text: Any) -> None:
    """Of several bytes, only the last one shows it; one that never becomes whole is shown as the sign for that."""
    assert pieces(text, "é€".encode())[0] == ["", "é", "", "", "€", ""]
    assert pieces(text, b"a\xe2\x82")[0] == ["a", "", "", "\ufffd"]
    assert pieces(text, b"\xff!")[0] == ["\ufffd", "!", ""]


def test_a_stop_sequence_is_never_shown(text: Any) -> None:
    """Neither it nor a part of it, nor what comes after it."""
    assert pieces(text, b"one\n\ntwo", b"\n\n") == (["o", "n", "e", "", ""], True)


def test_what_only_begins_like_a_stop_is_shown_late(text: Any) -> None:
    """As soon as it cannot be one any more, or at the end."""
    assert pieces(text, b"a##b#", b"###")[0] == ["a", "", "", "##b", "", "#"]


def test_a_stop_may_begin_within_its_own_beginning(text: Any) -> None:
    """`aab` is found in `aaab`: the first a is text."""
    assert pieces(text, b"aaab", b"aab") == (["", "", "a", ""], True)


def test_the_earliest_of_two_stops_cuts(text: Any) -> None:
    """Where two end at the same byte, the text ends where the longer one begins."""
    shown, stopped = pieces(text, b"x<end>", b">", b"<end>")
    assert stopped
    assert "".join(shown) == "x"
