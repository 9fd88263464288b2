"""A pool's Serve over real HTTP on loopback: ours is marked, others' is left alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from test_ray_cluster import FakeRay, cluster_of

from spillover.adapters.ray_serve import RayServe
from spillover.errors import PoolRefused, PoolUnreachable

pytestmark = pytest.mark.asyncio

PATH = "/api/serve/applications/"
MARK = {"spillover": {"installation": "ours"}}
THEIRS = {"name": "theirs", "route_prefix": "/theirs", "import_path": "t:app"}
OURS = {"name": "chat", "route_prefix": "/chat", "import_path": "m:app", "runtime_env": {"env_vars": {"A": "1"}}}


def there(*entries: dict[str, Any]) -> tuple[int, Any]:
    """What Ray answers while these are deployed."""
    return 200, {"applications": {e["name"]: {"deployed_app_config": e, **e} for e in entries}}


@asynccontextmanager
async def site(*entries: dict[str, Any], put: tuple[int, Any] = (200, "")) -> AsyncIterator[tuple[RayServe, FakeRay]]:
    ray = FakeRay()
    ray.answers = {f"GET {PATH}": there(*entries), f"PUT {PATH}": put}
    async with cluster_of(ray) as cluster:
        yield RayServe(cluster._http, "ours"), ray


def sent(ray: FakeRay) -> Any:
    """The configuration that was PUT last."""
    return json.loads([body for call, body in ray.asked if call.startswith("PUT")][-1])


async def test_ours_are_marked_and_others_stay() -> None:
    """Ray deletes what is not in a configuration: what others deployed is in it, word for word."""
    async with site(THEIRS) as (serve, ray):
        await serve.deploy([OURS], "127.0.0.1", 8123)
    config = sent(ray)
    assert config["applications"] == [THEIRS, {**OURS, "runtime_env": {"env_vars": {"A": "1"}, **MARK}}]
    assert (config["proxy_location"], config["http_options"]) == ("HeadOnly", {"host": "127.0.0.1", "port": 8123})


async def test_only_ours_are_shown() -> None:
    """By the mark in what was deployed: a name alone proves nothing."""
    mine = {**OURS, "runtime_env": MARK}
    other = {**OURS, "name": "other", "runtime_env": {"spillover": {"installation": "another"}}}
    async with site(THEIRS, mine, other) as (serve, _):
        assert list((await serve.details()).applications) == ["chat"]


@pytest.mark.parametrize("key", ["name", "route_prefix"])
async def test_what_others_have_taken_is_refused(key: str) -> None:
    """Nothing is deployed over an application that did not come through us."""
    async with site({**THEIRS, key: OURS[key]}) as (serve, ray):
        with pytest.raises(PoolRefused, match=f"'{OURS[key]}' is taken on the pool"):
            await serve.deploy([OURS], "127.0.0.1", 8123)
        assert not [call for call, _ in ray.asked if call.startswith("PUT")]


async def test_a_configuration_that_ray_does_not_take_is_refused_with_its_reason() -> None:
    """400 is for good; 501 says what is missing on the nodes; anything else may pass."""
    async with site(put=(400, "Traceback\nValueError: no such import")) as (serve, _):
        with pytest.raises(PoolRefused, match="no such import"):
            await serve.deploy([OURS], "127.0.0.1", 8123)
    async with site(put=(501, "Serve dependencies are not installed.")) as (serve, _):
        with pytest.raises(PoolRefused, match=r"install `ray\[serve\]`"):
            await serve.deploy([OURS], "127.0.0.1", 8123)
    async with site(put=(500, "GCS is down")) as (serve, _):
        with pytest.raises(PoolUnreachable, match="GCS is down"):
            await serve.deploy([OURS], "127.0.0.1", 8123)
