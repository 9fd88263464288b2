"""Spillover's own API, called with whatever its description allows and with what it does not, in front of real control."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "control"))

from served_world import ServedWorld, served_world
from world import World, attached, burst

from spillover.gateway.own import ENDPOINTS
from spillover.gateway.own import ROOT as BASE
from spillover.gateway.own.description import description

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
API = schemathesis.openapi.from_dict(description(ENDPOINTS))
CALLS = {f"{call.method.upper()} {call.path}": call for call in (found.ok() for found in API.get_all_operations())}
RIGHT = [(name, GenerationMode.POSITIVE) for name in CALLS]
WRONG = [(name, GenerationMode.NEGATIVE) for name, call in CALLS.items() if call.query or call.body]
# What hardly comes about by chance: names of what is there, and a bill by everything.
KNOWN = [
    ("GET /jobs/{any_id}/explain", {"path_parameters": {"any_id": "big"}}),
    ("GET /jobs/{any_id}/explain", {"path_parameters": {"any_id": "waits"}}),
    ("POST /quote", {"body": {"metadata": {"spillover/workers": "1x{CPU:2}"}}, "media_type": "application/json"}),
    ("GET /cost", {"query": {"by": "pool,team,user,job,market,day,node_type", "compare": "true"}}),
    ("GET /pools", {}),
    ("GET /queue", {}),
    ("GET /events", {}),
    ("GET /tokens", {}),
]


async def begin(world: World) -> None:
    """One job runs, another waits."""
    await world.running("big", "dc", workers="2x{CPU:2}", runtime="1h")
    await world.submit("waits", workers="2x{CPU:2}", pools="dc")
    await world.tick(3)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorld]:
    with served_world(tmp_path_factory.mktemp("site"), attached(), burst(), begin=begin) as opened:
        yield opened


def check(site: ServedWorld, case: schemathesis.Case) -> int:
    """Send it as an administrator. Fails unless the answer is one that is described; returns its status."""
    answer = case.call(base_url=site.address + BASE, headers={"Authorization": f"Bearer {site.token}"})
    case.validate_response(answer, checks=CHECKS)
    return answer.status_code


@pytest.mark.parametrize(("call", "mode"), RIGHT + WRONG, ids=lambda value: getattr(value, "value", value))
def test_nothing_that_is_sent_is_an_error_of_ours(call: str, mode: GenerationMode, site: ServedWorld) -> None:
    """Well-formed or not, each request gets an answer that the description has, of its type and shape, and never a 500."""

    @given(CALLS[call].as_strategy(generation_mode=mode))
    @settings(
        max_examples=15, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    def send(case: schemathesis.Case) -> None:
        check(site, case)

    send()


@pytest.mark.parametrize(("call", "said"), KNOWN, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_there_is_shown_as_described(call: str, said: dict[str, Any], site: ServedWorld) -> None:
    """What control says of real jobs, pools, bills and tokens has the shape that is described."""
    assert check(site, CALLS[call].Case(**said)) == 200
