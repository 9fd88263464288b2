"""Uploaded packages on disk, apart by tenant: their names are computed by clients and prove nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import zipfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import BadRequest, PackageTooLarge
from ..units import show_size
from .core import Core

PIN_S = 600.0
RAY_LIMIT_BYTES = 100 * 2**20
_BESIDE_FOLDERS = ".spillover"
_NAME = re.compile(r"^gcs://[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,199}$")


class Packages:
    """Takes uploads, keeps them while anything needs them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._folder = core.folder / "packages"
        self._changing = asyncio.Lock()  # between what the store says and what lies on disk

    def path(self, tenant: str, uri: str) -> Path:
        """Where the package lies."""
        return self._folder / hashlib.sha256(tenant.encode()).hexdigest()[:16] / uri.removeprefix("gcs://")

    async def exists(self, tenant: str, uri: str) -> bool:
        """Whether the package is here. A yes pins it for ten minutes: the client will not send it again."""
        check_uri(uri)
        async with self._changing:
            pinned = await self._core.db(self._core.store.pin_package, tenant, uri, self._core.clock.now() + PIN_S)
            return pinned and self.path(tenant, uri).exists()

    async def put(self, tenant: str, uri: str, chunks: AsyncIterator[bytes], size_hint: int | None) -> None:
        """Write an upload to disk, synced, under its name only when it is whole. Raises PackageTooLarge."""
        check_uri(uri)
        self._check_size(size_hint or 0)
        target = self.path(tenant, uri)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            size = await self._write(part, chunks)
            if size > RAY_LIMIT_BYTES and uri.endswith(".zip"):
                await asyncio.to_thread(_keep_folders, part)
            async with self._changing:
                part.replace(target)
                _sync_folder(target.parent)
                await self._core.db(self._core.store.add_package, tenant, uri, size, self._core.clock.now())
        finally:
            part.unlink(missing_ok=True)

    async def _write(self, part: Path, chunks: AsyncIterator[bytes]) -> int:
        size = 0
        with part.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                self._check_size(size)
                await asyncio.to_thread(file.write, chunk)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return size

    def _check_size(self, size: int) -> None:
        limit = self._core.settings.package_limit_bytes
        if size > limit:
            raise PackageTooLarge(
                f"The package is {show_size(size)} or more, over the limit of {show_size(limit)}. "
                "Leave large files out with runtime_env 'excludes', put data on shared storage, "
                "or raise the setting packages.limit."
            )

    async def collect(self) -> None:
        """Remove packages that nothing refers to and no pin holds."""
        store = self._core.store
        async with self._changing:
            for tenant, uri in await self._core.db(store.idle_packages, self._core.clock.now()):
                self.path(tenant, uri).unlink(missing_ok=True)
                await self._core.db(store.drop_package, tenant, uri)


def check_uri(uri: str) -> None:
    """Raise BadRequest unless the URI names a package that can be a file."""
    if not _NAME.match(uri):
        raise BadRequest(f"'{uri}' is no package name; Ray's clients send gcs://_ray_pkg_<hash>.zip")


def package_uris(runtime_env: Mapping[str, Any]) -> Iterable[str]:
    """The uploaded packages that a runtime environment refers to."""
    modules = runtime_env.get("py_modules") or []
    for uri in [runtime_env.get("working_dir"), *modules]:
        if isinstance(uri, str) and uri.startswith("gcs://"):
            yield uri


def _keep_folders(part: Path) -> None:
    """Have the archive unpacked as it is.

    Of an archive from a link, other than from `gcs://`, Ray drops a folder that holds everything: so one empty file
    must lie beside it.
    """
    with suppress(zipfile.BadZipFile):
        with zipfile.ZipFile(part, "a") as archive:
            if all("/" in name for name in archive.namelist()):
                archive.writestr(_BESIDE_FOLDERS, b"")
        _sync_folder(part)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
