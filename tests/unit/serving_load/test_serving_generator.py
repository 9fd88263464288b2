"""What the load generator is told, and what it calls a failure."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from serving.load import Kind, Spec, _kinds, kind_of
from serving.schedule import Phase

KEY = ConnectionKey("localhost", port=1, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
SPEC = Spec(
    "http://localhost:1",
    (Kind("get", "/a", weight=3), Kind("post", "/b", "POST", "{}", {"X-API-Key": "k"}, safe=False)),
    (Phase("up", 1, 2, 3),),
    "out",
    5.0,
)


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    """What is written for the generator's process is what it reads."""
    (tmp_path / "load.json").write_text(json.dumps(asdict(SPEC)))
    found = Spec.load(tmp_path / "load.json")
    assert list(found.kinds) == list(SPEC.kinds)
    assert list(found.phases) == list(SPEC.phases)
    assert (found.url, found.out, found.began) == (SPEC.url, SPEC.out, SPEC.began)


def test_kinds_come_by_their_weights() -> None:
    """Three in four requests are of the kind with three times the weight, in an order that a seed repeats."""
    names = [kind.name for kind in islice(_kinds(SPEC), 4000)]
    assert names.count("get") / 4000 == pytest.approx(0.75, abs=0.03)
    assert names == [kind.name for kind in islice(_kinds(SPEC), 4000)]
    assert names != [kind.name for kind in islice(_kinds(SPEC, 1), 4000)]


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), "connect"),
        (aiohttp.ServerDisconnectedError(), "cut"),
        (aiohttp.ClientPayloadError(), "cut"),
        (ConnectionResetError(), "cut"),
        (aiohttp.ServerTimeoutError(), "timeout"),
        (TimeoutError(), "timeout"),
    ],
)
def test_a_failure_has_a_word(failure: Exception, word: str) -> None:
    """Before anything was sent, after it, or too late."""
    assert kind_of(failure) == word
