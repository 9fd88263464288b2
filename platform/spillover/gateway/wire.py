"""Between HTTP bodies and the domain: pure functions of what was sent and what is known."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..domain.job import Attempt, Job, JobStatus, JobView, SubmitRequest
from ..domain.questions import TokenRequest
from ..errors import BadRequest, MalformedBody
from .checks import check_submit

REDACTED = "<redacted>"
NOT_SAID = "(not said)"  # the entrypoint of a quote that names none

_RAY_STATUS = {
    JobStatus.QUEUED: "PENDING",
    JobStatus.STARTING: "PENDING",
    JobStatus.RUNNING: "RUNNING",
    JobStatus.UNREACHABLE: "RUNNING",
    JobStatus.SUCCEEDED: "SUCCEEDED",
    JobStatus.FAILED: "FAILED",
    JobStatus.STOPPED: "STOPPED",
}

# Ray's words for a job that nothing was said about.
_RAY_MESSAGE = {
    "PENDING": "Job has not started yet.",
    "RUNNING": "Job is currently running.",
    "STOPPED": "Job was intentionally stopped.",
    "SUCCEEDED": "Job finished successfully.",
    "FAILED": "Job failed.",
}


def parse_submit(raw: bytes) -> tuple[str | None, SubmitRequest]:
    """The submission id, if one was sent, and the request. Raises BadRequest or MalformedBody."""
    # Ray drops nulls first, so that newer clients may send fields that an older server does not know.
    fields = {name: value for name, value in parse_object(raw).items() if value is not None}
    try:
        check_submit(fields)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"{type(error).__name__}: {error}") from error
    # `job_id` is the old name of `submission_id`; an empty id counts as none.
    submission_id = fields.pop("submission_id", None) or fields.get("job_id") or None
    fields.pop("job_id", None)
    return submission_id, SubmitRequest(**fields)


def parse_quote(raw: bytes) -> SubmitRequest:
    """A submit request that nobody means to submit: what it would run may be left out. Raises as `parse_submit`."""
    fields = parse_own(raw)
    fields["entrypoint"] = fields.get("entrypoint") or NOT_SAID
    return parse_submit(json.dumps(fields).encode())[1]


def parse_token_request(raw: bytes) -> TokenRequest:
    """What kind of token to make. Raises BadRequest that names the field."""
    fields = parse_own(raw)
    known = {f.name: f for f in dataclasses.fields(TokenRequest)}
    for name, value in fields.items():
        if name not in known:
            raise BadRequest(f"a token has no '{name}'; known: {', '.join(known)}")
        number = name == "expires_in_s"
        if number and value is None:
            continue
        if not isinstance(value, int | float if number else str) or isinstance(value, bool):
            raise BadRequest(f"{name} must be {'a number of seconds' if number else 'text'}, got {value!r}")
    for name in ("user", "team"):
        if name not in fields:
            raise BadRequest(f"'{name}' is missing: a token is made for a user of a team")
    return TokenRequest(**fields)


def parse_own(raw: bytes) -> dict[str, Any]:
    """The JSON object in a request, where one that is none is no 500 as Ray's Jobs API has it. Raises BadRequest."""
    try:
        return parse_object(raw)
    except MalformedBody as error:
        raise BadRequest(error.text) from error


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a request's body."""
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        if not isinstance(body, dict):
            raise MalformedBody(f"The body must be a JSON object, got {type(body)}")
        _check_texts(body)
    except RecursionError:
        raise MalformedBody("The body is nested too deeply") from None
    except ValueError as error:
        raise MalformedBody(f"The body is not JSON: {error}") from error
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _check_texts(body: Mapping[str, Any]) -> None:
    """Refuse text that no store and no process can take, however JSON escapes it."""
    for text in _texts(body):
        if "\x00" in text:
            raise BadRequest("ValueError: the request holds a NUL character, which no command can take")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadRequest("ValueError: the request holds half a surrogate pair, which is no text") from None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def submit_body(submission_id: str | None, request: SubmitRequest) -> dict[str, Any]:
    """The body that a Ray client would send for this request: `parse_submit` the other way round."""
    fields = {
        "entrypoint": request.entrypoint,
        "submission_id": submission_id,
        "runtime_env": dict(request.runtime_env),
        "metadata": dict(request.metadata),
        "entrypoint_num_cpus": request.entrypoint_num_cpus,
        "entrypoint_num_gpus": request.entrypoint_num_gpus,
        "entrypoint_memory": request.entrypoint_memory,
        "entrypoint_resources": _plain(request.entrypoint_resources),
        "entrypoint_label_selector": _plain(request.entrypoint_label_selector),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _plain(mapping: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mapping is None else dict(mapping)


def job_details(view: JobView, *, redact: bool) -> dict[str, Any]:
    """Ray's JobDetails: every field, in Ray's order."""
    job, attempt = view.job, view.attempt
    status = _RAY_STATUS[job.status]
    return {
        "type": "SUBMISSION",
        "job_id": mapped_job_id(attempt),
        "submission_id": job.submission_id,
        "driver_info": _driver_info(attempt),
        "status": status,
        "entrypoint": job.request.entrypoint,
        "message": job.message or _RAY_MESSAGE[status],
        "error_type": job.error_type,
        "start_time": _start_ms(job),
        "end_time": _ms(job.ended_at),
        "metadata": dict(job.request.metadata),
        "runtime_env": redacted(job.request.runtime_env) if redact else dict(job.request.runtime_env),
        "driver_agent_http_address": attempt and attempt.driver_agent_http_address,
        "driver_node_id": attempt and attempt.driver_node_id,
        "driver_exit_code": job.exit_code,
    }


def mapped_job_id(attempt: Attempt | None) -> str | None:
    """Core job ids collide across clusters (`02000000` is on each), so they carry their pool's name."""
    if attempt is None or attempt.core_job_id is None:
        return None
    return f"{attempt.pool}:{attempt.core_job_id}"


def _driver_info(attempt: Attempt | None) -> dict[str, str] | None:
    """All three fields are required by Ray's client."""
    job_id = mapped_job_id(attempt)
    if attempt is None or attempt.driver_info is None or job_id is None:
        return None
    seen = attempt.driver_info
    return {"id": job_id, "node_ip_address": seen.get("node_ip_address", ""), "pid": seen.get("pid", "")}


def _start_ms(job: Job) -> int:
    """Ray sets the start when a job is submitted; here a job may wait long, so the real start replaces it."""
    return round((job.submitted_at if job.started_at is None else job.started_at) * 1000)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def redacted(runtime_env: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the values of `env_vars` masked; names stay, as in Ray's dashboard."""
    copy = dict(runtime_env)
    if isinstance(copy.get("env_vars"), Mapping):
        copy["env_vars"] = dict.fromkeys(copy["env_vars"], REDACTED)
    return copy
