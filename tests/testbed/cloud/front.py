"""The door of the API: what is injected into each call, and the log of it."""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from .ec2 import Ec2
from .faults import Weather
from .past import moment

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answer = tuple[str, list[tuple[str, str]], bytes]

XML = [("Content-Type", "text/xml")]
ERRORS = {
    "RequestLimitExceeded": ("503 Service Unavailable", "Request limit exceeded."),
    "InternalError": ("500 Internal Server Error", "An internal error has occurred"),
    "Unavailable": ("503 Service Unavailable", "The server is overloaded and can't handle the request."),
    "UnauthorizedOperation": ("403 Forbidden", "You are not authorized to perform this operation."),
}
DESCRIBE = {"DescribeInstances", "DescribeInstanceStatus"}
SERVICE = re.compile(r"Credential=[^/]*/\d+/[^/]*/([^/]+)/aws4_request")


class Front:
    """A WSGI application around moto's."""

    def __init__(self, moto: Wsgi, weather: Weather, ec2: Ec2) -> None:
        self._moto = moto
        self._weather = weather
        self._ec2 = ec2

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = found.group(1) if found else ""
        if service in {"", "s3"}:
            return self._moto(environ, start_response)
        form = _form(environ)
        action = form.get("Action", environ.get("HTTP_X_AMZ_TARGET", environ["REQUEST_METHOD"]))
        began, injected = time.time(), []
        answer = self._answer(environ, service, action, form, injected)
        self._log(began, service, action, injected, answer)
        if answer is None:
            _hang_up(environ)
            raise ConnectionResetError  # the server takes it for a client that is gone, and says nothing
        start_response(answer[0], answer[1])
        return [answer[2]]

    def _answer(
        self, environ: dict[str, Any], service: str, action: str, form: dict[str, str], injected: list[str]
    ) -> Answer | None:
        weather, faults, dice = self._weather, self._weather.faults, self._weather.dice
        if weather.down(action):
            injected.append("down")
            return None if faults.down_how == "reset" else _error("Unavailable", service)
        if weather.touches(action) and dice.roll("throttle", faults.throttle):
            injected.append("throttle")
            return _error("RequestLimitExceeded", service)
        answer = self._act(environ, service, action, form, injected)
        if weather.touches(action) and dice.roll("late", faults.late[0]):
            injected.append("late")
            time.sleep(faults.late[1])
        return answer

    def _act(
        self, environ: dict[str, Any], service: str, action: str, form: dict[str, str], injected: list[str]
    ) -> Answer:
        faults, dice = self._weather.faults, self._weather.dice
        if action == "TerminateInstances" and dice.roll("refuse_terminate", faults.refuse_terminate):
            injected.append("refuse_terminate")
            unkind = dice.number("refuse_terminate_how") < 0.5
            return _error("UnauthorizedOperation" if unkind else "InternalError", service)
        if action == "TerminateInstances" and dice.roll("terminate_ignored", faults.terminate_ignored):
            injected.append("terminate_ignored")
            return self._pretend_to_terminate(form)
        if action == "RunInstances":
            return self._run(environ, service, form, injected)
        stale = faults.stale_s if action in DESCRIBE else 0.0
        if stale:
            injected.append("stale")
        with moment(time.time() - stale) if stale else nullcontext():
            return self._call_moto(environ)

    def _run(self, environ: dict[str, Any], service: str, form: dict[str, str], injected: list[str]) -> Answer:
        faults, dice = self._weather.faults, self._weather.dice
        name = "twice_despite_token" if "ClientToken" in form else "twice"
        doubled = dice.roll(name, getattr(faults, name))
        answer = self._call_moto(environ)
        if doubled and answer[0].startswith("200"):
            injected.append(name)
            self._ec2.forget_token(form.get("ClientToken", ""))
            self._call_moto(environ)
        if dice.roll("create_then_fail", faults.create_then_fail):
            injected.append("create_then_fail")
            return _error("InternalError", service)
        return answer

    def _call_moto(self, environ: dict[str, Any]) -> Answer:
        head: list[Any] = []
        body = environ["wsgi.input"].getvalue()
        environ = {**environ, "wsgi.input": io.BytesIO(body)}
        parts = self._moto(environ, lambda status, headers, *_: head.extend([status, headers]))
        try:
            return head[0], head[1], b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()

    def _pretend_to_terminate(self, form: dict[str, str]) -> Answer:
        ids = [value for key, value in form.items() if key.startswith("InstanceId.")]
        items = "".join(
            f"<item><instanceId>{escape(each)}</instanceId>"
            "<currentState><code>32</code><name>shutting-down</name></currentState>"
            "<previousState><code>16</code><name>running</name></previousState></item>"
            for each in ids
        )
        xmlns = "http://ec2.amazonaws.com/doc/2016-11-15/"
        body = (
            f'<TerminateInstancesResponse xmlns="{xmlns}"><requestId>testbed</requestId><instancesSet>{items}'
            "</instancesSet></TerminateInstancesResponse>"
        )
        return "200 OK", XML, body.encode()

    def _log(self, began: float, service: str, action: str, injected: list[str], answer: Answer | None) -> None:
        code = "" if answer is None or answer[0].startswith("2") else _code(answer[2])
        outcome = "+".join(injected) or code or "ok"
        self._weather.append(
            {
                "at": began, "took_s": round(time.time() - began, 3), "service": service, "action": action,
                "outcome": outcome, "error": code,
            }
        )  # fmt: skip


def _form(environ: dict[str, Any]) -> dict[str, str]:
    """The fields of a call, whose body can be read again."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    if "x-www-form-urlencoded" not in environ.get("CONTENT_TYPE", ""):
        return {}
    return {key: values[0] for key, values in parse_qs(body.decode()).items()}


def _error(code: str, service: str) -> Answer:
    status, message = ERRORS[code]
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>testbed</RequestID></Response>"
    else:
        body = (
            f"<ErrorResponse><Error><Type>Receiver</Type>{error}</Error><RequestId>testbed</RequestId></ErrorResponse>"
        )
    return status, XML, f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()


def _code(body: bytes) -> str:
    found = re.search(rb"<Code>([^<]*)</Code>", body)
    return found.group(1).decode() if found else "error"


def _hang_up(environ: dict[str, Any]) -> None:
    """Close the connection at once, as a dead load balancer does."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
