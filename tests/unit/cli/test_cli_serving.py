"""`spillover applications`, `key` and `usage`: what is served, who may call it, and what that came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NOW = 1_790_000_000.0
APP = {
    "name": "chat",
    "user": "alice",
    "team": "search",
    "route_prefix": "/chat",
    "status": "RUNNING",
    "message": "[b]Spills[/b]: 9 requests in the system.",
    "generation": 2,
    "deployed_at": NOW,
    "baseline": 1,
    "baseline_most": 2,
    "burst": 1,
    "burst_most": 3,
    "queued": 4,
    "requests": 9,
    "usd_per_hour": 1.25,
    "latency_target_s": 0.5,
    "pools": [],
}
KEY = {
    "key_id": "1f2e3d4c",
    "tenant": "acme",
    "created_at": NOW,
    "created_by": "root",
    "requests_per_minute": 600,
    "tokens_per_minute": None,
    "regions": ["eu"],
    "applications": ["chat", "digits"],
    "expires_at": 1_797_776_000.0,
    "revoked_at": None,
}
SECRET = "sk-spillover-" + "5ec3" * 12
MADE = {"secret": SECRET, "key": KEY}
ROW = {"requests": 1200, "errors": 3, "tokens_in": 10, "tokens_out": 2000, "busy_s": 192.0, "usd": 0.5}
NOTHING = dict.fromkeys(("tenant", "application", "key", "pool", "day"))
USAGE = {
    "by": ["tenant", "application"],
    "rows": [
        {**NOTHING, **ROW, "tenant": "acme", "application": "chat"},
        {**NOTHING, **ROW, "tenant": "zoo", "application": "chat", "usd": 1.0},
    ],
    "total_usd": 1.5,
    "unused_usd": 0.25,
    "as_of": NOW,
    "since": "2026-12-01",
    "until": None,
}


def test_applications_are_listed(spillover: Any, api: Any) -> None:
    """Route, status, replicas of the most that may be, requests, dollars and the reason: one line each."""
    api.put("GET /applications?limit=100", {"items": [APP], "next": None})
    header, _, line = spillover("applications").stdout.splitlines()[:3]
    assert header.split() == [
        "NAME", "ROUTE", "TEAM", "USER", "STATUS", "ON-PREM", "BURST", "NOW", "QUEUED", "$/HOUR", "WHY"
    ]  # fmt: skip
    assert line.split()[:10] == ["chat", "/chat", "search", "alice", "running", "1/2", "1/3", "9", "4", "$1.25"]
    assert line.rstrip().endswith("[b]Spills[/b]: 9 requests in the system.")


def test_without_applications_it_says_how_to_deploy_one(spillover: Any, api: Any) -> None:
    """An empty list is said in words, whatever was asked for."""
    api.put("GET /applications?team=ads&user=bob&limit=5", {"items": [], "next": None})
    said = spillover("applications", "--team", "ads", "--user", "bob", "--limit", "5").stdout
    assert said == "No application is served. `serve deploy FILE` deploys one.\n"


def test_one_application_is_stopped(spillover: Any, api: Any) -> None:
    """`stop` sends a DELETE, shows the server's sentence, and lists nothing."""
    api.put("DELETE /applications/chat", {"message": "Application chat is being taken down."})
    assert spillover("applications", "stop", "chat").stdout == "Application chat is being taken down.\n"
    assert [request for request, _ in api.asked] == ["DELETE /api/spillover/v1/applications/chat"]


def test_a_new_key_is_shown_once_with_how_to_send_it(spillover: Any, api: Any) -> None:
    """Everything that is asked for arrives, and the key stands on a line of its own."""
    api.put("POST /keys", MADE)
    limits = ("--requests-per-minute", "600", "--tokens-per-minute", "1000", "--expires", "1d")
    result = spillover("key", "create", "acme", *limits, "--regions", "eu", "--applications", "chat, digits")
    assert json.loads(api.bodies[-1]) == {
        "tenant": "acme",
        "requests_per_minute": 600,
        "tokens_per_minute": 1000,
        "regions": ["eu"],
        "applications": ["chat", "digits"],
        "expires_in_s": 86400,
    }
    assert result.stdout.splitlines() == [
        "Key 1f2e3d4c lets requests of acme in until 2026-12-20 14:13:20Z.",
        "It is shown this once:",
        f"  {SECRET}",
        "Requests carry it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
    ]


def test_a_key_without_limits_asks_for_none(spillover: Any, api: Any) -> None:
    """Nothing but the tenant need be said; a key lives 90 days then, or for ever if told."""
    api.put("POST /keys", MADE)
    for more, life in (((), 90 * 86400), (("--expires", "never"), 0)):
        assert spillover("key", "create", "acme", *more).exit_code == 0
        none = {"requests_per_minute": None, "tokens_per_minute": None, "regions": [], "applications": []}
        assert json.loads(api.bodies[-1]) == {"tenant": "acme", **none, "expires_in_s": life}


def test_out_keeps_the_key_off_the_screen(spillover: Any, api: Any, home: Path) -> None:
    """--out writes it into a file of mode 600, and nothing prints it."""
    api.put("POST /keys", MADE)
    result = spillover("key", "create", "acme", "--out", str(home / "k"))
    assert ((home / "k").read_text(), (home / "k").stat().st_mode & 0o777) == (SECRET, 0o600)
    assert SECRET not in result.output
    assert f"It is in {home / 'k'}, of mode 600" in result.stdout


@pytest.mark.parametrize("wrong", [("--requests-per-minute", "0"), ("--expires", "soon")])
def test_limits_that_are_none_are_usage_errors(spillover: Any, api: Any, wrong: tuple[str, str]) -> None:
    """Nothing is asked of the server."""
    assert spillover("key", "create", "acme", *wrong).exit_code == 2
    assert api.asked == []


def test_keys_are_listed(spillover: Any, api: Any) -> None:
    """Whose, with which limits, where, for what and until when; dead ones are said to be."""
    dead = KEY | {"key_id": "22222222", "revoked_at": NOW, "regions": [], "applications": []}
    api.put("GET /keys?tenant=acme&dead=true&limit=100", {"items": [KEY, dead], "next": None})
    lines = spillover("key", "list", "--tenant", "acme", "--all").stdout.splitlines()[2:]
    assert lines[0].split()[:7] == ["1f2e3d4c", "acme", "600", "-", "eu", "chat,", "digits"]
    assert lines[1].split()[0] == "22222222"
    assert " revoked " in lines[1]
    api.put("GET /keys?limit=100", {"items": [], "next": None})
    assert spillover("key", "list").stdout == "There are no such keys.\n"


def test_a_key_is_revoked_by_its_id(spillover: Any, api: Any) -> None:
    """`revoke` sends a DELETE and shows the server's sentence."""
    api.put("DELETE /keys/1f2e", {"message": "Key 1f2e3d4c of acme is revoked."})
    assert spillover("key", "revoke", "1f2e").stdout == "Key 1f2e3d4c of acme is revoked.\n"


def test_usage_is_summed(spillover: Any, api: Any) -> None:
    """A line for each tenant and application, the sum below, and what nobody called."""
    api.put("GET /usage?by=tenant%2Capplication&since=2026-12-01", USAGE)
    lines = spillover("usage", "--since", "2026-12-01").stdout.splitlines()
    assert lines[2].split() == ["acme", "chat", "1,200", "3", "10", "2,000", "3m12s", "$0.5000"]
    assert lines[4].split() == ["total", "2,400", "6", "20", "4,000", "6m24s", "$1.50"]
    assert "from 2026-12-01 (days in UTC)" in lines[5]
    assert "$0.2500 more went to replicas that nobody called." in " ".join(lines[5:])


@pytest.mark.parametrize(
    ("wrong", "text"),
    [(("--by", "tenent"), "did you mean 'tenant'?"), (("--since", "monday"), "'monday' is no day")],
)
def test_usage_that_cannot_be_asked_for_is_a_usage_error(
    spillover: Any, api: Any, wrong: tuple[str, str], text: str
) -> None:
    """The message says what would be right."""
    result = spillover("usage", *wrong)
    assert result.exit_code == 2
    assert text in " ".join(result.stderr.replace("│", " ").split())
    assert api.asked == []


@pytest.mark.parametrize("command", [("applications",), ("usage",), ("key", "list")])
def test_json_is_the_apis(spillover: Any, api: Any, command: tuple[str, ...]) -> None:
    """--json prints the answer as it came."""
    path = {"applications": "applications?limit=100", "usage": "usage?by=tenant%2Capplication", "key": "keys?limit=100"}
    body = api.put(f"GET /{path[command[0]]}", {"items": [], "next": None})
    assert spillover(*command, "--json").stdout.strip() == body
