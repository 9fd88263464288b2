"""Where the server listens: certificates that can serve, and tokens that do not travel in clear."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from certificates import self_signed
from spillover.errors import SettingsError

LISTEN = "listen: {tls: {certificate: tls/cert.pem, key: tls/key.pem}}"


@pytest.fixture
def with_tls(folder: Any) -> Any:
    """The settings with a self-signed certificate."""
    (folder.path / "tls").mkdir()
    self_signed(folder.path / "tls/cert.pem", folder.path / "tls/key.pem")
    folder.change("defaults:", f"{LISTEN}\ndefaults:")
    return folder


def test_a_pair_that_fits_is_taken(with_tls: Any) -> None:
    """File names start from the settings' folder; a URL loses its last slash."""
    listen = with_tls.load("listen.url=https://ray.example.com/").listen
    assert (listen.tls.certificate, listen.tls.key) == (with_tls.path / "tls/cert.pem", with_tls.path / "tls/key.pem")
    assert listen.url == "https://ray.example.com"


def test_without_tls_there_is_none(folder: Any) -> None:
    """Nothing said about TLS means plain HTTP, told at the address where it listens."""
    listen = folder.load("listen.tls=null").listen
    assert (listen.tls, listen.url) == (None, None)


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (
            ("tls/cert.pem", "tls/none.pem"),
            "s.yaml:1: listen.tls.certificate: value 'tls/none.pem': there is no such file",
        ),
        (("tls/cert.pem", "tls"), "s.yaml:1: listen.tls.certificate: value 'tls': cannot be read: Is a directory"),
        (
            ("tls/cert.pem", "tls/key.pem"),
            "listen.tls.certificate: value 'tls/key.pem': is no PEM file with a 'BEGIN CERTIFICATE'",
        ),
        (("tls/key.pem", "tls/cert.pem"), "listen.tls.key: value 'tls/cert.pem': is no PEM file with a 'PRIVATE KEY'"),
        (("tls/key.pem", "tls/other.pem"), "tls/other.pem': is not the key of the certificate tls/cert.pem"),
        (
            ("tls/key.pem", "tls/locked.pem"),
            "listen.tls.key: value 'tls/locked.pem': is encrypted, and nobody is there to ask",
        ),
        (("tls/key.pem", "tls/broken.pem"), "tls/broken.pem': cannot serve TLS with tls/cert.pem"),
        ((", key: tls/key.pem", ""), "s.yaml:1: listen.tls.key: is required"),
        (("certificate:", "certifcate:"), "s.yaml:1: listen.tls.certifcate: unknown key; did you mean 'certificate'?"),
        (
            ("listen: {", "listen: {url: http://h, "),
            "listen.url: value 'http://h': must begin with https://, since listen.tls is set",
        ),
        (
            ("listen: {", "listen: {url: h, "),
            "listen.url: value 'h': is no address for clients; write it as https://ray.example.com",
        ),
        (("listen: {", "listen: {ulr: https://h, "), "s.yaml:1: listen.ulr: unknown key; did you mean 'url'?"),
    ],
)
def test_what_cannot_serve_is_a_mistake(with_tls: Any, change: tuple[str, str], mistake: str) -> None:
    """A certificate and key that are missing, unreadable, of no use or not a pair are told in one line."""
    tls: Path = with_tls.path / "tls"
    self_signed(tls / "x.pem", tls / "other.pem")
    self_signed(tls / "x.pem", tls / "locked.pem", passphrase=b"secret")
    (tls / "broken.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with_tls.change(*change)
    found = with_tls.mistakes()
    assert len(found) == 1
    assert mistake in found[0]


@pytest.mark.parametrize(
    ("listen", "warned"),
    [
        ("{}", ""),
        ("{host: localhost}", ""),
        ("{host: '::1'}", ""),
        ("{host: 127.0.0.5, url: 'http://localhost:80'}", ""),
        ("{host: 0.0.0.0, url: 'https://ray.example.com'}", ""),
        (
            "{host: 0.0.0.0}",
            "listen.host: value '0.0.0.0': other machines reach it, and tokens and env_vars travel in clear",
        ),
        ("{host: ray.internal}", "listen.host: value 'ray.internal': other machines reach it"),
        (
            "{url: 'http://ray.example.com'}",
            "listen.url: value 'http://ray.example.com': tokens and env_vars travel in clear",
        ),
    ],
)
def test_tokens_in_clear_are_warned_of(folder: Any, caplog: pytest.LogCaptureFixture, listen: str, warned: str) -> None:
    """Where others could read tokens on the wire, a start says so, and what to set."""
    folder.change("defaults:", f"listen: {listen}\ndefaults:")
    with caplog.at_level(logging.WARNING):
        folder.load()
    assert bool(caplog.messages) == bool(warned)
    assert all(warned in text and "set listen.tls, or listen.url" in text for text in caplog.messages)


def test_with_tls_nothing_is_warned_of(with_tls: Any, caplog: pytest.LogCaptureFixture) -> None:
    """TLS on all interfaces is as it should be."""
    with caplog.at_level(logging.WARNING):
        with_tls.load("listen.host=0.0.0.0")
    assert caplog.messages == []


def test_a_mistake_in_tls_hides_no_other(with_tls: Any) -> None:
    """It is told together with all others."""
    with_tls.change("tls/key.pem", "nope.pem")
    with_tls.change("may_burst: true", "may_brst: true")
    with pytest.raises(SettingsError) as caught:
        with_tls.load()
    assert len(caught.value.mistakes) == 2
