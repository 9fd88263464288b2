"""Replicas that listen themselves: which Serve lists, and which of them are used."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from spillover.adapters import serve_replicas
from spillover.adapters.serve_replicas import Reached, listening

pytestmark = pytest.mark.asyncio

Address = tuple[str, int]


def group(app: str, *targets: Address, kind: str = "SERVE_REPLICA::chat#D#1", protocol: str = "HTTP") -> dict[str, Any]:
    """As Ray Serve 2.60 lists it."""
    listed = [{"ip": ip, "port": port, "instance_id": "", "name": kind} for ip, port in targets]
    return {"app_name": app, "protocol": protocol, "route_prefix": f"/{app}", "targets": listed}


@pytest_asyncio.fixture
async def there() -> AsyncIterator[Address]:
    """An address that takes connections."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()


@pytest.fixture
def nobody() -> Address:
    """An address where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        host, port = found.getsockname()
        return str(host), int(port)


async def test_replicas_are_listed_by_application() -> None:
    """HTTP alone, and no proxies: those of a cluster without direct ingress, or of an application without replicas."""
    groups = [
        group("chat", ("10.0.0.1", 30000), ("10.0.0.2", 30000)),
        group("chat", ("10.0.0.1", 40000), protocol="gRPC"),
        group("idle", ("10.0.0.1", 8000), kind="SERVE_PROXY_ACTOR-1"),
        group("", ("10.0.0.1", 8000), kind="SERVE_PROXY_ACTOR-1"),
    ]
    found = listening({"http_options": {"host": "0.0.0.0"}, "target_groups": groups})
    assert found == {"chat": (("10.0.0.1", 30000), ("10.0.0.2", 30000))}
    assert listening({}) == listening({"target_groups": None}) == {}


async def test_a_host_that_serve_binds_is_where_replicas_are() -> None:
    """Serve lists the address of the node, which nobody listens at then."""
    raw = {"http_options": {"host": "127.0.0.7"}, "target_groups": [group("chat", ("127.0.0.8", 30000))]}
    assert listening(raw) == {"chat": (("127.0.0.7", 30000),)}


async def test_what_cannot_be_reached_is_left_out_and_said_once(
    there: Address, nobody: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """An application with none that can be: its requests take the way through the proxy."""
    reached = Reached()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert await reached.of({"a": (there, nobody), "b": (nobody,)}) == {"a": (there,), "b": ()}
    (record,) = caplog.records
    assert f"none of the replicas of b can be reached from here ({nobody[0]}:{nobody[1]})" in record.getMessage()


async def test_what_could_be_reached_once_stays(monkeypatch: pytest.MonkeyPatch, there: Address) -> None:
    """Whether it answers now is seen by the data plane, faster; and what is not listed any more is forgotten."""
    reached = Reached()
    assert await reached.of({"a": (there,)}) == {"a": (there,)}

    async def never(address: Address) -> bool:
        return False

    monkeypatch.setattr(serve_replicas, "_takes", never)
    assert await reached.of({"a": (there,)}) == {"a": (there,)}
    assert await reached.of({}) == {}
    assert await reached.of({"a": (there,)}) == {"a": ()}


async def test_what_was_refused_is_tried_again_later(monkeypatch: pytest.MonkeyPatch, nobody: Address) -> None:
    """Not at each look."""
    now, tries = [100.0], []

    async def takes(address: Address) -> bool:
        tries.append(address)
        return len(tries) > 1

    monkeypatch.setattr(serve_replicas, "_takes", takes)
    reached = Reached(lambda: now[0])
    for later, expected in ((0.0, ()), (29.0, ()), (30.0, (nobody,))):
        now[0] = 100.0 + later
        assert await reached.of({"a": (nobody,)}) == {"a": expected}
    assert len(tries) == 2
