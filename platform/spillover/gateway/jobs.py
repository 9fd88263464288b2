"""Ray's Jobs API, but for packages and followed logs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..domain.job import JobView
from .web import caller_of, from_browser, jobs_of, json_answer, named, read_json_bytes
from .wire import job_details, parse_submit


async def version(request: web.Request) -> web.Response:
    """`GET /api/version`: what Ray's clients ask first."""
    return json_answer(dict(jobs_of(request).version()))


async def authentication_mode(_: web.Request) -> web.Response:
    """`GET /api/authentication_mode`: open, so that a client learns that it needs a token."""
    return json_answer({"authentication_mode": "token"})


async def submit(request: web.Request) -> web.Response:
    """`POST /api/jobs/`. Answered only when the job cannot be lost any more."""
    submission_id, submitted = parse_submit(await read_json_bytes(request))
    accepted = await jobs_of(request).submit(caller_of(request), submission_id, submitted)
    return json_answer({"job_id": accepted, "submission_id": accepted})


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs/`."""
    views = await jobs_of(request).list(caller_of(request))
    return json_answer([_details(request, view) for view in views])


async def get_job(request: web.Request) -> web.Response:
    """`GET /api/jobs/ID`."""
    view = await jobs_of(request).get(caller_of(request), named(request, "any_id"))
    return json_answer(_details(request, view))


def _details(request: web.Request, view: JobView) -> dict[str, Any]:
    # Ray hides env_vars from browsers. Here one queue serves many people, so they are the owner's alone.
    foreign = view.job.user != caller_of(request).user
    return job_details(view, redact=foreign or from_browser(request.headers))


async def stop_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/ID/stop`."""
    stopped = await jobs_of(request).stop(caller_of(request), named(request, "any_id"))
    return json_answer({"stopped": stopped})


async def delete_job(request: web.Request) -> web.Response:
    """`DELETE /api/jobs/ID`."""
    deleted = await jobs_of(request).delete(caller_of(request), named(request, "any_id"))
    return json_answer({"deleted": deleted})


async def get_logs(request: web.Request) -> web.Response:
    """`GET /api/jobs/ID/logs`."""
    return json_answer({"logs": await jobs_of(request).logs(caller_of(request), named(request, "any_id"))})
