"""Signed, short-lived addresses from which a pool fetches a package that is over Ray's own upload limit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from ..errors import NotFound
from .core import Core

LIFE_S = 3600.0


class Links:
    """Makes and checks the addresses. Their key is a secret of this installation."""

    def __init__(self, core: Core, key: bytes) -> None:
        self._core = core
        self._key = key

    def make(self, tenant: str, uri: str) -> str:
        """An address that works for an hour. It ends in the package's name, since Ray looks at the ending."""
        claims = json.dumps([tenant, uri, self._core.clock.now() + LIFE_S]).encode()
        body = base64.urlsafe_b64encode(claims).decode().rstrip("=")
        return f"{self._core.url}/api/spillover/v1/packages/{body}.{self._sign(body)}/{uri.removeprefix('gcs://')}"

    def read(self, link: str) -> tuple[str, str]:
        """Tenant and URI of a link's middle part. Raises NotFound if it is forged or too old."""
        body, _, signature = link.partition(".")
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode(errors="replace")):
            raise NotFound("This link is not one of ours.")
        tenant, uri, until = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if self._core.clock.now() > until:
            raise NotFound("This link is too old.")
        return str(tenant), str(uri)

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(errors="replace"), hashlib.sha256).hexdigest()
