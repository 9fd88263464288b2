"""Asks every attached pool's dashboard who it is and what it has. Launched pools are left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import Any

from ..adapters.ray_cluster import RayCluster
from ..adapters.ray_http import RayHttp
from ..bootstrap.settings import make_pool
from ..config import AnyPool, AttachedPool, Mistake, pool_token, warn
from ..domain.pool import Observation
from ..errors import PoolError, PoolRefused, PoolUnreachable
from .differences import differences

ANSWERS_WITHIN_S = 3.0
SHOWS_ITS_NODES_WITHIN_S = 10.0


@dataclass(frozen=True)
class Answer:
    """What asking a pool brought: `seen` if it answered as a Ray cluster does, else what is wrong."""

    pool: str
    seen: Observation | None = None
    mistakes: tuple[Mistake, ...] = ()


async def ask_all(pools: Mapping[str, AnyPool]) -> Sequence[Answer]:
    """All side by side: the slowest decides how long it takes."""
    attached = {name: pool for name, pool in pools.items() if isinstance(pool, AttachedPool)}
    return await asyncio.gather(*(_ask(name, pool) for name, pool in attached.items()))


async def _ask(name: str, raw: AttachedPool) -> Answer:
    try:
        token = pool_token(raw)
    except (OSError, UnicodeDecodeError, LookupError):
        return Answer(name)  # told already: a token that is not there needs nobody to be asked
    http = RayHttp(name, lambda: raw.address, lambda: token)
    try:
        seen = await observe(http, token=bool(token))
    except NoCluster as error:
        return Answer(name, mistakes=(error.mistake(name, raw),))
    finally:
        await http.close()
    return Answer(name, seen, (*_version(name, raw, seen), *differences(make_pool(name, raw), seen)))


class NoCluster(Exception):
    """What answers there is no cluster that we could use. `token`: because of the token that was sent, or was not."""

    def __init__(self, text: str, *, token: bool = False) -> None:
        super().__init__(text)
        self.token = token

    def mistake(self, name: str, raw: AttachedPool) -> Mistake:
        """At the key of the settings that is wrong."""
        if not self.token:
            return Mistake(("pools", name, "address"), str(self), raw.address)
        for key, value in (("token_file", raw.token_file), ("token_env", raw.token_env)):
            if value:
                return Mistake(("pools", name, key), str(self), value)
        return Mistake(("pools", name), str(self))


async def observe(http: RayHttp, *, token: bool) -> Observation:
    """One look at the cluster. Raises NoCluster with the reason if there is none."""
    await _is_ray(http, token=token)
    try:
        async with asyncio.timeout(SHOWS_ITS_NODES_WITHIN_S):
            return await RayCluster(http, "").observe()
    except (PoolError, TimeoutError, LookupError, TypeError, ValueError) as error:
        reason = str(error) or f"no answer within {SHOWS_ITS_NODES_WITHIN_S:g} s"
        raise NoCluster(f"answers, but does not show its nodes as a Ray dashboard does: {reason}") from error


async def _is_ray(http: RayHttp, *, token: bool) -> None:
    try:
        async with http.request("GET", "/api/version", timeout_s=ANSWERS_WITHIN_S) as answer:
            status, body = answer.status, await answer.text()
    except PoolRefused as error:
        text = "the cluster does not accept this token" if token else "the cluster asks for a token"
        remedy = "" if token else "; write 'token_file' or 'token_env'"
        raise NoCluster(f"{text} ({_status(error)}){remedy}", token=True) from error
    except PoolUnreachable as error:
        raise NoCluster(_without_name(error)) from error
    except ValueError as error:
        raise NoCluster(f"answers, but is no Ray dashboard: {error}") from error
    if status != 200 or "ray_version" not in _object(body):
        brought = "tells no version of Ray" if status == 200 else f"brings HTTP {status}"
        raise NoCluster(f"answers, but is no Ray dashboard: GET /api/version {brought}")


def _object(body: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _status(error: PoolRefused) -> str:
    """`HTTP 401` out of the refusal's text."""
    return "HTTP " + str(error).partition("(HTTP ")[2].partition(")")[0]


def _without_name(error: PoolUnreachable) -> str:
    """The path of the setting names the pool already."""
    text = str(error)
    return text.partition("' ")[2] if text.startswith("pool '") else text


def _version(name: str, raw: AttachedPool, seen: Observation) -> Sequence[Mistake]:
    ours = installed("ray")
    if seen.ray_version == ours:
        return ()
    text = f"runs Ray {seen.ray_version}, and Spillover speaks {ours}: what changed between them may fail"
    return (warn(("pools", name, "address"), text, raw.address),)
