"""The commands over TLS: whom they trust, and what they say when they do not."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from certificates import Signed, issue, write

AUTHORITY = issue(is_authority=True, name="our authority")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_args: object) -> None:
        """Silence."""


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_args: object) -> None:
        """A client that does not trust us leaves in the middle."""


class Site:
    """A server at `address` that shows a certificate, and its file."""

    def __init__(self, folder: Path, shown: Signed) -> None:
        self.certificate = folder / "cert.pem"
        write(shown, self.certificate, folder / "key.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "key.pem")
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"https://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Serves with `request.param`, else with a self-signed certificate."""
    opened = Site(tmp_path, getattr(request, "param", None) or issue("127.0.0.1"))
    yield opened
    opened.close()


def write_server_file(home: Path, **known: Any) -> None:
    (home / ".spillover").mkdir()
    (home / ".spillover" / "server.json").write_text(json.dumps(known))


def test_the_server_on_this_machine_is_trusted(site: Site, home: Path, bare: Any) -> None:
    """With the certificate that `spillover up` wrote down, nothing needs to be set."""
    write_server_file(home, address=site.address, ca_file=str(site.certificate))
    assert bare("pools", "--json").exit_code == 0


@pytest.mark.parametrize("site", [issue("127.0.0.1", by=AUTHORITY)], indirect=True)
def test_a_certificate_is_enough_without_its_authority(site: Site, home: Path, bare: Any) -> None:
    """One that a private authority has signed is trusted by itself, since the server knows no more."""
    write_server_file(home, address=site.address, ca_file=str(site.certificate))
    assert bare("pools", "--json").exit_code == 0


@pytest.mark.parametrize("site", [issue("127.0.0.1", by=AUTHORITY)], indirect=True)
def test_an_authority_can_be_named(site: Site, home: Path, bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPILLOVER_CA_FILE is for servers elsewhere, and wins over what this machine's server has written."""
    write(AUTHORITY, home / "ca.pem", home / "ca-key.pem")
    write_server_file(home, address=site.address, ca_file="/nowhere")
    monkeypatch.setenv("SPILLOVER_CA_FILE", "~/ca.pem")
    assert bare("pools", "--json").exit_code == 0


def test_a_stranger_is_told_with_the_remedy(site: Site, home: Path, bare: Any) -> None:
    """An unknown certificate is refused; the message names the address, the reason and the variable to set."""
    write_server_file(home, address="https://elsewhere", ca_file=str(site.certificate))
    result = bare("pools", "--address", site.address)
    assert result.exit_code == 1
    assert (
        f"the certificate of {site.address} (from --address) is not trusted: self-signed certificate. " in result.stderr
    )
    assert "Set SPILLOVER_CA_FILE to the file of the authority that signed it" in result.stderr


@pytest.mark.parametrize("site", [issue("ray.example.com")], indirect=True)
def test_another_name_is_told_as_such(site: Site, bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for another name is no matter of trust: the name must be used."""
    monkeypatch.setenv("SPILLOVER_CA_FILE", str(site.certificate))
    result = bare("pools", "--address", site.address)
    assert result.exit_code == 1
    assert "IP address mismatch" in result.stderr
    assert "Call the server by a name that its certificate has" in result.stderr


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), ("no PEM", "no certificate")])
def test_a_file_without_certificates_is_named(
    site: Site, home: Path, bare: Any, monkeypatch: pytest.MonkeyPatch, content: str | None, reason: str
) -> None:
    """A SPILLOVER_CA_FILE that cannot be used is told by name, not as a server that does not answer."""
    if content:
        (home / "ca.pem").write_text(content)
    monkeypatch.setenv("SPILLOVER_CA_FILE", str(home / "ca.pem"))
    result = bare("pools", "--address", site.address)
    assert result.exit_code == 1
    assert f"no certificates can be read from {home}/ca.pem: " in result.stderr
    assert reason in result.stderr
