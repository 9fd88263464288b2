"""What asking attached pools brings, against real HTTP servers that answer as a cluster would, or do not."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from fake_dashboard import Dashboard, nobody, node, serving

from spillover.checkup.asking import Answer, ask_all
from spillover.config import read_settings

pytestmark = pytest.mark.asyncio

GPU = {"CPU": 32.0, "GPU": 4.0, "memory": 1e11}
HEAD = node("a", {"memory": 1e10}, head=True)


async def ask(site, address: str, *overrides: str) -> Answer:
    """Ask the pool `onprem` of the settings, at another address."""
    reading = read_settings(site.folder / "s.yaml", [f"pools.onprem.address={address}", *overrides], {})
    (answer,) = await ask_all(reading.parts.pools)
    return answer


def told(answer: Answer) -> list[tuple[str, bool, str]]:
    """(key, whether a warning, text) of what was found."""
    return [(".".join(m.path).removeprefix("pools.onprem."), m.warning, m.text) for m in answer.mistakes]


async def test_a_cluster_as_the_settings_say_brings_nothing(site) -> None:
    """Nodes of the shape and number that the settings name are no finding, and what was seen is kept."""
    async with serving(Dashboard(HEAD, node("b", GPU), node("c", GPU))) as address:
        answer = await ask(site, address)
    assert told(answer) == []
    assert answer.seen is not None
    assert len(answer.seen.nodes) == 3


async def test_an_address_where_nothing_listens_is_a_mistake(site) -> None:
    """A cluster that does not answer is named with its address and the reason."""
    answer = await ask(site, nobody())
    ((key, warning, text),) = told(answer)
    assert (key, warning, answer.seen) == ("address", False, None)
    assert text.startswith("does not answer: Cannot connect to host 127.0.0.1")


async def test_a_cluster_that_asks_for_a_token_says_what_to_write(site) -> None:
    """Without a token the remedy is named; the pool itself is blamed, since there is no key yet."""
    async with serving(Dashboard(HEAD, token="s3cret")) as address:
        answer = await ask(site, address)
    assert told(answer) == [
        ("pools.onprem", False, "the cluster asks for a token (HTTP 401); write 'token_file' or 'token_env'")
    ]


async def test_a_wrong_token_is_a_mistake_where_it_comes_from(site) -> None:
    """A token that is refused is blamed on its file, and the right one passes."""
    site.write("token", "guess\n")
    async with serving(Dashboard(HEAD, node("b", GPU), node("c", GPU), token="s3cret")) as address:
        answer = await ask(site, address, "pools.onprem.token_file=" + str(site.folder / "token"))
        assert told(answer) == [("token_file", False, "the cluster does not accept this token (HTTP 403)")]
        site.write("token", "s3cret\n")
        assert told(await ask(site, address, "pools.onprem.token_file=" + str(site.folder / "token"))) == []


@pytest.mark.parametrize(
    ("status", "body"), [(200, "<html>hello</html>"), (404, "no"), (200, "[1]"), (200, '{"version": 1}'), (500, "oops")]
)
async def test_what_is_no_ray_is_told_so(status, body, site) -> None:
    """A web server that answers something else is no pool."""
    other = Dashboard()
    other.texts["/api/version"] = (status, body)
    async with serving(other) as address:
        answer = await ask(site, address)
    brought = "tells no version of Ray" if status == 200 else f"brings HTTP {status}"
    assert told(answer) == [("address", False, f"answers, but is no Ray dashboard: GET /api/version {brought}")]


@pytest.mark.parametrize(("status", "body"), [(404, "404: Not Found"), (200, "no JSON"), (200, '{"data": {}}')])
async def test_a_jobs_api_without_nodes_is_no_pool(status, body, site) -> None:
    """What speaks of jobs alone, as another Spillover does, shows no nodes to place work on."""
    other = Dashboard()
    other.texts["/api/v0/nodes"] = (status, body)
    async with serving(other) as address:
        ((key, warning, text),) = told(await ask(site, address))
    assert (key, warning) == ("address", False)
    assert text.startswith("answers, but does not show its nodes as a Ray dashboard does: ")


async def test_another_version_of_ray_is_warned_of(site) -> None:
    """Both versions are named."""
    async with serving(Dashboard(HEAD, node("b", GPU), node("c", GPU), ray="2.9.0")) as address:
        ((key, warning, text),) = told(await ask(site, address))
    assert (key, warning) == ("address", True)
    assert text.startswith("runs Ray 2.9.0, and Spillover speaks 2.6")


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([("b", {"CPU": 32.0, "GPU": 2.0}), ("c", {"CPU": 32.0, "GPU": 2.0})], ("node_types.gpu.resources", "2 nodes there have {GPU:2}")),
        ([("b", GPU), ("c", {"CPU": 64.0, "GPU": 4.0})], ("node_types.gpu.resources", "a node there has {CPU:64}")),
        ([("b", GPU)], ("node_types.gpu.max_nodes", "1 such node is there now: jobs that need more wait until there are")),
        ([("b", GPU), ("c", GPU), ("d", GPU)], ("node_types.gpu.max_nodes", "3 such nodes are there now")),
        ([], ("node_types", "the cluster has no node now that could run work")),
    ],
)  # fmt: skip
async def test_nodes_that_differ_are_warned_of(nodes, said, site) -> None:
    """Another shape or another number than the settings say is a warning with what is there."""
    async with serving(Dashboard(HEAD, *(node(*n) for n in nodes))) as address:
        assert told(await ask(site, address)) == [(said[0], True, said[1])]


async def test_a_head_that_works_counts_as_a_node(site) -> None:
    """A head with CPUs or GPUs is a node like others; one that has memory alone is not."""
    async with serving(Dashboard(node("b", GPU, head=True), node("c", GPU))) as address:
        assert told(await ask(site, address)) == []


@pytest.mark.parametrize(("there", "warned"), [(95, False), (120, False), (80, True)])
async def test_memory_may_be_a_little_less(there, warned, site) -> None:
    """Ray offers a part of what was free at its start, so that a tenth less is no difference, and more is none."""
    memory = {**GPU, "memory": there * 2.0**30}
    async with serving(Dashboard(HEAD, node("b", memory), node("c", memory))) as address:
        answer = await ask(site, address, "pools.onprem.node_types.gpu.resources.memory=100GiB")
    assert [(m.value, m.text) for m in answer.mistakes] == [
        ("{memory:100 GiB}", "2 nodes there have {memory:80 GiB}")
    ] * warned


async def test_pools_are_asked_side_by_side(site) -> None:
    """Two slow clusters take as long as one, and one that is gone does not hide the other."""
    slow = [Dashboard(HEAD, node("b", GPU), node("c", GPU)) for _ in range(4)]
    released, arrived = asyncio.Event(), []

    for dashboard in slow:
        handle = dashboard.handle

        async def wait(request, handle=handle):
            arrived.append(request.path)
            if len(arrived) == len(slow):
                released.set()  # only when all were asked is any answered
            await released.wait()
            return await handle(request)

        dashboard.handle = wait  # type: ignore[method-assign]
    async with AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(serving(dashboard)) for dashboard in slow]
        text = (site.folder / "s.yaml").read_text()
        onprem = text[text.index("  onprem:") : text.index("  cloud:")]
        many = "".join(
            onprem.replace("onprem", f"p{i}").replace("http://10.0.0.1:8265", address)
            for i, address in enumerate([*addresses, nobody()])
        )
        site.write("s.yaml", text.replace(onprem, many))
        began = time.monotonic()
        answers = await ask_all(read_settings(site.folder / "s.yaml", (), {}).parts.pools)
    assert time.monotonic() - began < 2.5, "one after the other would have timed out"
    assert [(answer.pool, answer.seen is not None) for answer in answers] == [
        ("p0", True), ("p1", True), ("p2", True), ("p3", True), ("p4", False),
    ]  # fmt: skip


async def test_a_pool_whose_token_is_not_there_is_not_asked(site) -> None:
    """The missing file is a mistake of its own; to ask without it would only bring a second one."""
    dashboard = Dashboard(HEAD)
    async with serving(dashboard) as address:
        answer = await ask(site, address, "pools.onprem.token_file=nowhere")
    assert (answer.mistakes, dashboard.asked) == ((), [])
