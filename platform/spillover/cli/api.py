"""Spillover's own HTTP API, as the commands need it. Standard library, so that a command starts fast."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import SpilloverError
from .connect import Server, find_server

if TYPE_CHECKING:
    from urllib.request import OpenerDirector, Request

_ROOT = "/api/spillover/v1"
_TIMEOUT_S = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def get(address: str | None, *path: str, **query: str | None) -> str:
    """The body of a GET, as it came."""
    return _call(find_server(address), "GET", path, query)


def post(address: str | None, *path: str) -> str:
    """The body of a POST, as it came."""
    return _call(find_server(address), "POST", path, {})


def _call(server: Server, method: str, path: tuple[str, ...], query: dict[str, str | None]) -> str:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError

    try:
        request = _request(server, method, path, query)
        with _opener(request.host).open(request, timeout=_TIMEOUT_S) as answer:
            body = str(answer.read().decode())
            json.loads(body)
            return body
    except HTTPError as error:
        with error:
            raise SpilloverError(_refusal(server, error.code, error.read().decode(errors="replace"))) from None
    except json.JSONDecodeError:
        raise SpilloverError(_stranger(server)) from None
    except URLError as error:
        raise SpilloverError(_nobody(server, error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise SpilloverError(_nobody(server, error)) from None


def _request(server: Server, method: str, path: tuple[str, ...], query: dict[str, str | None]) -> Request:
    from urllib.parse import quote, urlencode
    from urllib.request import Request

    url = server.address + "/".join([_ROOT, *(quote(part, safe="") for part in path)])
    asked = urlencode({k: v for k, v in query.items() if v is not None})
    request = Request(f"{url}?{asked}" if asked else url, method=method)  # noqa: S310  # connect.py lets HTTP alone pass
    if server.token:
        # Not sent on to wherever a redirect leads.
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")
    return request


def _opener(host: str | None) -> OpenerDirector:
    """A proxy is no way to this machine."""
    from urllib.parse import urlsplit
    from urllib.request import ProxyHandler, build_opener

    local = urlsplit(f"//{host}").hostname in _LOOPBACK
    return build_opener(ProxyHandler({})) if local else build_opener()


def _refusal(server: Server, status: int, body: str) -> str:
    text = _text(body)
    if status == 401:
        return (
            f"{server.address} asks for a token. Set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to the file that "
            "`spillover up` named when it started."
        )
    if status == 403:
        return f"{server.address} does not accept the token from {server.token_from or 'nowhere'}: {text}"
    if status == 404 and text in ("", "404: Not Found", "Not Found"):
        return _stranger(server)
    return text or f"{server.address} answered {status}"


def _text(body: str) -> str:
    """What a refusal says to people: our server's words, of others' tracebacks and pages the last line."""
    try:
        answer = json.loads(body)
    except json.JSONDecodeError:
        lines = body.strip().splitlines() or [""]
        return lines[-1] if "Traceback" in body or body.lstrip().startswith("<") else "\n".join(lines)
    if not isinstance(answer, dict):
        return str(answer)
    text = next((str(answer[k]) for k in ("error", "message", "detail", "text") if answer.get(k)), body)
    near = answer.get("near") or answer.get("did_you_mean") or []
    return text + _did_you_mean([near] if isinstance(near, str) else near)


def _did_you_mean(near: list[Any]) -> str:
    return "; did you mean " + " or ".join(f"'{name}'" for name in near) + "?" if near else ""


def _stranger(server: Server) -> str:
    return (
        f"{server.address} (from {server.address_from}) answers, but is no Spillover server. "
        "Say where it is with --address or SPILLOVER_ADDRESS."
    )


def _nobody(server: Server, reason: object) -> str:
    return (
        f"no server answers at {server.address} (from {server.address_from}): {reason}. "
        "Start one with `spillover up -c FILE`, or say where it is with --address or SPILLOVER_ADDRESS."
    )
