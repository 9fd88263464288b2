"""The errors that clients get from the data plane itself, in the shape of OpenAI's."""

from __future__ import annotations

import json

JSON = "content-type application/json"


def body(message: str, kind: str, code: str) -> str:
    """`{"error": {"message", "type", "code"}}`. It stands in single quotes in the configuration, so it has none."""
    if "'" in message:
        raise AssertionError(message)
    return json.dumps({"error": {"message": message, "type": kind, "code": code}})


TOO_LARGE = body("The request is larger than this application takes.", "invalid_request_error", "request_too_large")

_AUTH = "authentication_error"
_PERMISSION = "permission_error"
_INVALID = "invalid_request_error"
_SERVER = "server_error"

NO_KEY = body(
    "No API key was sent. Send it as Authorization: Bearer KEY, or as X-API-Key: KEY.", _AUTH, "missing_api_key"
)
BAD_KEY = body("This API key is not known, or does not live any more.", _PERMISSION, "invalid_api_key")
NOT_FOR_KEY = body("This API key is not for this application.", _PERMISSION, "application_not_allowed")
NO_ROUTE = body("No application is served under this path.", _INVALID, "not_found")
BAD_PATH = body("The path holds a zero byte.", _INVALID, "bad_path")
TWO_REGIONS = body("X-Spillover-Region was sent more than once. Send it once.", _INVALID, "ambiguous_region")
NO_REGION = body(
    "No replica is in a region where this request may be served. It is not sent to another.",
    _SERVER,
    "region_unavailable",
)
OVER_REQUESTS = body(
    "This API key has sent as many requests as it may in a minute.", "rate_limit_error", "requests_per_minute"
)
OVER_TOKENS = body(
    "The answers to this API key have come to as many tokens as it may have in a minute.",
    "rate_limit_error",
    "tokens_per_minute",
)
NO_REPLICA = body("No replica of this application was there in time.", _SERVER, "no_replica")

# What HAProxy answers by itself, by status.
OWN = {
    400: body("This is no HTTP request that can be understood.", _INVALID, "bad_request"),
    408: body("The request did not arrive in time.", _INVALID, "request_timeout"),
    413: TOO_LARGE,
    500: body("The data plane failed.", _SERVER, "internal_error"),
    502: body("The replica broke off before it answered.", _SERVER, "replica_failed"),
    503: body("No replica could take the request in time.", _SERVER, "overloaded"),
    504: body("The replica did not answer within the time limit of this application.", _SERVER, "timeout"),
}
