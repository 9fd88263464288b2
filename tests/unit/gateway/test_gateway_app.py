"""The HTTP face as any HTTP client sees it."""

import asyncio
import dataclasses
import inspect
import io
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from fake_service import ALICE, BOB, FakeService, asking, make_job, serving

from spillover.domain.job import SubmitRequest
from spillover.errors import PoolRefused, PoolUnreachable
from spillover.gateway.middleware import MISSING_TOKEN, WRONG_TOKEN

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("header", ["Authorization", "X-Ray-Authorization"])
async def test_token_is_taken_from_both_headers(header: str) -> None:
    """A bearer token opens the API in either of the headers that Ray's dashboard reads."""
    async with asking(FakeService(), {header: "Bearer alice-token"}) as client:
        answer = await client.get("/api/version")
        assert answer.status == 200
        assert await answer.json() == FakeService().version()


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 401, MISSING_TOKEN),
        ({"Authorization": ""}, 401, MISSING_TOKEN),
        ({"Authorization": "Bearer nobody"}, 403, WRONG_TOKEN),
        ({"Authorization": "Bearer "}, 403, WRONG_TOKEN),
        ({"Authorization": "alice-token"}, 403, WRONG_TOKEN),
        ({"Authorization": "Basic x", "X-Ray-Authorization": "Bearer alice-token"}, 403, WRONG_TOKEN),
    ],
)
@pytest.mark.parametrize("path", ["/api/version", "/api/jobs/", "/api/jobs/j1/logs/tail", "/nothing/here"])
async def test_strangers_stay_out(headers: Mapping[str, str], status: int, text: str, path: str) -> None:
    """Without a known token every path answers as Ray does, and says nothing about what exists."""
    async with asking(FakeService(), headers) as client:
        answer = await client.get(path)
        assert (answer.status, await answer.text()) == (status, text)


async def test_auth_texts_are_rays() -> None:
    """The texts for a missing and a wrong token are those in Ray's own middleware."""
    from ray._private.authentication import http_token_authentication

    source = inspect.getsource(http_token_authentication)
    assert MISSING_TOKEN in source
    assert WRONG_TOKEN in source


async def test_open_paths_need_no_token() -> None:
    """The authentication mode and the health are open, and health tells whether the service is ready."""
    service = FakeService()
    async with asking(service, {}) as client:
        mode = await client.get("/api/authentication_mode")
        assert await mode.json() == {"authentication_mode": "token"}
        assert (await client.get("/api/spillover/v1/health")).status == 200
        service.is_ready = False
        assert (await client.get("/api/spillover/v1/health")).status == 503


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/jobs"])
async def test_job_is_submitted_listed_stopped_deleted(path: str) -> None:
    """A job's whole life goes through Ray's paths, with or without the slash."""
    service = FakeService()
    async with asking(service) as client:
        answer = await client.post(path, json={"entrypoint": "true", "submission_id": "j1", "metadata": {"a": "b"}})
        assert await answer.json() == {"job_id": "j1", "submission_id": "j1"}
        assert service.views["j1"].job.request == SubmitRequest("true", metadata={"a": "b"})
        listed = await (await client.get(path)).json()
        assert [job["submission_id"] for job in listed] == ["j1"]
        assert listed[0] == await (await client.get("/api/jobs/j1")).json()
        assert await (await client.get("/api/jobs/j1/logs")).json() == {"logs": "hello\nwörld\n"}
        assert await (await client.post("/api/jobs/j1/stop")).json() == {"stopped": True}
        assert await (await client.post("/api/jobs/j1/stop")).json() == {"stopped": False}
        assert await (await client.delete("/api/jobs/j1")).json() == {"deleted": True}
        assert await (await client.get(path)).json() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/jobs/nope"),
        ("DELETE", "/api/jobs/nope"),
        ("POST", "/api/jobs/nope/stop"),
        ("GET", "/api/jobs/nope/logs"),
        ("GET", "/api/jobs/nope/logs/tail"),
        ("GET", "/api/spillover/v1/jobs/nope/explain"),
    ],
)
async def test_unknown_job_is_404(method: str, path: str) -> None:
    """Every path about an unknown job answers 404 with Ray's text."""
    async with asking(FakeService()) as client:
        answer = await client.request(method, path)
        assert (answer.status, await answer.text()) == (404, "Job nope does not exist")


async def test_the_listed_500s_have_one_line() -> None:
    """A taken id and the deletion of a live job are Ray's 500s, without Ray's traceback."""
    service = FakeService()
    service.add(make_job("j1"))
    async with asking(service) as client:
        taken = await client.post("/api/jobs/", json={"entrypoint": "x", "submission_id": "j1"})
        text = "Job with submission_id j1 already exists. Please use a different submission_id."
        assert (taken.status, await taken.text()) == (500, text)
        live = await client.delete("/api/jobs/j1")
        assert (live.status, "Traceback" in await live.text()) == (500, False)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b'{"entrypoint": ', 500, "The body is not JSON"),
        (b"[]", 500, "The body must be a JSON object"),
        (b"{}", 400, "TypeError: JobSubmitRequest.__init__() missing 1 required positional argument: 'entrypoint'"),
        (b'{"entrypoint": 1}', 400, "TypeError: entrypoint must be a string, got <class 'int'>"),
        (b'{"entrypoint": "x", "foo": 1}', 400, "TypeError: JobSubmitRequest.__init__() got an unexpected keyword"),
    ],
)
async def test_bad_bodies_keep_rays_status(body: bytes, status: int, text: str) -> None:
    """A bad body is answered with Ray's status and one clear line."""
    async with asking(FakeService()) as client:
        answer = await client.post("/api/jobs/", data=body)
        assert answer.status == status
        assert (await answer.text()).startswith(text)
        assert "\n" not in await answer.text()


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_are_refused(*, chunked: bool) -> None:
    """A job's description over the limit is a 413 that says what to do, with a length or without."""

    async def pieces() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    async with asking(FakeService()) as client:
        answer = await client.post("/api/jobs/", data=pieces() if chunked else io.BytesIO(b"x" * 1_100_000))
        assert answer.status == 413
        assert "over 1048576 bytes" in await answer.text()


async def test_env_vars_are_the_owners_alone() -> None:
    """The owner's client sees env_vars in full; a browser, and every other user, sees their names alone."""
    service = FakeService()
    env = {"env_vars": {"TOKEN": "secret"}}
    service.add(make_job("j1", request=SubmitRequest("x", runtime_env=env), user="alice"))
    async with asking(service, {}) as client:
        for headers, value in (
            (ALICE, "secret"),
            (BOB, "<redacted>"),
            (ALICE | {"User-Agent": "Mozilla/5.0"}, "<redacted>"),
            (ALICE | {"Sec-Fetch-Mode": "cors"}, "<redacted>"),
        ):
            one = await (await client.get("/api/jobs/j1", headers=headers)).json()
            every = await (await client.get("/api/jobs/", headers=headers)).json()
            assert one["runtime_env"] == every[0]["runtime_env"] == {"env_vars": {"TOKEN": value}}


async def test_unknown_path_says_what_exists() -> None:
    """An unknown path is a 404 that lists what is served."""
    async with asking(FakeService()) as client:
        answer = await client.put("/api/actors/", json={})
        text = await answer.text()
        assert answer.status == 404
        assert text.startswith("Nothing is at /api/actors/. Spillover serves:\n")
        assert "\n  PUT /api/packages/{protocol}/{name}\n" in text


async def test_wrong_method_says_which_are_right() -> None:
    """A wrong method is a 405 that names the right ones."""
    async with asking(FakeService()) as client:
        answer = await client.patch("/api/jobs/")
        assert answer.status == 405
        assert await answer.text() == "PATCH is not allowed at /api/jobs/; allowed: GET, HEAD, POST"
        assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_crash_shows_a_reference_alone(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error shows the client a reference, under which the log holds the traceback."""
    service = FakeService()
    service.error = KeyError("internal detail")
    async with asking(service) as client:
        with caplog.at_level(logging.ERROR):
            answer = await client.get("/api/jobs/j1")
        text = await answer.text()
    assert answer.status == 500
    assert "internal" not in text
    reference = text.split()[-1]
    record = next(r for r in caplog.records if reference in r.getMessage())
    assert record.exc_info
    assert record.exc_info[0] is KeyError


@pytest.mark.parametrize(("error", "status"), [(PoolUnreachable("onprem is away"), 503), (PoolRefused("no"), 502)])
async def test_pool_errors_are_no_500(error: Exception, status: int) -> None:
    """A pool that fails a relayed request is told apart from a fault of ours, with its text."""
    service = FakeService()
    service.error = error
    async with asking(service) as client:
        answer = await client.get("/api/jobs/j1/logs")
        assert (answer.status, await answer.text()) == (status, str(error))


async def test_connection_errors_of_the_service_are_answered() -> None:
    """A broken connection behind the gateway is a 500 for the client, not a broken connection in front."""
    service = FakeService()
    service.error = ConnectionRefusedError("database")
    async with asking(service) as client:
        assert (await client.get("/api/jobs/j1")).status == 500


ODD_HEADS = [
    b"GET /api/jobs/%00 HTTP/1.1\r\n",
    b"GET /api/jobs/%0Aforged HTTP/1.1\r\n",
    b"GET /api/jobs/%ff%fe HTTP/1.1\r\n",
    b"GET /api/jobs/\xff HTTP/1.1\r\n",
    b"GET /api/jobs/%ED%A0%80/logs/tail HTTP/1.1\r\n",
    b"POST /api/spillover/v1/pools/%00/fold HTTP/1.1\r\nContent-Length: 0\r\n",
    b"GET /api/jobs/../../etc/passwd HTTP/1.1\r\n",
    b"GET /api/jobs/..%2F..%2Fetc HTTP/1.1\r\n",
    b"GET //api//jobs HTTP/1.1\r\n",
    b"GET /api/version HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\r\n",
    b"POST /api/jobs/ HTTP/1.1\r\nContent-Length: -5\r\n",
]


@pytest.mark.parametrize("head", ODD_HEADS, ids=repr)
async def test_odd_requests_are_the_clients_fault(head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that no honest client sends get a 4xx, reach no store, and cause no error in the log."""
    service = FakeService()
    async with serving(service) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        token = b"" if b"Authorization" in head else b"Authorization: Bearer alice-token\r\n"
        writer.write(head + b"Host: x\r\nConnection: close\r\n" + token + b"\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert not [record for record in caplog.records if record.name.startswith("spillover")]


async def test_mapped_core_job_id_finds_the_job() -> None:
    """A job answers to its core job id with the pool's name before it, as shown in its details."""
    from test_wire import ATTEMPT

    service = FakeService()
    service.add(make_job("j1"), dataclasses.replace(ATTEMPT, pool="onprem"))
    async with asking(service) as client:
        details = await (await client.get("/api/jobs/onprem:02000000")).json()
        assert (details["submission_id"], details["job_id"]) == ("j1", "onprem:02000000")
