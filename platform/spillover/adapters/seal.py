"""Secrets at rest: `env_vars` of runtime environments, encrypted with a key that lies beside the database."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet

from ..errors import SpilloverError


class Sealer:
    """Encrypts and decrypts short texts (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._fernet = Fernet(key)

    @classmethod
    def from_file(cls, path: Path) -> Sealer:
        """Use the key in the file; make one, readable by its owner alone, if there is none."""
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls(path.read_bytes().strip())
        with os.fdopen(fd, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        return cls(path.read_bytes().strip())

    def seal(self, text: str) -> str:
        """The text, unreadable."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises SpilloverError if the key is another one."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except Exception as error:
            raise SpilloverError(
                "a stored secret cannot be decrypted: the key file beside the database is another one"
            ) from error
