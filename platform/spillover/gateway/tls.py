"""The certificate that the server shows, taken again from its files when they change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from cryptography import x509

from ..errors import SpilloverError

log = logging.getLogger(__name__)


class Certificates:
    """A TLS context for servers, 1.2 and later. Connections that are open keep the certificate that they began with."""

    def __init__(self, certificate: Path, key: Path, look_every_s: float = 60.0) -> None:
        """Read both files (PEM; the certificate with the chain below its root). Raises SpilloverError."""
        self.certificate = certificate
        self._key = key
        self._look_every_s = look_every_s
        self._stamp = self._stamped()
        self.context = self._loaded()

    @property
    def is_self_signed(self) -> bool:
        """Whether clients must be given the certificate itself to trust it."""
        shown = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        return shown.issuer == shown.subject

    def renew(self) -> bool:
        """Take the files again if they have changed: True if so. A pair that does not fit is not taken."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return False
            self._loaded()  # a failure in the context of the server would leave it without any
            self.context.load_cert_chain(self.certificate, self._key, _no_passphrase)
        except (SpilloverError, OSError) as error:
            log.warning("The certificate on disk is not taken; the one before stays: %s", error)
            return False
        self._stamp = stamp
        log.info("The certificate %s was renewed.", self.certificate)
        return True

    async def keep_fresh(self) -> None:
        """Look at the files again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._look_every_s)
            self.renew()  # not beside the loop: a context must not change while a connection begins

    def _stamped(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [path.stat() for path in (self.certificate, self._key)]
        except OSError as error:
            raise SpilloverError(f"{error.filename} cannot be read: {error.strerror}") from error
        return tuple((f.st_mtime_ns, f.st_size, f.st_ino) for f in found)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self._key, _no_passphrase)
        except OSError as error:  # ssl.SSLError among them
            raise SpilloverError(f"{self.certificate} and {self._key} do not serve TLS: {_reason(error)}") from error
        return context


def _reason(error: OSError) -> str:
    return str(error.reason if isinstance(error, ssl.SSLError) else error.strerror)


def _no_passphrase() -> str:
    raise SpilloverError("the key is encrypted, and a server starts without anybody to ask for its passphrase")
