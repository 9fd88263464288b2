"""Serve on a pool's cluster, through the REST API of its dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.serving import SiteDetails
from ..errors import PoolRefused, PoolUnreachable
from .ray_http import RayHttp, last_line
from .serve_replicas import Reached, listening

_PATH = "/api/serve/applications/"
_START_S = 120.0
"""The first deploy starts Serve's controller and proxy, too."""

_MARK = "spillover"
"""In an application's `runtime_env`, where Ray ignores it: whose it is. The cluster may serve others' applications."""


class RayServe:
    """ports.ServeSite over HTTP. `installation` marks the applications that are ours."""

    def __init__(self, http: RayHttp, installation: str) -> None:
        self._http = http
        self._mark = {"installation": installation}
        self._reached = Reached()

    async def deploy(self, applications: Sequence[Mapping[str, Any]], host: str, port: int) -> None:
        # Ray takes the whole configuration at once, and deletes what is not in it
        others = [raw for raw in (await self._all()).values() if not self._is_ours(raw)]
        for raw in others:
            _check_free(raw, applications)
        kept = [raw["deployed_app_config"] for raw in others if raw.get("deployed_app_config")]
        config = {
            "proxy_location": "HeadOnly",
            "http_options": {"host": host, "port": port},
            "applications": [*kept, *(self._marked(entry) for entry in applications)],
        }
        await self._put(config)

    async def details(self) -> SiteDetails:
        raw = await self._http.json("GET", _PATH)
        ours = {name: each for name, each in raw["applications"].items() if self._is_ours(each)}
        listed = {name: there for name, there in listening(raw).items() if name in ours}
        return SiteDetails(ours, await self._reached.of(listed))

    async def _all(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = (await self._http.json("GET", _PATH))["applications"]
        return found

    async def _put(self, config: Mapping[str, Any]) -> None:
        async with self._http.request("PUT", _PATH, json=dict(config), timeout_s=_START_S) as answer:
            if answer.status == 200:
                return
            reason = last_line(await answer.text())
        if answer.status == 400:
            raise PoolRefused(f"Serve refused the configuration: {reason}")
        if answer.status == 501:
            raise PoolRefused("the pool's Ray has no Serve: install `ray[serve]` on its nodes")
        raise PoolUnreachable(f"Serve cannot take the configuration now: {reason}")

    def _marked(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {**entry, "runtime_env": {**(entry.get("runtime_env") or {}), _MARK: self._mark}}

    def _is_ours(self, raw: Mapping[str, Any]) -> bool:
        env = (raw.get("deployed_app_config") or {}).get("runtime_env") or {}
        return bool(env.get(_MARK) == self._mark)


def _check_free(other: Mapping[str, Any], applications: Sequence[Mapping[str, Any]]) -> None:
    for entry in applications:
        for key, what in (("name", "name"), ("route_prefix", "route prefix")):
            if entry.get(key) == other.get(key):
                raise PoolRefused(
                    f"the {what} '{entry[key]}' is taken on the pool by the application '{other.get('name')}', "
                    "which did not come through Spillover"
                )
