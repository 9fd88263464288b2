"""A body becomes the dataclass that says what may be asked for, or a refusal that names what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spillover.domain.questions import KeyRequest
from spillover.errors import BadRequest
from spillover.gateway.body import read_body


def read(**fields: Any) -> KeyRequest:
    return read_body(json.dumps(fields).encode(), KeyRequest)


def test_every_field_is_read() -> None:
    """Lists become tuples; what is not said, or said to be null, has its default."""
    whole = {
        "tenant": "acme",
        "requests_per_minute": 60,
        "tokens_per_minute": None,
        "regions": ["eu"],
        "applications": [],
        "expires_in_s": 0.5,
    }
    assert read(**whole) == KeyRequest("acme", 60, None, ("eu",), (), 0.5)
    assert read(tenant="acme") == KeyRequest("acme")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "'tenant' is missing: Who its requests are metered for"),
        ({"tenant": "a", "region": ["eu"]}, "There is no field 'region'; did you mean 'regions'?"),
        ({"tenant": "a", "x": 1}, "There is no field 'x'; known: tenant, requests_per_minute"),
        ({"tenant": 7}, "tenant must be text, got 7"),
        ({"tenant": "a", "requests_per_minute": True}, "requests_per_minute must be a whole number or null, got True"),
        ({"tenant": "a", "requests_per_minute": 1.5}, "requests_per_minute must be a whole number or null, got 1.5"),
        ({"tenant": "a", "regions": "eu"}, "regions must be a list of texts, got 'eu'"),
        ({"tenant": "a", "regions": [1]}, "regions must be a list of texts, got [1]"),
        ({"tenant": "a", "expires_in_s": "1d"}, "expires_in_s must be a number or null, got '1d'"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], text: str) -> None:
    """The field, the value and what it should be."""
    with pytest.raises(BadRequest) as error:
        read(**fields)
    assert text in error.value.text


def test_what_is_no_object_is_refused() -> None:
    """It is the client's mistake, not ours."""
    with pytest.raises(BadRequest, match="must be a JSON object"):
        read_body(b"[]", KeyRequest)
