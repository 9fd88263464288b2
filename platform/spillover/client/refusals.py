"""What it means that a request failed, and what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import BadRequest, Forbidden, NoServer, NotFound, PackageTooLarge, Refused, RequestError, Unauthenticated
from .connect import Server

if TYPE_CHECKING:
    from ssl import SSLCertVerificationError

_BY_STATUS = {kind.status: kind for kind in (BadRequest, Unauthenticated, Forbidden, NotFound, PackageTooLarge)}


def refusal(server: Server, status: int, body: str) -> RequestError | NoServer:
    """The error that a status of 300 or above stands for."""
    text = _text(body)
    if status == 404 and text in ("", "404: Not Found", "Not Found"):
        return stranger(server)
    if status == 401:
        text = (
            f"{server.address} asks for a token. {server.ways.token}, or RAY_AUTH_TOKEN_PATH to the file that "
            "`spillover up` named when it started."
        )
    if status == 403:
        text = f"{text} (the token from {server.token_from or 'nowhere'}, at {server.address})"
    text = text or f"{server.address} answered {status}"
    kind = _BY_STATUS.get(status)
    return kind(text) if kind else Refused(text, status)


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


def stranger(server: Server) -> NoServer:
    """Something answers that is not ours."""
    return NoServer(
        f"{server.address} (from {server.address_from}) answers, but is no Spillover server. "
        f"Say where it is with {server.ways.address}."
    )


def too_slow(server: Server, timeout_s: float) -> NoServer:
    """Nothing came in time."""
    return NoServer(
        f"{server.address} (from {server.address_from}) has not answered within {timeout_s:g} s. "
        "Ask again later, or wait longer for it."
    )


def nobody(server: Server, reason: object) -> NoServer:
    """Nothing answers, or nothing that is trusted."""
    from ssl import SSLCertVerificationError

    if isinstance(reason, SSLCertVerificationError):
        return _distrusted(server, reason)
    return NoServer(
        f"no server answers at {server.address} (from {server.address_from}): {reason}. "
        f"Start one with `spillover up -c FILE`, or say where it is with {server.ways.address}."
    )


def _distrusted(server: Server, error: SSLCertVerificationError) -> NoServer:
    option = server.ways.option
    name = f"Call the server by a name that its certificate has, with {option} (its setting listen.url tells)"
    remedies = {
        10: "It has expired: whoever runs the server must renew it",
        62: name,  # X509_V_ERR_HOSTNAME_MISMATCH
        64: name,  # X509_V_ERR_IP_ADDRESS_MISMATCH
    }
    remedy = remedies.get(
        error.verify_code,
        f"Set {server.ways.ca_file} to the file of the authority that signed it, or to the certificate itself if it is "
        "self-signed",
    )
    why = error.verify_message.rstrip(".")
    where = f"{server.address} (from {server.address_from})"
    return NoServer(f"the certificate of {where} is not trusted: {why}. {remedy}.")
