"""The data plane with a real HAProxy, in front of small pools."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import stat
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from served_pools import ServedPool, api_key, free_port

import certificates
from spillover.dataplane.haproxy import HaproxyPlane
from spillover.domain.serving import ApiKey, Backend, Door, Route, Served, Table
from spillover.errors import DataPlaneError

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]

KEY = api_key("secret")


class Bed:
    """A plane, pools, and a client of the plane."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.plane = self.another()
        self.pools: list[ServedPool] = []
        self.client = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")

    def another(self) -> HaproxyPlane:
        """A plane as another process of ours would make it."""
        return HaproxyPlane(self.folder, "127.0.0.1", self.port)

    async def pool(self, name: str, region: str = "eu-west-1") -> ServedPool:
        pool = await ServedPool(name, region).start()
        self.pools.append(pool)
        return pool

    async def ask(self, path: str = "/chat", key: str | None = "secret", method: str = "GET", **more: Any) -> Answer:
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **more.pop("headers", {})}
        async with self.client.request(method, path, headers=headers, **more) as response:
            return Answer(response.status, await response.text(), response.headers)

    @property
    def pid(self) -> int:
        return int((self.folder / "haproxy.pid").read_text())

    async def records(self, count: int, mark: str = "") -> tuple[list[Served], str]:
        """The next requests in the log, once there are so many."""
        found: list[Served] = []
        until = time.monotonic() + 10
        while len(found) < count and time.monotonic() < until:
            more, mark = await self.plane.served(mark)
            found += more
            await asyncio.sleep(0.02)
        return found, mark

    async def down(self) -> None:
        await self.client.close()
        for pool in self.pools:
            pool.go_on.set()
        await self.plane.stop(grace_s=2)
        for pool in self.pools:
            await pool.die()


class Answer:
    """What a client got."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.status, self.text, self.headers = status, text, headers

    @property
    def pool(self) -> str:
        return str(json.loads(self.text)["pool"])

    @property
    def code(self) -> str:
        error = json.loads(self.text)["error"]
        assert set(error) == {"message", "type", "code"}
        return str(error["code"])


@pytest_asyncio.fixture
async def bed() -> AsyncIterator[Bed]:
    folder = Path(tempfile.mkdtemp(prefix="dp-", dir="/tmp"))
    bed = Bed(folder)
    yield bed
    await bed.down()
    shutil.rmtree(folder)


def table(*backends: Any, keys: Sequence[ApiKey] = (KEY,), **terms: Any) -> Table:
    """One application, `chat`."""
    return Table((Route("chat", "/chat", backends, **terms),), tuple(keys))


async def until(holds: Callable[[], Any], within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_requests_go_to_the_first_pool_below_its_limit_then_wait(bed: Bed) -> None:
    """Two to on-prem, one to the cloud, the rest in the queue; no pool ever has more than its limit."""
    near, far = await bed.pool("onprem"), await bed.pool("cloud")
    near.go_on.clear(), far.go_on.clear()
    await bed.plane.apply(table(near.backend(2), far.backend(1)))
    asked = [asyncio.create_task(bed.ask()) for _ in range(5)]
    await until(lambda: near.now == 2 and far.now == 1)

    async def queued() -> bool:
        load = (await bed.plane.load())["chat"]
        return load.queued == 2 and [(b.pool, b.ongoing, b.up) for b in load.backends] == [
            ("onprem", 2, True),
            ("cloud", 1, True),
        ]

    await until(queued)
    near.go_on.set(), far.go_on.set()
    answers = await asyncio.gather(*asked)
    assert [a.status for a in answers] == [200] * 5
    assert (near.most, far.most) == (2, 1)
    assert (await bed.ask()).pool == "onprem"


async def test_an_answer_says_which_pool_it_came_from(bed: Bed) -> None:
    """In a header that applications cannot set, also where a pool's name has dots."""
    pool = await bed.pool("eu.west-1")
    await bed.plane.apply(table(pool.backend(2)))
    assert (await bed.ask()).headers.getall("X-Spillover-Pool") == ["eu.west-1"]


async def test_a_new_order_holds_from_the_next_request_on(bed: Bed) -> None:
    """Pools that change places do so while requests are with them, and none is cut."""
    a, b, c = [await bed.pool(name) for name in "abc"]
    await bed.plane.apply(table(a.backend(9), b.backend(9)))
    slow = asyncio.create_task(bed.ask("/chat?s=1"))
    await until(lambda: a.now == 1)
    await bed.plane.apply(table(c.backend(9), b.backend(9), a.backend(9)))
    assert (await bed.ask()).pool == "c"
    await bed.plane.apply(table(b.backend(9), a.backend(9)))
    assert (await bed.ask()).pool == "b"
    load = (await bed.plane.load())["chat"]
    assert [x.pool for x in load.backends] == ["b", "a"]
    assert load.ongoing == 1
    assert (await slow).pool == "a"


async def test_changes_under_load_drop_no_request(bed: Bed) -> None:
    """Limits, doors, members and order change thirty times under a steady load: every request is answered."""
    pools = [await bed.pool(name) for name in "abcd"]
    await bed.plane.apply(table(*(p.backend(4) for p in pools)))
    stop = asyncio.Event()
    statuses: list[int] = []

    async def user() -> None:
        while not stop.is_set():
            statuses.append((await bed.ask("/chat?s=0.01", method="POST", data=b"x")).status)

    users = [asyncio.create_task(user()) for _ in range(12)]
    for i in range(30):
        turned = pools[i % 4 :] + pools[: i % 4]
        doors = [Door.DRAIN if i % 3 == 1 and n == 1 else Door.OPEN for n in range(4)]
        members = [p.backend(1 + (i + n) % 6, doors[n]) for n, p in enumerate(turned)][: 2 + i % 3]
        await bed.plane.apply(table(*members))
        await asyncio.sleep(0.03)
    stop.set()
    await asyncio.gather(*users)
    assert set(statuses) == {200}
    assert all(p.seen for p in pools)


def straight(*replicas: ServedPool, limit: int) -> Backend:
    """A backend whose replicas these are, all of one pool."""
    return replace(replicas[0].backend(limit), replicas=tuple(("127.0.0.1", each.port) for each in replicas))


async def test_replicas_of_a_pool_share_its_requests_before_the_next_pool_has_any(bed: Bed) -> None:
    """Straight to each: the least busy one first, none above its part of the limit, and the cloud when all are full."""
    one, two, far = await bed.pool("onprem"), await bed.pool("onprem"), await bed.pool("cloud")
    for each in (one, two, far):
        each.go_on.clear()
    await bed.plane.apply(table(straight(one, two, limit=8), far.backend(4)))
    asked = []
    for total in range(1, 9):
        asked.append(asyncio.create_task(bed.ask()))
        await until(lambda total=total: one.now + two.now == total)
        assert abs(one.now - two.now) <= 1
    asked += [asyncio.create_task(bed.ask()) for _ in range(2)]
    await until(lambda: far.now == 2)
    assert (one.now, two.now) == (4, 4)
    load = (await bed.plane.load())["chat"]
    assert [(b.pool, b.ongoing, b.up) for b in load.backends] == [("onprem", 8, True), ("cloud", 2, True)]
    for each in (one, two, far):
        each.go_on.set()
    answers = await asyncio.gather(*asked)
    assert Counter(a.headers["X-Spillover-Pool"] for a in answers) == {"onprem": 8, "cloud": 2}


async def test_a_replica_that_dies_under_safe_requests_is_replaced_under_them(bed: Bed) -> None:
    """Those that it had, and new ones before any check has failed, go to its mate."""
    one, two = await bed.pool("onprem"), await bed.pool("onprem")
    await bed.plane.apply(table(straight(one, two, limit=16), retry_safe=True))
    one.go_on.clear(), two.go_on.clear()
    asked = [asyncio.create_task(bed.ask(method="POST", data=b"x")) for _ in range(6)]
    await until(lambda: one.now + two.now == 6)
    await one.die()
    two.go_on.set()
    asked += [asyncio.create_task(bed.ask(method="POST", data=b"y")) for _ in range(20)]
    assert {a.status for a in await asyncio.gather(*asked)} == {200}


async def test_replicas_come_and_go_under_load_and_drop_no_request(bed: Bed) -> None:
    """Through the proxy of the pool, straight to one, two or three of them, and back, thirty times."""
    replicas = [await bed.pool("onprem") for _ in range(3)]
    await bed.plane.apply(table(replicas[0].backend(4)))
    stop = asyncio.Event()
    statuses: list[int] = []

    async def user() -> None:
        while not stop.is_set():
            statuses.append((await bed.ask("/chat?s=0.01", method="POST", data=b"x")).status)

    users = [asyncio.create_task(user()) for _ in range(8)]
    for i in range(30):
        turned = replicas[i % 3 :] + replicas[: i % 3]
        there = turned[: i % 4]
        await bed.plane.apply(table(straight(*there, limit=6) if there else replicas[0].backend(4)))
        await asyncio.sleep(0.03)
    stop.set()
    await asyncio.gather(*users)
    assert set(statuses) == {200}
    assert all(each.seen for each in replicas)


async def test_who_leaves_the_table_finishes_what_it_has(bed: Bed) -> None:
    """A pool that leaves gets nothing new, is told with its requests until they end, and is then forgotten."""
    near, far = await bed.pool("onprem"), await bed.pool("cloud")
    await bed.plane.apply(table(near.backend(4), far.backend(4)))
    near.go_on.clear()
    last = asyncio.create_task(bed.ask())
    await until(lambda: near.now == 1)
    await bed.plane.apply(table(far.backend(4)))
    assert (await bed.ask()).pool == "cloud"
    assert [(b.pool, b.ongoing) for b in (await bed.plane.load())["chat"].backends] == [("cloud", 0), ("onprem", 1)]
    near.go_on.set()
    assert (await last).pool == "onprem"
    for _ in range(3):
        await bed.plane.apply(table(far.backend(4)))
    servers = bed.plane._keeper._admin.ask("show servers state")
    assert "onprem" not in servers
    assert "cloud.1" in servers


async def test_prefixes_end_at_slashes_and_the_longest_wins(bed: Bed) -> None:
    """`/chat` serves `/chat/x`, not `/chatty`; `/chat/v2` wins over `/chat`; an escaped path is what it says."""
    one, two, root = [await bed.pool(name) for name in ("one", "two", "root")]
    routes = [("v2", "/chat/v2", two), ("chat", "/chat", one), ("root", "/", root)]
    await bed.plane.apply(Table(tuple(Route(n, p, (pool.backend(5),)) for n, p, pool in routes), (KEY,)))
    paths = [
        "/chat",
        "/chat/",
        "/chat/x?y=/chat/v2",
        "/chat/v2",
        "/chat/v2/x",
        "/chat/v22",
        "/chatty",
        "/",
        "/chat//v2",
    ]
    found = [(await bed.ask(path)).pool for path in paths]
    assert found == ["one", "one", "one", "two", "two", "one", "root", "root", "one"]
    escaped = await raw(bed, "GET /%63hat%2fv2/x")
    assert b'"pool": "two"' in escaped
    await bed.plane.apply(Table((Route("chat", "/chat", (one.backend(5),)),), (KEY,)))
    gone = await bed.ask("/chatty")
    assert (gone.status, gone.code) == (404, "not_found")


async def raw(bed: Bed, request: str, *headers: str, body: bytes = b"") -> bytes:
    """What comes back for just these bytes, also if nobody waited for all of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bed.port)
    lines = [f"{request} HTTP/1.1", "Host: x", "X-API-Key: secret", "Connection: close", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


def in_chunks(size: int) -> bytes:
    """A body as `Transfer-Encoding: chunked` has it."""
    return (
        b"".join(b"%x\r\n%s\r\n" % (n, b"x" * n) for n in (*[1000] * (size // 1000), size % 1000) if n) + b"0\r\n\r\n"
    )


async def test_a_stream_passes_piece_by_piece_and_is_not_cut(bed: Bed) -> None:
    """Pieces arrive when they are sent, over a longer time than the application's limit."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5), timeout_s=1.0))
    async with bed.client.get("/chat?stream=0.5&tokens=3,40", headers={"X-API-Key": "secret"}) as response:
        assert response.status == 200
        at = [time.monotonic() async for line in response.content if line.startswith(b'data: {"n"')]
    gaps = [b - a for a, b in itertools.pairwise(at)]
    assert len(gaps) == 4
    assert min(gaps) > 0.3
    (record,), _ = await bed.records(1)
    assert (record.status, record.ended, record.tokens_in, record.tokens_out) == (200, "--", 3, 40)
    assert record.total_s > 2.0 > record.first_s  # type: ignore[operator]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_what_is_safe_to_retry_is_sent_again(bed: Bed, status: int) -> None:
    """GETs, POSTs with the header, and POSTs of an application that says so; no other POST."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5)))

    async def after_failure(**how: Any) -> int:
        pool.statuses.append(status)
        return (await bed.ask(**how)).status

    body = b"b" * 30_000
    assert await after_failure() == 200
    assert await after_failure(method="POST", data=body, headers={"X-Spillover-Retry": "safe"}) == 200
    assert pool.bodies[-2:] == [body, body]
    assert await after_failure(method="POST", data=body) == status
    await bed.plane.apply(table(pool.backend(5), retry_safe=True))
    assert await after_failure(method="POST", data=body) == 200
    assert await after_failure(method="POST", data=b"b" * 100_000) == status  # more than is kept
    records, _ = await bed.records(5)
    assert [r.retries for r in records] == [1, 1, 0, 1, 0]


async def test_a_pool_that_dies_under_a_safe_request_is_replaced_under_it(bed: Bed) -> None:
    """Requests at a pool that is cut off go to the next; new ones too, before any check has failed."""
    near, far = await bed.pool("onprem"), await bed.pool("cloud")
    await bed.plane.apply(table(near.backend(8), far.backend(8), retry_safe=True))
    near.go_on.clear()
    asked = [asyncio.create_task(bed.ask(method="POST", data=b"x")) for _ in range(6)]
    await until(lambda: near.now == 6)
    await near.die()
    answers = await asyncio.gather(*asked, bed.ask(method="POST", data=b"y"))
    assert {a.pool for a in answers} == {"cloud"}


async def test_requests_are_held_while_no_pool_is_up(bed: Bed) -> None:
    """The only pool dies and comes back: safe requests, new ones and those under way, wait for it and are answered."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(8)))
    pool.go_on.clear()
    under_way = asyncio.create_task(bed.ask())
    await until(lambda: pool.now == 1)
    await pool.die()
    pool.go_on.set()
    new = [asyncio.create_task(bed.ask(method=m, data=b"x")) for m in ("POST", "GET")]

    async def three_wait() -> bool:
        return (await bed.plane.load())["chat"].queued == 3

    await until(three_wait)
    assert not (await bed.plane.load())["chat"].backends[0].up
    await pool.start()
    assert [a.status for a in await asyncio.gather(under_way, *new)] == [200, 200, 200]
    records, _ = await bed.records(3)
    assert {r.pool for r in records} == {"onprem"}
    assert all(r.wait_s and r.wait_s > 0.1 for r in records)
    assert (await bed.plane.load())["chat"].queued == 0


async def test_held_requests_give_up_in_time(bed: Bed) -> None:
    """With no replica at all, the answer is 503 within the application's time, and says so."""
    await bed.plane.apply(table(timeout_s=2.0))
    begin = time.monotonic()
    answer = await bed.ask()
    assert (answer.status, answer.code) == (503, "no_replica")
    assert int(answer.headers["Retry-After"]) > 0
    assert 1.0 < time.monotonic() - begin < 4.0


async def test_regions_are_never_crossed(bed: Bed) -> None:
    """By key, by header and by route: what may only be in eu is not sent elsewhere, though elsewhere is free."""
    eu, us = await bed.pool("onprem", "eu-west-1"), await bed.pool("cloud", "us-east-1")
    keys = (KEY, api_key("europe", regions=("eu",)))
    await bed.plane.apply(table(us.backend(5), eu.backend(1), keys=keys, retry_safe=True))
    us_header, eu_header = {"X-Spillover-Region": "us"}, {"x-spillover-region": "EU-West"}
    assert (await bed.ask()).pool == "cloud"
    assert (await bed.ask(headers=eu_header)).pool == "onprem"
    assert (await bed.ask(key="europe")).pool == "onprem"
    for impossible in ({"headers": {"X-Spillover-Region": "e"}}, {"key": "europe", "headers": us_header}):
        refused = await bed.ask(**impossible)
        assert (refused.status, refused.code) == (503, "region_unavailable")
    eu.go_on.clear()
    crowd = [asyncio.create_task(bed.ask(key="europe", method="POST")) for _ in range(4)]
    await until(lambda: eu.now == 1)
    await eu.die()
    await bed.plane.apply(table(us.backend(5), eu.backend(9), keys=keys, retry_safe=True))
    await asyncio.sleep(1.5)
    eu.go_on.set()
    await eu.start()
    assert {a.pool for a in await asyncio.gather(*crowd)} == {"onprem"}
    await bed.plane.apply(table(us.backend(5), eu.backend(1), regions=("eu",)))
    assert (await bed.ask()).pool == "onprem"
    assert all(r.path == "/chat" and "x-spillover-region" not in r.headers for r in us.seen)
    assert len(us.seen) == 1


async def test_keys_let_in_and_applications_never_see_them(bed: Bed) -> None:
    """401 without, 403 for unknown, expired and other applications' keys; names that clients forge are stripped."""
    pool = await bed.pool("onprem")
    keys = (
        KEY,
        api_key("other", applications=("x",)),
        api_key("this", applications=("chat",)),
        api_key("old", expires_at=1.0),
    )
    await bed.plane.apply(table(pool.backend(5), keys=keys))
    refused = [await bed.ask(key=k) for k in (None, "nobody", "other", "old")]
    assert [(r.status, r.code) for r in refused] == [
        (401, "missing_api_key"),
        (403, "invalid_api_key"),
        (403, "application_not_allowed"),
        (403, "invalid_api_key"),
    ]
    forged = {"X-Spillover-Tenant": "root", "X_Spillover_Key": "ROOT", "X-API-Key": "this"}
    assert (await bed.ask(key="nobody", headers=forged)).status == 200
    sent = {name.lower(): value for name, value in pool.seen[-1].headers.items()}
    assert (sent["x-spillover-tenant"], sent["x-spillover-key"]) == ("search", "THIS")
    assert not {"authorization", "x-api-key", "x_spillover_key"} & set(sent)
    await bed.plane.apply(table(pool.backend(5), keys=()))
    assert (await bed.ask()).status == 403


async def test_nothing_in_the_folder_tells_a_key(bed: Bed) -> None:
    """Only hashes are kept, in files for our user alone."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5)))
    await raw(bed, "GET /chat?secret", "User-Agent: a|b", "X-Spillover-Region: x|y")
    await bed.records(1)
    for path in bed.folder.iterdir():
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600, path
        assert path.is_socket() or b"secret" not in path.read_bytes(), path
    assert stat.S_IMODE(bed.folder.stat().st_mode) == 0o700


async def test_requests_over_a_keys_limit_are_told_when_to_come_back(bed: Bed) -> None:
    """The third request in a minute of a key that may send two is refused; other keys' are not; refusals cost nothing."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5), keys=(KEY, api_key("few", requests_per_minute=2))))
    answers = [await bed.ask(key="few") for _ in range(4)]
    assert [a.status for a in answers] == [200, 200, 429, 429]
    assert answers[3].code == "requests_per_minute"
    assert 50 <= int(answers[3].headers["Retry-After"]) <= 60
    assert (await bed.ask()).status == 200
    assert len(pool.seen) == 3


@pytest.mark.parametrize("path", ["/chat?tokens=60,45&pad=200000", "/chat?stream=0&tokens=60,45", "/chat?tokens=105,0"])
async def test_tokens_of_answers_count_towards_the_keys_limit(bed: Bed, path: str) -> None:
    """A JSON answer's or stream's tokens are counted when it ends, and the next request over the limit is refused."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5), keys=(api_key("few", tokens_per_minute=100), KEY)))
    assert (await bed.ask(path, key="few")).status == 200
    over = await bed.ask(path, key="few")
    assert (over.status, over.code) == (429, "tokens_per_minute")
    assert 50 <= int(over.headers["Retry-After"]) <= 60
    assert (await bed.ask(path)).status == 200
    records, _ = await bed.records(3)
    assert [r.tokens_in + r.tokens_out for r in records] == [105, 0, 105]


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (
            '{"a": "usage", "usage": {"details": {"x": 1}, "prompt_tokens": 60, "d": {}, "completion_tokens": 4}}',
            (60, 4),
        ),
        (r'{"text": "\"usage\": {\"prompt_tokens\": 9}"}', (0, 0)),
        ('{"usage": null, "more": [{"usage" :\n {"input_tokens": 7,\n"output_tokens":8}}]}', (7, 8)),
        ('{"usage": {"prompt_tokens": 5, "total_tokens": 5}}', (5, 0)),
        ('{"usage": {"prompt_tokens": "many", "completion_tokens": 99999999999999999999}}', (0, 0)),
        ('"usage"', (0, 0)),
    ],
)
async def test_only_real_usage_counts(bed: Bed, answer: str, tokens: tuple[int, int]) -> None:
    """Text that looks like it, other keys and odd values are passed over; nested objects are not the end."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5)))
    got = await bed.ask("/chat?echo", method="POST", data=answer.encode())
    assert got.text == answer
    (record,), _ = await bed.records(1)
    assert (record.tokens_in, record.tokens_out) == tokens


async def test_a_client_that_went_away_costs_no_replica(bed: Bed) -> None:
    """Its request leaves the queue."""
    pool = await bed.pool("onprem")
    pool.go_on.clear()
    await bed.plane.apply(table(pool.backend(1)))
    first = asyncio.create_task(bed.ask("/chat/first"))
    await until(lambda: pool.now == 1)
    gone = asyncio.create_task(bed.ask("/chat/gone"))

    async def queued(count: int) -> bool:
        return (await bed.plane.load())["chat"].queued == count

    await until(lambda: queued(1))
    gone.cancel()
    await until(lambda: queued(0))
    pool.go_on.set()
    await first
    assert (await bed.ask("/chat/last")).status == 200
    assert [r.path for r in pool.seen] == ["/chat/first", "/chat/last"]


async def test_thousands_of_keys_are_told_at_run_time(bed: Bed) -> None:
    """All of them are let in, and none any more when they are gone."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5)))
    many = [api_key(f"key{i}", tenant="t" * 40) for i in range(3000)]
    await bed.plane.apply(table(pool.backend(5), keys=many))
    assert [(await bed.ask(key=k)).status for k in ("key0", "key1500", "key2999", "secret")] == [200, 200, 200, 403]
    await bed.plane.apply(table(pool.backend(5)))
    assert [(await bed.ask(key=k)).status for k in ("key0", "key2999", "secret")] == [403, 403, 200]


async def test_tls_holds_the_same_rules_and_takes_new_certificates(bed: Bed) -> None:
    """HTTPS with HTTP/2, where a body needs to tell no length; a renewed certificate is used from the next table on."""
    pool = await bed.pool("onprem")
    files = bed.folder / "cert.pem", bed.folder / "key.pem"
    certificates.self_signed(*files)
    bed.plane = HaproxyPlane(bed.folder / "tls", "127.0.0.1", bed.port, tls=files)
    now = table(pool.backend(5), request_limit_bytes=200_000)
    await bed.plane.apply(now)
    body = bed.folder / "body"
    for size, statuses in ((200_000, {b"2 200"}), (200_001, {b"2 413", b"0 000"}), (900_000, {b"2 413", b"0 000"})):
        body.write_bytes(b"x" * size)  # of the answer and the reset that follows it, a client may see the reset first
        assert await curl(bed, files[0], "--http2", "-T", "-", stdin=body) in statuses
    assert [len(b) for b in pool.bodies] == [200_000]
    records, _ = await bed.records(3)
    assert [r.status for r in records] == [200, 413, 413]
    assert await curl(bed, files[0], "--http1.1") == b"1.1 200"
    certificates.self_signed(*files)
    await bed.plane.apply(now)
    assert await curl(bed, files[0], "--http2") == b"2 200"


async def curl(bed: Bed, trusted: Path, *how: str, stdin: Path | None = None) -> bytes:
    """Protocol and status."""
    about = ("-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", "-H", "X-API-Key: secret")
    target = (*how, "--cacert", str(trusted), f"https://localhost:{bed.port}/chat")
    with (stdin or Path(os.devnull)).open("rb") as file:
        child = await asyncio.create_subprocess_exec(
            "curl", *about, *target, stdin=file, stdout=asyncio.subprocess.PIPE
        )
        return (await child.communicate())[0]


async def test_bodies_over_the_limit_are_refused_whatever_they_say(bed: Bed) -> None:
    """413 by the length that is told, and by what comes in chunks; a body of just the limit passes."""
    pool = await bed.pool("onprem")

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1000):
            yield b"x" * 1000

    for limit in (20_000, 300_000):
        await bed.plane.apply(table(pool.backend(5), request_limit_bytes=limit))
        told = await raw(bed, "POST /chat", f"Content-Length: {limit + 1}", body=b"x" * (limit + 1))
        untold = [
            await raw(bed, "POST /chat", "Transfer-Encoding: chunked", body=in_chunks(n))
            for n in (limit + 1, limit * 5)
        ]
        for answer in (told, *untold):
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"request_too_large" in answer
        assert all(len(b) <= limit for b in pool.bodies)
        fits = [await bed.ask(method="POST", data=d) for d in (b"x" * limit, chunks(limit))]
        assert [f.status for f in fits] == [200, 200]
        assert [len(b) for b in pool.bodies[-2:]] == [limit, limit]


async def test_an_answer_that_takes_too_long_is_a_504(bed: Bed) -> None:
    """The application's own time limit holds, and it may change at run time."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5), timeout_s=0.3))
    late = await bed.ask("/chat?s=1")
    assert (late.status, late.code) == (504, "timeout")
    await bed.plane.apply(table(pool.backend(5), timeout_s=5.0))
    assert (await bed.ask("/chat?s=1")).status == 200


async def test_a_wait_that_is_too_long_is_a_503(bed: Bed) -> None:
    """A request that nobody took in time is told to come back."""
    pool = await bed.pool("onprem")
    pool.go_on.clear()
    await bed.plane.apply(table(pool.backend(1), timeout_s=3.0))
    first = asyncio.create_task(bed.ask())
    await until(lambda: pool.now == 1)
    late = await bed.ask()
    assert (late.status, late.code) == (503, "overloaded")
    assert int(late.headers["Retry-After"]) > 0
    pool.go_on.set()
    await first


async def test_each_request_is_written_down_once(bed: Bed) -> None:
    """Records are exact, in pieces or at once, and go on over a restart of HAProxy."""
    near, far = await bed.pool("onprem"), await bed.pool("a cloud/é")
    await bed.plane.apply(table(near.backend(1), far.backend(5), keys=(KEY, api_key("x", tenant="a|b c"))))
    begin = time.time()
    await asyncio.gather(bed.ask("/chat?s=0.4&tokens=1,2"), asyncio.sleep(0.1), delayed(bed, 0.2, "x"))
    records, mark = await bed.records(2)
    assert [(r.pool, r.key_id, r.tenant, r.status, r.tokens_out) for r in records] == [
        ("a cloud/é", "X", "a|b c", 200, 0),
        ("onprem", "SECRET", "search", 200, 2),
    ]
    assert abs(records[1].at - begin) < 0.5
    assert 0.35 < records[1].total_s < 1.0
    os.kill(bed.pid, signal.SIGKILL)
    await bed.plane.apply(bed.plane._keeper.table)
    for _ in range(3):
        assert (await bed.ask()).status == 200
    later, mark = await bed.records(3, mark)
    assert len(later) == 3
    assert (await bed.plane.served(mark)) == ([], mark)
    again, _ = await bed.records(5, "")
    assert again == records + later
    assert (await bed.plane.served("another file:77"))[0] == again


async def delayed(bed: Bed, after_s: float, key: str) -> Answer:
    await asyncio.sleep(after_s)
    return await bed.ask(key=key)


async def test_another_plane_takes_over_what_runs(bed: Bed) -> None:
    """A new process of ours finds HAProxy, starts no other, and goes on from what is there."""
    near, far = await bed.pool("onprem"), await bed.pool("cloud")
    await bed.plane.apply(table(near.backend(1), far.backend(5)))
    pid = bed.pid
    near.go_on.clear()
    slow = asyncio.create_task(bed.ask())
    await until(lambda: near.now == 1)
    bed.plane, first = bed.another(), bed.plane
    assert await bed.plane.load() == {}
    await bed.plane.apply(table(far.backend(3), near.backend(7), keys=(KEY, api_key("new"))))
    assert (await bed.ask(key="new")).pool == "cloud"
    assert bed.pid == pid
    load = (await bed.plane.load())["chat"]
    assert {b.pool: b.ongoing for b in load.backends} == {"cloud": 0, "onprem": 1}
    near.go_on.set()
    assert (await slow).pool == "onprem"
    await first.apply(table(near.backend(1)))


@pytest.mark.parametrize("call", ["apply", "load"])
async def test_a_killed_haproxy_starts_again_with_its_table(bed: Bed, call: str) -> None:
    """After kill -9, the next call brings it back, and requests are served at once."""
    pool, drained = await bed.pool("onprem"), await bed.pool("cloud")
    now = table(drained.backend(5, Door.DRAIN), pool.backend(5))
    await bed.plane.apply(now)
    before = bed.pid
    os.kill(before, signal.SIGKILL)
    await until(lambda: not answers(bed))
    await (bed.plane.apply(now) if call == "apply" else bed.plane.load())
    assert (await bed.ask()).pool == "onprem"
    assert bed.pid != before
    await bed.plane.apply(replace(now, routes=(replace(now.routes[0], backends=(drained.backend(5),)),)))
    assert (await bed.ask()).pool == "cloud"


def answers(bed: Bed) -> bool:
    try:
        return bool(bed.plane._keeper._admin.info())
    except DataPlaneError:
        return False


async def test_other_settings_replace_it_without_a_dropped_request(bed: Bed) -> None:
    """A plane with more threads takes the port over: what is under way finishes, and new requests are served."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(9)))
    before = bed.pid
    statuses: list[int] = []

    async def user() -> None:
        for _ in range(100):
            own = aiohttp.ClientSession(f"http://127.0.0.1:{bed.port}", headers={"X-API-Key": "secret"})
            async with own, own.get("/chat?s=0.01") as response:
                statuses.append(response.status)

    slow = asyncio.create_task(bed.ask("/chat?s=2"))
    users = [asyncio.create_task(user()) for _ in range(4)]
    await until(lambda: len(statuses) > 20)
    bed.plane = HaproxyPlane(bed.folder, "127.0.0.1", bed.port, threads=1)
    await bed.plane.apply(table(pool.backend(9)))
    assert bed.pid != before
    await asyncio.gather(*users)
    assert set(statuses) == {200}
    assert (await slow).status == 200
    await until(
        lambda: not Path(f"/proc/{before}/cmdline").exists() or not Path(f"/proc/{before}/cmdline").read_bytes()
    )


async def test_what_haproxy_refuses_is_an_error(bed: Bed) -> None:
    """In its own words, with the command."""
    await bed.plane.apply(table())
    with pytest.raises(DataPlaneError, match="'set maxconn server no/one 3': No such backend"):
        bed.plane._keeper._admin.tell("set maxconn server no/one 3")


async def test_a_port_in_use_is_named(bed: Bed) -> None:
    """Somebody else's port is no port of ours, and the error says which it is."""
    taken = await asyncio.start_server(lambda r, w: None, "127.0.0.1", bed.port)
    with pytest.raises(DataPlaneError, match=f"127.0.0.1:{bed.port}"):
        await bed.plane.apply(table())
    taken.close()
    await taken.wait_closed()
    await bed.plane.apply(table())


async def test_stop_lets_requests_finish_and_is_for_good(bed: Bed) -> None:
    """A request under way is answered; then nobody listens; load() does not start it again."""
    pool = await bed.pool("onprem")
    await bed.plane.apply(table(pool.backend(5)))
    slow = asyncio.create_task(bed.ask("/chat?s=1"))
    await until(lambda: pool.now == 1)
    await bed.plane.stop()
    assert (await slow).status == 200
    assert await bed.plane.load() == {}
    with pytest.raises(aiohttp.ClientConnectorError):
        await bed.ask()
    await bed.plane.stop()
