"""Followed logs over a web socket.

Ray's client takes a clean close for the end of the job, asks for its status and goes. So only the job's end closes
cleanly; whatever else ends a stream cuts the connection without a close frame, which makes the client raise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from aiohttp import WSMsgType, web

from ..errors import SpilloverError
from .web import caller_of, jobs_of, named, text_answer

log = logging.getLogger(__name__)

# aiohttp's client, which is Ray's, refuses messages over 4 MiB; a character takes up to four bytes.
_FRAME_CHARS = 256 * 1024
# Clients have nothing to say here but pongs and a close.
_MAX_INCOMING_BYTES = 64 * 1024
_CLOSE_TIMEOUT_S = 10.0
_GONE = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Tails:
    """The open streams of an app."""

    def __init__(self, ping_every_s: float) -> None:
        self.ping_every_s = ping_every_s
        self.closing = False
        self._open: set[asyncio.Transport] = set()

    @contextmanager
    def watch(self, transport: asyncio.Transport) -> Iterator[None]:
        """Count a stream as open, unless the server began to shut down while it was upgraded."""
        self._open.add(transport)
        if self.closing:
            transport.abort()
        try:
            yield
        finally:
            self._open.discard(transport)

    async def cut(self, _: web.Application) -> None:
        """Cut all streams and let no new one begin: the server shuts down."""
        self.closing = True
        for transport in list(self._open):
            transport.abort()


TAILS: web.AppKey[Tails] = web.AppKey("tails", Tails)


async def tail_logs(request: web.Request) -> web.StreamResponse:
    """`GET /api/jobs/ID/logs/tail`, upgraded to a web socket."""
    tails, service, any_id = request.app[TAILS], jobs_of(request), named(request, "any_id")
    await service.get(caller_of(request), any_id)  # a 404 can only be said before the upgrade
    if tails.closing:
        return text_answer("Spillover is shutting down; try again soon", 503)
    socket = web.WebSocketResponse(
        heartbeat=tails.ping_every_s, compress=False, max_msg_size=_MAX_INCOMING_BYTES, timeout=_CLOSE_TIMEOUT_S
    )
    await socket.prepare(request)
    transport = request.transport
    if transport is not None:
        with tails.watch(transport):
            await _serve(socket, transport, service.tail(caller_of(request), any_id), any_id)
    return socket


async def _serve(
    socket: web.WebSocketResponse, transport: asyncio.Transport, lines: AsyncIterator[str], any_id: str
) -> None:
    ended = False
    try:
        ended = await _relay(socket, lines)
        if ended:
            await asyncio.wait_for(socket.close(), _CLOSE_TIMEOUT_S)
    except SpilloverError as error:
        log.warning("Cut the log stream of %s: %s", any_id, error)
        ended = False
    except (TimeoutError, ConnectionError) as error:
        # Mostly a client that reads no more, or is gone.
        log.info("Cut the log stream of %s: %r", any_id, error)
        ended = False
    except Exception:
        log.exception("Cut the log stream of %s", any_id)
        ended = False
    finally:
        if not ended:
            transport.abort()


async def _relay(socket: web.WebSocketResponse, lines: AsyncIterator[str]) -> bool:
    """Send until the stream ends (True), fails (raises) or the client goes away (False)."""
    sending = asyncio.create_task(_send(socket, lines))
    leaving = asyncio.create_task(_until_gone(socket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = sending.done()
        sending.cancel()
        leaving.cancel()
        results = await asyncio.gather(sending, leaving, return_exceptions=True)
    if ended and isinstance(results[0], BaseException):
        raise results[0]
    return ended


async def _send(socket: web.WebSocketResponse, lines: AsyncIterator[str]) -> None:
    try:
        async for text in lines:
            for start in range(0, len(text), _FRAME_CHARS):
                await socket.send_str(text[start : start + _FRAME_CHARS])
    finally:
        # The iterator may hold a stream from a pool: it must not outlive its reader.
        close = getattr(lines, "aclose", None)
        if close is not None:
            await close()


async def _until_gone(socket: web.WebSocketResponse) -> None:
    """Read, so that pongs and the client's leaving are seen."""
    while (await socket.receive()).type not in _GONE:
        pass
