"""Spillover's own HTTP API as text. Standard library, so that commands start fast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import NoServer
from . import refusals
from .connect import Server

if TYPE_CHECKING:
    from ssl import SSLContext
    from urllib.request import OpenerDirector, Request

_ROOT = "/api/spillover/v1"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIMEOUT_S = 30.0

Query = Mapping[str, str | None]


def call(
    server: Server,
    method: str,
    path: tuple[str, ...],
    query: Query | None = None,
    body: Any = None,
    *,
    timeout_s: float = TIMEOUT_S,
    also: tuple[int, ...] = (),
) -> str:
    """The JSON that the server answers, as it came. `also`: statuses besides 2xx that are answers.

    Raises NoServer, or the RequestError that fits the status.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError

    try:
        request = _request(server, method, path, query or {}, body)
        with _opener(server, request.host).open(request, timeout=timeout_s) as answer:
            return _json(str(answer.read().decode()))
    except HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
            if error.code in also:
                return text
            raise refusals.refusal(server, error.code, text) from None
    except json.JSONDecodeError:
        raise refusals.stranger(server) from None
    except TimeoutError:
        raise refusals.too_slow(server, timeout_s) from None
    except URLError as error:
        raise refusals.nobody(server, error.reason) from None
    except (OSError, HTTPException, ValueError) as error:
        raise refusals.nobody(server, error) from None


def _json(text: str) -> str:
    json.loads(text)
    return text


def _request(server: Server, method: str, path: tuple[str, ...], query: Query, body: Any) -> Request:
    from urllib.parse import quote, urlencode
    from urllib.request import Request

    url = server.address + "/".join([_ROOT, *(quote(part, safe="") for part in path)])
    asked = urlencode({k: v for k, v in query.items() if v is not None})
    request = Request(f"{url}?{asked}" if asked else url, method=method)  # noqa: S310  # connect.py lets HTTP alone pass
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if server.token:
        # Not sent on to wherever a redirect leads.
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")
    return request


def _opener(server: Server, host: str | None) -> OpenerDirector:
    """A proxy is no way to this machine."""
    from urllib.parse import urlsplit
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener

    local = urlsplit(f"//{host}").hostname in _LOOPBACK
    trusting = [HTTPSHandler(context=trust(server))] if server.address.startswith("https:") else []
    return build_opener(*trusting, *([ProxyHandler({})] if local else []))


def trust(server: Server) -> SSLContext:
    """Trust the authorities of this machine, and the certificate or authority in `ca_file`. Raises NoServer."""
    import ssl

    context = ssl.create_default_context()
    if server.ca_file:
        try:
            context.load_verify_locations(server.ca_file)
        except OSError as error:
            reason = f"{error.strerror or error}; set {server.ways.ca_file} to a PEM file"
            raise NoServer(f"no certificates can be read from {server.ca_file}: {reason}") from None
        # A certificate that is there itself needs no authority above it
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
