"""`spillover init --attach`: asks a Ray cluster that runs what it has, and writes it down as a pool."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..adapters.ray_http import RayHttp
from ..checkup.asking import NoCluster, observe
from ..checkup.differences import working_nodes
from ..config import template
from ..domain.pool import Observation
from ..errors import SpilloverError
from .init_files import CLUSTER, SETTINGS
from .init_local import embedded
from .init_shapes import Shape, shapes_of
from .init_text import AttachedText, settings_text
from .text import amounts

_RAYS_OWN = "~/.ray/auth_token"
_BURST = "cloud"


@dataclass(frozen=True)
class Found:
    """The cluster, and the token file that it took (None: it asks for none)."""

    seen: Observation
    token_file: Path | None


def attached_set(
    folder: Path, url: str, token_file: Path | None, price: float, *, with_burst: bool
) -> tuple[Mapping[Path, str], str]:
    """The files for that cluster, and a line that says what it is. Raises SpilloverError if it cannot be asked."""
    address = _address(url)
    found = asyncio.run(_find(address, token_file))
    shapes = shapes_of(working_nodes(found.seen))
    if not shapes:
        raise SpilloverError(
            f"{address} has no node now that could run work, so there are no shapes to write down. Start its workers "
            f"and try again, or write the pool by hand: {template()} shows how."
        )
    text = AttachedText(
        address=address,
        token_file=_from(folder, found.token_file),
        shapes=shapes,
        price_usd_per_hour=price,
        head_works=len(working_nodes(found.seen)) == len(found.seen.nodes),
        ray_version=found.seen.ray_version,
        with_burst=with_burst,
    )
    cluster = embedded(_BURST, [address.partition("://")[2], *(node.ip for node in found.seen.nodes)])
    return {SETTINGS: settings_text(text), CLUSTER: cluster}, _says(address, found, shapes)


def _says(address: str, found: Found, shapes: list[Shape]) -> str:
    nodes = "; ".join(f"{shape.count} x {amounts(shape.resources)}" for shape in shapes)
    token = f"\nIt asks for a token, and takes the one in {found.token_file}." if found.token_file else ""
    return f"\nPool 'onprem' is {address}, Ray {found.seen.ray_version}: {nodes}.{token}"


def _address(url: str) -> str:
    """The URL of a dashboard. Raises SpilloverError for what is none."""
    address = url if "://" in url else f"http://{url}"
    if not address.startswith(("http://", "https://")):
        raise SpilloverError(
            f"'{url}' is no URL of a Ray dashboard. Write http://HOST:8265, where `ray job submit` would go too."
        )
    return address.rstrip("/")


async def _find(address: str, token_file: Path | None) -> Found:
    """Ask without a token first, then with those that Ray's own clients would send. Raises SpilloverError."""
    tried = []
    for file in (token_file,) if token_file else (None, *_usual_tokens()):
        try:
            return Found(await _observe(address, file), file)
        except NoCluster as error:
            if not error.token:
                raise SpilloverError(f"{address} {error}") from error
            tried += [str(file)] if file else []
    if token_file:
        raise SpilloverError(f"{address} does not accept the token in {token_file}.")
    refused = f" It does not accept the one in {' or '.join(tried)}." if tried else ""
    raise SpilloverError(
        f"{address} asks for a token.{refused} Write the token into a file, and say --token-file FILE."
    )


def _usual_tokens() -> Iterator[Path]:
    for name in (os.environ.get("RAY_AUTH_TOKEN_PATH", ""), _RAYS_OWN):
        if name and Path(name).expanduser().is_file():
            yield Path(name)


async def _observe(address: str, token_file: Path | None) -> Observation:
    token = _read(token_file) if token_file else None
    http = RayHttp("onprem", lambda: address, lambda: token)
    try:
        return await observe(http, token=bool(token))
    finally:
        await http.close()


def _read(file: Path) -> str:
    try:
        token = file.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SpilloverError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not token:
        raise SpilloverError(f"{file} is empty: the cluster's token belongs into it.")
    return token


def _from(folder: Path, file: Path | None) -> str | None:
    """As the settings name it: relative names start from their folder, `~` stays."""
    if file is None or str(file).startswith("~"):
        return str(file) if file else None
    inside = file.absolute().is_relative_to(folder.absolute())
    return str(file.absolute().relative_to(folder.absolute()) if inside else file.absolute())
