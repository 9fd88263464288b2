"""Spillover's own HTTP API, as the commands need it: each answer as the text that came."""

from __future__ import annotations

from typing import Any

from ..client.connect import find_server
from ..client.transport import call


def get(address: str | None, *path: str, **query: str | None) -> str:
    """The body of a GET, as it came."""
    return call(find_server(address), "GET", path, query)


def post(address: str | None, *path: str, body: Any = None) -> str:
    """The body of the answer to a POST, as it came."""
    return call(find_server(address), "POST", path, body=body)


def delete(address: str | None, *path: str) -> str:
    """The body of the answer to a DELETE, as it came."""
    return call(find_server(address), "DELETE", path)
