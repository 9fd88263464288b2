"""Where the server listens: whether its certificate can serve, and whether tokens would travel in clear."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .mistakes import Mistake, warn
from .positions import mapping
from .source import Source

_URL, _TLS = ("listen", "url"), ("listen", "tls")
_PARTS = {"certificate": "-----BEGIN CERTIFICATE-----", "key": "PRIVATE KEY-----"}


def listening(source: Source) -> Iterator[Mistake]:
    """Make the files of a certificate absolute, and check what no single key of `listen` shows."""
    listen = mapping(source.tree.get("listen"))
    tls = mapping(listen.get("tls"))
    files = {name: (*_TLS, name) for name in _PARTS if isinstance(tls.get(name), str)}
    wrong = []
    for name, path in files.items():
        written, tls[name] = tls[name], str(source.resolve(path, tls[name]))
        if text := _wrong_file(Path(tls[name]), _PARTS[name]):
            wrong.append(Mistake(path, text, written))
    yield from wrong
    if len(files) == len(_PARTS) and not wrong and (text := _wrong_pair(tls["certificate"], tls["key"])):
        yield Mistake(files["key"], text, tls["key"])
    yield from _address(listen, has_tls=bool(tls))


def _wrong_file(file: Path, part: str) -> str:
    """What is wrong with it, or ""."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return "there is no such file"
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if part not in text:
        return f"is no PEM file with a '{part.strip('-')}'"
    encrypted = "ENCRYPTED" in text
    return "is encrypted, and nobody is there to ask for its passphrase at a start" if encrypted else ""


def _wrong_pair(certificate: str, key: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"is not the key of the certificate {certificate}"
        return f"cannot serve TLS with {certificate}: {error.reason or error}"
    return ""


def _address(listen: Mapping[str, Any], *, has_tls: bool) -> Iterator[Mistake]:
    url, host = listen.get("url"), listen.get("host", "127.0.0.1")
    clear = "tokens and env_vars travel in clear; set listen.tls, or listen.url to a proxy's https address"
    if isinstance(url, str) and url.startswith("http://"):
        if has_tls:
            yield Mistake(_URL, "must begin with https://, since listen.tls is set", url)
        elif not _is_here(urlsplit(url).hostname):
            yield warn(_URL, clear, url)
    elif not (has_tls or url or _is_here(host)):
        yield warn(("listen", "host"), f"other machines reach it, and {clear}", host)


def _is_here(host: object) -> bool:
    """Whether that is this machine alone."""
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return host == "localhost"
