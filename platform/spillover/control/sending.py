"""Brings uploaded packages to the pools where they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import PoolRefused
from .core import PoolRuntime
from .links import Links
from .packages import RAY_LIMIT_BYTES, Packages, package_uris


class PackageSender:
    """Uploads packages to a pool once; those over Ray's own limit are fetched from us by signed address."""

    def __init__(self, packages: Packages, links: Links) -> None:
        self._packages = packages
        self._links = links

    async def send(self, runtime: PoolRuntime, user: str, runtime_env: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have all packages of the user's runtime environment there; returns it as it is to be used there.

        Raises PoolUnreachable, PoolRefused.
        """
        swapped: dict[str, str] = {}
        for uri in package_uris(runtime_env):
            path = self._packages.path(user, uri)
            if not path.exists():
                raise PoolRefused(f"package {uri} is gone from the package folder; submit the job again")
            if path.stat().st_size > RAY_LIMIT_BYTES:
                swapped[uri] = self._links.make(user, uri)
            elif not await runtime.cluster.has_package(uri):
                await runtime.cluster.put_package(uri, path)
        return _with_links(runtime_env, swapped)


def _with_links(runtime_env: Mapping[str, Any], links: Mapping[str, str]) -> Mapping[str, Any]:
    if not links:
        return runtime_env
    env: dict[str, Any] = dict(runtime_env)
    if env.get("working_dir") in links:
        env["working_dir"] = links[env["working_dir"]]
    if env.get("py_modules"):
        env["py_modules"] = [links.get(uri, uri) if isinstance(uri, str) else uri for uri in env["py_modules"]]
    return env
