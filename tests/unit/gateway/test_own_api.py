"""Spillover's own API: queries are read, roles are held, answers have the shapes that were promised."""

import dataclasses
from typing import Any

import pytest
from fake_service import ALICE, ROOT, VIC, FakeService, asking, make_job

from spillover.domain.job import JobStatus
from spillover.domain.questions import (
    CostQuery,
    EventQuery,
    PoolQuery,
    QueueQuery,
    ShadowQuery,
    TokenQuery,
    TokenRequest,
)
from spillover.gateway.own import ENDPOINTS
from spillover.gateway.own import ROOT as BASE

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/queue", ("queue", "alice", QueueQuery())),
        (
            "/queue?team=a&user=b&status=queued,running&pool=p&limit=5&after=7",
            ("queue", "alice", QueueQuery("a", "b", ("queued", "running"), "p", 5, "7")),
        ),
        ("/pools?kind=launched&role=burst&status=up", ("pools", PoolQuery("launched", "burst", ("up",)))),
        (
            "/cost?by=team,%20pool&since=2026-11-01&compare=true",
            ("cost", CostQuery(("team", "pool"), "2026-11-01", compare=True)),
        ),
        ("/cost", ("cost", CostQuery())),
        ("/shadow", ("shadow", ShadowQuery())),
        ("/shadow?days=30&limit=5", ("shadow", ShadowQuery(30, 5))),
        ("/events?subject=j1&limit=7&since=12.5", ("events", EventQuery("j1", since=12.5, limit=7))),
        ("/events?subject=", ("events", EventQuery())),
    ],
)
async def test_a_query_reaches_the_service_as_it_was_meant(path: str, asked: tuple[Any, ...]) -> None:
    """Every parameter of a query arrives, read as what it is."""
    service = FakeService()
    async with asking(service) as client:
        answer = await client.get(BASE + path)
        assert answer.status == 200, await answer.text()
    assert service.asked == [asked]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/queue?limit=0", "limit must be a whole number from 1 to 10000, got '0'"),
        ("/queue?limit=x", "limit must be a whole number from 1 to 10000, got 'x'"),
        ("/events?limit=99999999999999", "limit must be a whole number from 1 to 10000, got '99999999999999'"),
        ("/events?subjcet=j1", "Unknown query parameter 'subjcet'; did you mean 'subject'?"),
        ("/events?subject=%00", "The query parameter 'subject' holds what is no text"),
        ("/events?since=nan", "since must be Unix seconds, got 'nan'"),
        ("/cost?zzz=1", "Unknown query parameter 'zzz'; known: by, since, until, team, compare"),
        ("/cost?by=teem", "by 'teem' is unknown; did you mean 'team'?"),
        ("/cost?compare=1", "compare must be 'true' or 'false', got '1'"),
        ("/queue?status=succeeded", "status 'succeeded' is unknown; there are queued, starting, running, unreachable"),
        ("/health?x=1", "Unknown query parameter 'x'; known: none"),
    ],
)
async def test_wrong_queries_are_refused(path: str, text: str) -> None:
    """A query that would be ignored or misread is a 400 that says so."""
    async with asking(FakeService()) as client:
        answer = await client.get(BASE + path)
        assert (answer.status, await answer.text()) == (400, text)


async def test_lists_come_as_pages() -> None:
    """A list answers its items, and what to ask for the ones that follow."""
    async with asking(FakeService()) as client:
        queue = await (await client.get(f"{BASE}/queue")).json()
        assert queue["next"] == "1"
        assert queue["items"][0]["submission_id"] == "j1"
        assert (await (await client.get(f"{BASE}/events")).json())["next"] is None


async def test_orders_answer_with_a_sentence() -> None:
    """Orders of operators, and revoking a token, say what follows."""
    async with asking(FakeService(), ROOT) as client:
        for verb, message in (("fence", "onprem is fenced"), ("fold", "onprem will fold")):
            answer = await client.post(f"{BASE}/pools/onprem/{verb}")
            assert await answer.json() == {"message": message}
        for verb, message in (("repair", "is tried"), ("drain", "drains"), ("undrain", "comes back")):
            answer = await client.post(f"{BASE}/pools/onprem/hosts/10.0.0.1/{verb}")
            assert await answer.json() == {"message": f"10.0.0.1 of onprem {message}"}
        answer = await client.delete(f"{BASE}/tokens/ab12")
        assert await answer.json() == {"message": "ab12 is revoked"}


async def test_a_job_is_explained() -> None:
    """An explanation is of the job that was named."""
    service = FakeService()
    service.add(make_job("j1", status=JobStatus.QUEUED))
    async with asking(service) as client:
        answer = await (await client.get(f"{BASE}/jobs/j1/explain")).json()
        assert answer["job"]["submission_id"] == "j1"
        assert (await client.get(f"{BASE}/jobs/j2/explain")).status == 404


async def test_a_quote_takes_what_ray_submits() -> None:
    """A quote reads the body of Ray's submit, in which only the entrypoint may be missing."""
    service = FakeService()
    async with asking(service) as client:
        body = {"metadata": {"spillover/workers": "1x{GPU:8}"}, "entrypoint_num_cpus": 2}
        answer = await client.post(f"{BASE}/quote", json=body)
        assert (await answer.json())["offers"][0]["chosen"] is True
        wrong = await client.post(f"{BASE}/quote", json={"entrypoint_num_cpus": -1})
        assert (wrong.status, await wrong.text()) == (
            400,
            "ValueError: The quantity of resource num_cpus cannot be negative",
        )
    [(_, user, request)] = service.asked
    assert (user, request.entrypoint, request.entrypoint_num_cpus) == ("alice", "(not said)", 2)


async def test_tokens_are_made_and_listed_by_administrators() -> None:
    """What kind of token is wanted arrives as it was said, and the secret comes back."""
    service = FakeService()
    async with asking(service, ROOT) as client:
        wanted = {"user": "dora", "team": "ads", "role": "viewer", "expires_in_s": None}
        made = await (await client.post(f"{BASE}/tokens", json=wanted)).json()
        assert made["secret"] == "s3cret"
        assert (await (await client.get(f"{BASE}/tokens?dead=true")).json())["items"][0]["token_id"] == "ab12"
    assert service.asked == [("create", TokenRequest("dora", "ads", "viewer")), ("tokens", TokenQuery(dead=True))]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"user": "dora"}, "'team' is missing: a token is made for a user of a team"),
        ({"user": "dora", "team": 3}, "team must be text, got 3"),
        ({"user": "d", "team": "t", "expires_in_s": True}, "expires_in_s must be a number of seconds, got True"),
        ({"user": "d", "team": "t", "rule": "x"}, "a token has no 'rule'; known: user, team, role, expires_in_s"),
    ],
)
async def test_a_wrong_wish_for_a_token_is_refused(body: dict[str, Any], text: str) -> None:
    """Each mistake in the body names the field."""
    async with asking(FakeService(), ROOT) as client:
        answer = await client.post(f"{BASE}/tokens", json=body)
        assert (answer.status, await answer.text()) == (400, text)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
async def test_each_call_is_kept_to_its_role(endpoint: Any) -> None:
    """Who has no token gets 401 from all but the open calls, and a role below the least gets 403."""
    path = BASE + endpoint.path.replace("{", "").replace("}", "")
    async with asking(FakeService(), {}) as client:
        status = (await client.request(endpoint.method, path)).status
        assert (status == 401) == (endpoint.least is not None)
    for caller, role in ((VIC, "viewer"), (ALICE, "user"), (ROOT, "admin")):
        async with asking(FakeService(), caller) as client:
            answer = await client.request(endpoint.method, path)
            allowed = endpoint.least is None or type(endpoint.least)(role).allows(endpoint.least)
            assert (answer.status == 403) == (not allowed)
            if not allowed:
                assert f"this takes the role {endpoint.least}" in await answer.text()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
async def test_each_call_says_what_it_does(endpoint: Any) -> None:
    """Every call is described, and every parameter of its query says what it means."""
    assert endpoint.text
    for field in dataclasses.fields(endpoint.query) if endpoint.query else ():
        assert field.metadata["help"], field.name
