"""A pool's Jobs API over real HTTP on loopback: what each answer means."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from spillover.adapters.ray_cluster import MARK, RayCluster
from spillover.adapters.ray_http import RayHttp, last_line
from spillover.domain.job import SubmitRequest
from spillover.errors import PoolRefused, PoolUnreachable

pytestmark = pytest.mark.asyncio

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

TRACEBACK = """Traceback (most recent call last):
  File "/ray/dashboard/modules/job/job_agent.py", line 60, in submit_job
    submission_id = await self.get_job_manager().submit_job(
ValueError: Job with submission_id j1 already exists. Please use a different submission_id.
"""


class FakeRay:
    """A dashboard that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any] | Answer] = {}
        self.asked: list[tuple[str, Any]] = []
        self.headers: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call = f"{request.method} {request.raw_path}"
        body = await request.read()
        self.asked.append((call, body))
        self.headers = dict(request.headers)
        answer = self.answers.get(call, (404, "no such thing"))
        if callable(answer):
            return await answer(request)
        status, value = answer
        return (
            web.Response(status=status, text=value)
            if isinstance(value, str)
            else web.json_response(value, status=status)
        )


@asynccontextmanager
async def cluster_of(ray: FakeRay, token: str | None = "t0ken") -> AsyncIterator[RayCluster]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", ray.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    cluster = RayCluster(RayHttp("dc", lambda: f"http://{host}:{port}/", lambda: token), "ours")
    try:
        yield cluster
    finally:
        await cluster.close()
        await runner.cleanup()


async def test_version_names_the_session() -> None:
    """Who answers is known by the session's name; the token goes along in both headers."""
    ray = FakeRay()
    ray.answers["GET /api/version"] = (200, {"version": "4", "ray_version": "2.60.0", "session_name": "session_x"})
    async with cluster_of(ray) as cluster:
        version = await cluster.version()
    assert (version.ray_version, version.session_name) == ("2.60.0", "session_x")
    assert ray.headers["Authorization"] == ray.headers["X-Ray-Authorization"] == "Bearer t0ken"


async def test_submit_sends_what_the_user_sent_and_our_mark() -> None:
    """Only what was said is sent, under the attempt's id, with the installation in its metadata."""
    ray = FakeRay()
    ray.answers["POST /api/jobs/"] = (200, {"submission_id": "j1-a2"})
    request = SubmitRequest("python a.py", {"env_vars": {"A": "1"}}, {"mine": "x"}, entrypoint_num_cpus=0.5)
    async with cluster_of(ray) as cluster:
        await cluster.submit("j1-a2", request)
    assert json.loads(ray.asked[0][1]) == {
        "entrypoint": "python a.py",
        "submission_id": "j1-a2",
        "runtime_env": {"env_vars": {"A": "1"}},
        "metadata": {"mine": "x", MARK: "ours"},
        "entrypoint_num_cpus": 0.5,
    }


async def test_id_that_exists_and_is_ours_counts_as_done() -> None:
    """A retry after a crash finds its job there and goes on."""
    ray = FakeRay()
    ray.answers["POST /api/jobs/"] = (500, TRACEBACK)
    ray.answers["GET /api/jobs/j1"] = (200, {"status": "RUNNING", "metadata": {MARK: "ours"}})
    async with cluster_of(ray) as cluster:
        await cluster.submit("j1", SubmitRequest("python a.py"))


@pytest.mark.parametrize("metadata", [None, {}, {MARK: "another installation"}])
async def test_id_that_exists_and_is_not_ours_is_refused(metadata: dict[str, str] | None) -> None:
    """Somebody else's job of the same name is not taken for ours: not at submit, and not when we look."""
    ray = FakeRay()
    ray.answers["POST /api/jobs/"] = (500, TRACEBACK)
    ray.answers["GET /api/jobs/j1"] = (200, {"status": "RUNNING", "metadata": metadata})
    async with cluster_of(ray) as cluster:
        with pytest.raises(PoolRefused, match="the id j1 is taken on the pool by a job that did not come through"):
            await cluster.submit("j1", SubmitRequest("python a.py"))
        assert await cluster.job("j1") is None


@pytest.mark.parametrize(
    ("status", "wrapped"), [(400, ""), (500, "RuntimeError: Request failed with status code 400: ")]
)
async def test_submit_that_ray_refuses_shows_its_last_line(status: int, wrapped: str) -> None:
    """Users see the reason, never a traceback; also when the head wraps its agent's refusal into a 500."""
    ray = FakeRay()
    text = f"{wrapped}Traceback ...\n  File x\nValueError: runtime_env field pip is wrong\n"
    ray.answers["POST /api/jobs/"] = (status, text)
    async with cluster_of(ray) as cluster:
        with pytest.raises(PoolRefused) as refused:
            await cluster.submit("j1", SubmitRequest("python a.py"))
    assert str(refused.value) == "the pool refused the job: ValueError: runtime_env field pip is wrong"


async def test_head_that_is_not_ready_is_asked_again() -> None:
    """Ray answers 500 while its agent is not up yet, and says to try again: that is no refusal."""
    ray = FakeRay()
    ray.answers["POST /api/jobs/"] = (500, "No available agent to submit job, please try again later.")
    async with cluster_of(ray) as cluster:
        with pytest.raises(PoolUnreachable, match="No available agent"):
            await cluster.submit("j1", SubmitRequest("python a.py"))


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_token_says_what_to_set(status: int) -> None:
    """A token that the pool does not take is named as such, with the settings that hold it, on every call."""
    ray = FakeRay()
    ray.answers["GET /api/version"] = ray.answers["GET /api/jobs/j1"] = (status, "Unauthorized")
    async with cluster_of(ray) as cluster:
        for call in (cluster.version(), cluster.job("j1")):
            with pytest.raises(PoolRefused) as refused:
                await call
            assert str(refused.value) == (
                f"pool 'dc' refuses our token (HTTP {status}); set token_file or token_env of the pool in the settings"
            )


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_head_half_up_is_unreachable(status: int) -> None:
    """What a proxy or a starting head answers says nothing about the jobs there."""
    ray = FakeRay()
    ray.answers["GET /api/jobs/j1"] = (status, "bad gateway")
    async with cluster_of(ray) as cluster:
        with pytest.raises(PoolUnreachable, match=f"pool 'dc' answers HTTP {status}"):
            await cluster.job("j1")


async def test_no_answer_is_unreachable() -> None:
    """A refused connection, and a pool without an address, are unreachable, on every call."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}", None):
        cluster = RayCluster(RayHttp("dc", lambda address=address: address, lambda: None), "ours")  # type: ignore[misc]
        calls = [cluster.version(), cluster.job("j"), cluster.stop("j"), cluster.logs("j"), cluster.observe()]
        for call in [
            *calls,
            cluster.has_package("gcs://a.zip"),
            cluster.submit("j", SubmitRequest("x")),
            anext(cluster.tail("j")),
        ]:
            with pytest.raises(PoolUnreachable, match="pool 'dc'"):
                await call
        await cluster.close()


async def test_job_is_read_in_seconds() -> None:
    """Ray's milliseconds become seconds; a job that the cluster does not know is None."""
    ray = FakeRay()
    ray.answers["GET /api/jobs/a%2Fb"] = (
        200,
        {
            "status": "FAILED",
            "message": None,
            "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR",
            "start_time": 1500,
            "end_time": 2500,
            "driver_exit_code": 3,
            "job_id": "02000000",
            "driver_node_id": "n",
            "driver_info": {"id": "02000000", "pid": "7"},
            "metadata": {MARK: "ours"},
        },
    )
    async with cluster_of(ray) as cluster:
        seen = await cluster.job("a/b")
        assert await cluster.job("unknown") is None
    assert seen is not None
    assert (seen.status, seen.message, seen.start_at, seen.end_at, seen.exit_code) == ("FAILED", "", 1.5, 2.5, 3)
    assert (seen.core_job_id, seen.driver_info) == ("02000000", {"id": "02000000", "pid": "7"})


async def test_packages_are_uploaded_raw(tmp_path: Path) -> None:
    """A package goes to the pool as it is, under its own name."""
    ray, path = FakeRay(), tmp_path / "p.zip"
    path.write_bytes(b"PK\x00\xff")
    ray.answers["GET /api/packages/gcs/here.zip"] = ray.answers["PUT /api/packages/gcs/a.zip"] = (200, "")
    async with cluster_of(ray) as cluster:
        assert await cluster.has_package("gcs://here.zip")
        assert not await cluster.has_package("gcs://a.zip")
        await cluster.put_package("gcs://a.zip", path)
        assert ray.asked[-1] == ("PUT /api/packages/gcs/a.zip", b"PK\x00\xff")
        with pytest.raises(PoolRefused, match=r"package gcs://b.zip was not taken: no such thing"):
            await cluster.put_package("gcs://b.zip", path)


async def test_stop_of_an_unknown_job_is_no_error() -> None:
    """What the cluster does not know needs no stop; a refusal is passed on."""
    ray = FakeRay()
    ray.answers["POST /api/jobs/j2/stop"] = (500, "RuntimeError: no")
    async with cluster_of(ray) as cluster:
        await cluster.stop("j1")
        with pytest.raises(PoolRefused, match="stop of j2: RuntimeError: no"):
            await cluster.stop("j2")


@pytest.mark.parametrize("clean", [True, False])
async def test_log_stream(clean: bool) -> None:  # noqa: FBT001
    """Frames come as they are; a clean close is the end, any other is an outage."""

    async def stream(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("one\n")
        await socket.send_str("two\n")
        await socket.close(code=WSCloseCode.OK if clean else WSCloseCode.INTERNAL_ERROR)
        return socket

    ray, got = FakeRay(), []
    ray.answers["GET /api/jobs/j1/logs/tail"] = stream
    ray.answers["GET /api/jobs/j1/logs"] = (200, {"logs": "one\ntwo\n"})
    async with cluster_of(ray) as cluster:
        assert await cluster.logs("j1") == "one\ntwo\n"
        try:
            async for text in cluster.tail("j1"):
                got.append(text)  # noqa: PERF401  # what came before the break counts
            assert clean
        except PoolUnreachable:
            assert not clean
    assert got == ["one\n", "two\n"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\n", "b"),
        (TRACEBACK, "ValueError: Job with submission_id j1 already exists. Please use a different submission_id."),
        ("x\n...\n'\n", "x"),
        ("", "no reason given"),
        ("a\\nb", "b"),
    ],
)
async def test_last_line_that_says_something(text: str, line: str) -> None:
    """Of a traceback the last line counts, dots and quotes apart."""
    assert last_line(text) == line
