"""Followed logs end cleanly with the job, and in no other way."""

import asyncio
import logging

import aiohttp
import pytest
from fake_service import ALICE, FakeService, asking, make_job, serving

from spillover.errors import PoolUnreachable

pytestmark = pytest.mark.asyncio

TAIL = "/api/jobs/j1/logs/tail"


def service_with_job() -> FakeService:
    service = FakeService()
    service.add(make_job("j1"))
    return service


async def drain(socket: aiohttp.ClientWebSocketResponse) -> tuple[list[str], int | None]:
    """All text until the stream ends, and the close code."""
    texts = []
    while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
        texts.append(message.data)
    while message.type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
        message = await socket.receive(timeout=5)
    return texts, socket.close_code


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_lines_come_as_they_are_said() -> None:
    """Each text is sent at once, and the job's end closes with 1000."""
    service = service_with_job()
    async with asking(service) as client, client.ws_connect(TAIL) as socket:
        service.say("j1", "one\n")
        assert await socket.receive_str(timeout=5) == "one\n"
        service.say("j1", "two ü\n")
        assert await socket.receive_str(timeout=5) == "two ü\n"
        service.finish("j1")
        assert await drain(socket) == ([], 1000)
    assert service.finished_tails == ["j1"]


async def test_text_sent_before_the_end_arrives() -> None:
    """Nothing that was said before the end is lost in the close."""
    service = service_with_job()
    for number in range(200):
        service.say("j1", f"{number}\n" * 100)
    service.finish("j1")
    async with asking(service) as client, client.ws_connect(TAIL) as socket:
        texts, code = await drain(socket)
    assert (len(texts), code) == (200, 1000)


async def test_long_text_is_cut_into_frames() -> None:
    """Text over the 4 MiB that Ray's client takes in one message arrives whole, in several."""
    service = service_with_job()
    text = "€" * 3_000_000
    service.say("j1", text)
    service.finish("j1")
    async with asking(service) as client, client.ws_connect(TAIL) as socket:
        texts, code = await drain(socket)
    assert ("".join(texts) == text, code) == (True, 1000)
    assert len(texts) > 1


@pytest.mark.parametrize("error", [PoolUnreachable("onprem is away"), RuntimeError("bug")])
async def test_failing_stream_is_cut(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """A stream that fails is cut without a close frame, which a client sees as 1006, and is logged."""
    service = service_with_job()
    service.say("j1", "one\n")
    with caplog.at_level(logging.WARNING):
        async with asking(service) as client, client.ws_connect(TAIL) as socket:
            assert await socket.receive_str(timeout=5) == "one\n"
            service.say("j1", error)
            assert await drain(socket) == ([], 1006)
    assert "Cut the log stream of j1" in caplog.text
    assert ("Traceback" in caplog.text) == isinstance(error, RuntimeError)


async def test_shutdown_cuts_streams_first() -> None:
    """A server that stops cuts followed logs without a close frame and does not wait for them."""
    service = service_with_job()
    async with serving(service) as server, aiohttp.ClientSession(server.url, headers=ALICE) as client:
        socket = await client.ws_connect(TAIL)
        service.say("j1", "one\n")
        assert await socket.receive_str(timeout=5) == "one\n"
        async with asyncio.timeout(2):
            await server.stop()
        assert await drain(socket) == ([], 1006)
        await until(lambda: service.finished_tails)


async def test_leaving_client_stops_the_stream() -> None:
    """A client that closes, or just vanishes, ends the iterator behind it."""
    service = service_with_job()
    async with asking(service) as client:
        polite = await client.ws_connect(TAIL)
        await polite.close()
        await until(lambda: len(service.finished_tails) == 1)
        rude = await client.ws_connect(TAIL)
        assert rude._response.connection is not None
        rude._response.connection.transport.abort()
        await until(lambda: len(service.finished_tails) == 2)


async def test_iterator_is_closed_wherever_it_stands() -> None:
    """An iterator that is not being waited for when its reader goes is closed all the same."""
    service = service_with_job()
    closed = asyncio.Event()

    class Flood:
        def __aiter__(self) -> "Flood":
            return self

        async def __anext__(self) -> str:
            return "x" * 100_000

        async def aclose(self) -> None:
            closed.set()

    service.tail = lambda caller, any_id: Flood()  # type: ignore[method-assign,assignment,return-value]
    async with asking(service) as client:
        socket = await client.ws_connect(TAIL)
        await socket.receive_str(timeout=5)
        assert socket._response.connection is not None
        socket._response.connection.transport.abort()
        await asyncio.wait_for(closed.wait(), 5)


async def test_idle_stream_is_pinged() -> None:
    """While nothing is said, pings keep the connection alive."""
    service = service_with_job()
    async with (
        asking(service, ping_every_s=0.05) as client,
        client.ws_connect(TAIL, autoping=False) as socket,
    ):
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.PING


async def test_silent_client_is_dropped() -> None:
    """A client that answers no ping is dropped, and its stream ends."""
    service = service_with_job()
    async with asking(service, ping_every_s=0.05) as client, client.ws_connect(TAIL, autoping=False) as socket:
        await until(lambda: service.finished_tails == ["j1"])
        assert not socket.closed


async def test_unknown_job_is_404_before_the_upgrade() -> None:
    """An unknown job fails the handshake with 404, as in Ray."""
    async with asking(FakeService()) as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await client.ws_connect("/api/jobs/nope/logs/tail")
        assert error.value.status == 404


async def test_plain_request_is_told() -> None:
    """A plain GET of the stream is a 400, and opens no iterator."""
    service = service_with_job()
    async with asking(service) as client:
        answer = await client.get(TAIL)
        assert answer.status == 400
        assert "WebSocket" in await answer.text()
