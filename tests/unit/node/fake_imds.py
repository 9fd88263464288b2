"""A real HTTP server that answers as EC2's instance metadata service, version 2, does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class FakeImds:
    """`paths` is what lies below latest/meta-data/, `wall` the time it believes in (None: it sends no Date)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.paths: dict[str, str] = {}
        self.wall: float | None = 1_000_000.0
        self.tokens = 0
        self.valid_token = ""
        self.down = False

    def new_token(self) -> str:
        self.tokens += 1
        self.valid_token = f"token-{self.tokens}"
        return self.valid_token


@contextmanager
def fake_imds() -> Iterator[FakeImds]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            self.answer(200 if asked else 400, imds.new_token() if asked else "")

        def do_GET(self) -> None:
            text = imds.paths.get(self.path.removeprefix("/latest/meta-data/"))
            if self.headers["X-aws-ec2-metadata-token"] != imds.valid_token:
                self.answer(401, "")
            else:
                self.answer(404 if text is None else 200, text or "")

        def answer(self, status: int, text: str) -> None:
            self.send_response_only(500 if imds.down else status)
            if imds.wall is not None:
                self.send_header("Date", formatdate(imds.wall, usegmt=True))
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    imds = FakeImds(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield imds
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
