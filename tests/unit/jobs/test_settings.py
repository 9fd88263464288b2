"""The arguments of jobs/train_bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def parse(load: Callable[[str], Any]) -> Any:
    return load("settings").parse


def test_workers_are_a_number_or_a_range(parse: Any) -> None:
    """One number is fixed, two are elastic, and a batch has as many parts as there are workers at most."""
    fixed, elastic = parse(["--workers", "3"]), parse(["--workers", "1:2", "--storage", "/s"])
    assert (fixed.workers, fixed.is_elastic, fixed.most_workers) == ((3, 3), False, 3)
    assert (elastic.workers, elastic.is_elastic, elastic.most_workers) == ((1, 2), True, 2)


@pytest.mark.parametrize("text", ["0", "2:1", "1:", ":2", "1:2:3", "two", "-1"])
def test_other_workers_are_refused(parse: Any, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Whatever is neither a number nor a range is refused with an example of both."""
    with pytest.raises(SystemExit):
        parse([f"--workers={text}"])
    assert f"'{text}' does not read like 2, or like 1:2" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--preemptible"], ["--workers", "1:2"]])
def test_a_node_that_may_go_needs_storage(parse: Any, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Checkpoints in a temporary folder would go with the node, so a storage must be named."""
    with pytest.raises(SystemExit):
        parse(arguments)
    assert "need --storage" in capsys.readouterr().err


def test_a_url_stays_as_it_is(parse: Any) -> None:
    """The options of a storage address reach Ray Train unchanged; a folder becomes a full path."""
    address = "s3://runs/a?endpoint_override=http%3A%2F%2F127.0.0.1%3A5000&region=us-west-2"
    assert parse(["--storage", address]).storage_path == address
    assert parse(["--storage", "/a/../b"]).storage_path == "/b"


def test_notices_are_off_unless_asked_for(parse: Any) -> None:
    """A short job pays for no watcher."""
    assert not parse([]).preemptible
    assert parse(["--preemptible", "--storage", "/s"]).preemptible
