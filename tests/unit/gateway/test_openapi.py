"""What is said of Spillover's own API is well-formed, whole, and true of what it answers."""

import dataclasses
import json
import re
from typing import Any

import aiohttp
import pytest
from fake_service import ROOT as ADMIN
from fake_service import FakeService, asking, make_job
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from spillover.domain import answers
from spillover.domain.job import JobStatus
from spillover.gateway.own import ENDPOINTS, ROOT
from spillover.gateway.own.description import description, noun
from spillover.gateway.own.page import page

DESCRIBED = description(ENDPOINTS)
SHOWN = [kind for kind in vars(answers).values() if dataclasses.is_dataclass(kind) and kind is not answers.Page]
TYPED = [e for e in ENDPOINTS if e.answer not in (bytes, str, dict)]
IN_PATHS = {
    "any_id": "j1",
    "pool": "onprem",
    "token_id": "ab12",
    "host": "10.0.0.1",
    "application": "chat",
    "key_id": "k1",
}


def operation_of(endpoint: Any) -> dict[str, Any]:
    return DESCRIBED["paths"][endpoint.path][endpoint.method.lower()]


def check(value: Any, schema: dict[str, Any]) -> None:
    """Fail unless the value is what the schema says; references lead into the description."""
    Draft202012Validator({**schema, "components": DESCRIBED["components"]}).validate(value)


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    return operation["requestBody"]["content"]["application/json"]


async def call(client: aiohttp.ClientSession, endpoint: Any, **options: Any) -> aiohttp.ClientResponse:
    path = ROOT + endpoint.path.format(**IN_PATHS)
    if endpoint.body and "json" not in options:
        options["json"] = body_of(operation_of(endpoint))["example"]
    return await client.request(endpoint.method, path, **options)


def test_the_description_is_openapi() -> None:
    """The description keeps to the OpenAPI 3.1 specification, and each of its references leads somewhere."""
    assert list(OpenAPIV31SpecValidator(DESCRIBED).iter_errors()) == []


def test_every_call_is_described() -> None:
    """There is an operation for each endpoint and no other, under a name of its own, below the noun of its file."""
    operations = [op for item in DESCRIBED["paths"].values() for op in item.values()]
    assert len(operations) == len(ENDPOINTS)
    assert len({op["operationId"] for op in operations}) == len(ENDPOINTS)
    tags = {tag["name"]: tag["description"] for tag in DESCRIBED["tags"]}
    for endpoint in ENDPOINTS:
        operation = operation_of(endpoint)
        assert operation["tags"] == [noun(endpoint)]
        assert tags[noun(endpoint)]
        assert operation["summary"]
        assert operation["security"] == ([{"token": []}] if endpoint.least else [])
        assert operation["x-least-role"] == endpoint.least


@pytest.mark.asyncio
@pytest.mark.parametrize("endpoint", TYPED, ids=lambda e: f"{e.method} {e.path}")
async def test_each_call_answers_as_described(endpoint: Any) -> None:
    """What a call really answers is what its schema says, and the example of a body is one that it takes."""
    service = FakeService()
    service.add(make_job("j1", status=JobStatus.QUEUED))
    async with asking(service, ADMIN) as client:
        answer = await call(client, endpoint)
        assert answer.status == 200, await answer.text()
        said = operation_of(endpoint)["responses"]["200"]["content"][answer.content_type]
        check(await answer.json(), said["schema"])


@pytest.mark.asyncio
async def test_a_server_that_is_not_ready_answers_as_described() -> None:
    """`/health` answers 503 with the same shape."""
    service = FakeService()
    service.is_ready = False
    async with asking(service) as client:
        answer = await client.get(f"{ROOT}/health")
        assert answer.status == 503
        check(
            await answer.json(),
            DESCRIBED["paths"]["/health"]["get"]["responses"]["503"]["content"]["application/json"]["schema"],
        )


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_answer_has_the_shape_that_is_described(kind: type, data: st.DataObject) -> None:
    """Whatever an answer holds, as JSON it is what its schema says, and the schema requires every field of it."""
    schema = DESCRIBED["components"]["schemas"][kind.__name__]
    names = [f.name for f in dataclasses.fields(kind)]
    assert [*schema["properties"]] == names
    assert sorted(schema["required"]) == sorted(names)
    value = json.loads(json.dumps(dataclasses.asdict(data.draw(st.from_type(kind))), default=dict))
    check(value, schema)
    missing = data.draw(st.sampled_from(names))
    assert not Draft202012Validator({**schema, "components": DESCRIBED["components"]}).is_valid(
        {name: value[name] for name in names if name != missing}
    )


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.query], ids=lambda e: e.path)
def test_each_parameter_of_a_query_is_described(endpoint: Any) -> None:
    """Each field of a question is a parameter with its meaning, its choices and its default."""
    described = {p["name"]: p for p in operation_of(endpoint)["parameters"] if p["in"] == "query"}
    assert [*described] == [f.name for f in dataclasses.fields(endpoint.query)]
    for field in dataclasses.fields(endpoint.query):
        parameter = described[field.name]
        schema = parameter["schema"]
        assert parameter["description"] == field.metadata["help"]
        assert (schema.get("items") or schema).get("enum", []) == [*field.metadata["choices"]]
        assert schema.get("default") == (field.default or (False if field.default is False else None))


@pytest.mark.asyncio
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.query], ids=lambda e: e.path)
async def test_parameters_are_taken_as_described(endpoint: Any) -> None:
    """A query made by the description alone is taken, with lists parted by commas as it says."""
    samples = {"array": lambda s: ",".join(s["items"]["enum"]), "integer": lambda s: str(s["maximum"])}
    samples |= {"boolean": lambda _: "true", "number": lambda _: "1.5", "string": lambda s: s.get("enum", ["7"])[0]}
    query = {
        p["name"]: samples[p["schema"]["type"]](p["schema"])
        for p in operation_of(endpoint)["parameters"]
        if p["in"] == "query"
    }
    async with asking(FakeService(), ADMIN) as client:
        answer = await call(client, endpoint, params=query)
        assert answer.status == 200, await answer.text()


@pytest.mark.asyncio
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.body], ids=lambda e: e.path)
async def test_bodies_are_described_as_they_are_read(endpoint: Any) -> None:
    """The example keeps to the schema; a field that the schema does not know is refused by both, null by neither."""
    content = body_of(operation_of(endpoint))
    check(content["example"], content["schema"])
    schema = DESCRIBED["components"]["schemas"][endpoint.body.__name__]
    null = {name: None for name, part in schema["properties"].items() if "null" in str(part)}
    check({**content["example"], **null}, content["schema"])
    async with asking(FakeService(), ADMIN) as client:
        assert (await call(client, endpoint, json={**content["example"], **null})).status == 200
        assert (await call(client, endpoint, json={**content["example"], "unheard-of": 1})).status == 400
        assert (await call(client, endpoint, data=b"no JSON", json=None)).status == 400
    assert schema["additionalProperties"] is False


@pytest.mark.asyncio
async def test_the_description_is_served_to_everybody() -> None:
    """Without a token the description comes as JSON, and as a page that may load nothing from anywhere."""
    async with asking(FakeService(), {}) as client:
        described = await client.get(f"{ROOT}/openapi.json")
        assert (described.status, described.content_type) == (200, "application/json")
        assert await described.json() == json.loads(json.dumps(DESCRIBED))
        shown = await client.get(f"{ROOT}/docs")
        assert (shown.status, shown.content_type, shown.charset) == (200, "text/html", "utf-8")
        assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert await shown.text() == page(DESCRIBED)
        assert (await client.get(f"{ROOT}/docs?x=1")).status == 400


def test_the_page_shows_everything_and_needs_nothing() -> None:
    """Each call has its place, its parameters and a curl to copy, each link has an end, and nothing is loaded."""
    html = page(DESCRIBED)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in re.findall(r'href="([^"]+)"', html)} <= {*ids, "openapi.json"}
    assert not re.search(r"\ssrc=|@import|url\(|<link", html)
    for item in DESCRIBED["paths"].values():
        for operation in item.values():
            shown = html[html.index(f'<article id="{operation["operationId"]}">') :].split("</article>")[0]
            assert "curl" in shown
            assert [p["name"] for p in operation["parameters"] if p["name"] not in shown] == []
    assert {*DESCRIBED["components"]["schemas"]} <= set(ids)


def test_texts_do_not_break_the_page() -> None:
    """What a description says is shown as it is said, markup and all."""
    html = page({**DESCRIBED, "info": {"title": "<b>", "version": "1", "description": "a `<i>` & b"}})
    assert "<h1>&lt;b&gt; API" in html
    assert "a <code>&lt;i&gt;</code> &amp; b" in html


def test_a_curl_of_the_page_is_one_that_a_shell_takes() -> None:
    """A body is quoted, a path's names stand in capitals, and the token comes from the environment."""
    html = page(DESCRIBED)
    assert (
        "$SPILLOVER_ADDRESS/api/spillover/v1/jobs/ANY_ID/explain&quot; \\\n  -H &quot;Authorization: Bearer $RAY_AUTH_TOKEN"
        in html
    )
    assert "-d &#x27;{&quot;user&quot;: &quot;ann&quot;, &quot;team&quot;: &quot;search&quot;}&#x27;" in html
    assert "curl -X DELETE" in html
