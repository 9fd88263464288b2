"""`spillover token`: secrets go where they were told to, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SECRET = "5ec3" * 16
ALICE = {
    "token_id": "1f2e3d4c",
    "user": "alice",
    "team": "search",
    "role": "user",
    "created_at": 1_790_000_000.0,
    "created_by": "admin",
    "expires_at": 1_797_776_000.0,
    "revoked_at": None,
    "used_at": None,
}
MADE = {"secret": SECRET, "token": ALICE}


def test_a_new_token_is_shown_once_with_what_rays_clients_need(spillover: Any, api: Any) -> None:
    """The secret, its holder and end, and the three exports, each on a line of its own however narrow the terminal."""
    api.put("POST /tokens", MADE)
    result = spillover("token", "create", "alice", "--team", "search")
    assert json.loads(api.bodies[-1]) == {"user": "alice", "team": "search", "role": "user", "expires_in_s": 90 * 86400}
    assert result.stdout.splitlines() == [
        "Token 1f2e3d4c lets alice in: user of team 'search', until 2026-12-20 14:13:20Z.",
        "It is shown this once. It belongs into a file of mode 600, such as ~/.ray/auth_token:",
        f"  {SECRET}",
        "Ray's clients take it with:",
        f"  export RAY_API_SERVER_ADDRESS={api.address}",
        "  export RAY_AUTH_MODE=token",
        "  export RAY_AUTH_TOKEN_PATH=~/.ray/auth_token",
    ]


def test_others_are_told_the_address_that_is_for_them(bare: Any, api: Any, home: Path) -> None:
    """On the server's own machine the export names the proxy that others go through, not the way in from here."""
    (home / ".spillover").mkdir()
    known = {"address": api.address, "url": "https://ray.example.com"}
    (home / ".spillover" / "server.json").write_text(json.dumps(known))
    api.put("POST /tokens", {"secret": SECRET, "token": ALICE | {"expires_at": None}})
    said = bare("token", "create", "alice", "--expires", "never").stdout
    assert "export RAY_API_SERVER_ADDRESS=https://ray.example.com\n" in said
    assert "and never expires." in said
    assert json.loads(api.bodies[-1])["expires_in_s"] == 0


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_out_keeps_the_secret_off_the_screen(spillover: Any, api: Any, home: Path, more: tuple[str, ...]) -> None:
    """--out writes the secret into a file of mode 600, ready for RAY_AUTH_TOKEN_PATH, and nothing prints it."""
    api.put("POST /tokens", MADE)
    file = home / "alice-token"
    result = spillover("token", "create", "alice", "--out", str(file), *more)
    assert result.exit_code == 0
    assert (file.read_text(), file.stat().st_mode & 0o777) == (SECRET, 0o600)
    assert SECRET not in result.output
    if more:
        assert json.loads(result.stdout) == {"token": ALICE}
    else:
        assert f"  export RAY_AUTH_TOKEN_PATH={file}\n" in result.stdout


def test_a_file_that_is_there_is_not_written_over(spillover: Any, api: Any, home: Path) -> None:
    """No token is made if its file cannot be; the message names the file."""
    (home / "mine").write_text("precious")
    for path, reason in ((home / "mine", "File exists"), (home / "none" / "x", "No such file or directory")):
        result = spillover("token", "create", "alice", "--out", str(path))
        assert result.exit_code == 1
        assert f"{path} cannot be written: {reason}." in result.stderr
    assert (home / "mine").read_text() == "precious"
    assert api.asked == []


def test_a_refusal_leaves_no_file(spillover: Any, api: Any, home: Path) -> None:
    """Where the server makes no token, there is no empty file that looks like one."""
    api.put("POST /tokens", "role 'x' is unknown; there are viewer, user, operator, admin", 400)
    result = spillover("token", "create", "alice", "--role", "x", "--out", str(home / "t"))
    assert (result.exit_code, result.stderr) == (1, "role 'x' is unknown; there are viewer, user, operator, admin\n")
    assert not (home / "t").exists()


@pytest.mark.parametrize("expires", ["soon", "0", "-1d", ""])
def test_a_life_that_is_none_is_a_usage_error(spillover: Any, api: Any, expires: str) -> None:
    """Nothing but a duration or `never` is asked for: a zero would mean for ever."""
    result = spillover("token", "create", "alice", "--expires", expires)
    assert result.exit_code == 2
    assert "or 'never'" in " ".join(result.stderr.split())
    assert api.asked == []


def test_tokens_are_listed(spillover: Any, api: Any) -> None:
    """Who, what, since when, last used and until when; what cannot be used any more is said to be."""
    revoked = ALICE | {"token_id": "22222222", "revoked_at": 1_790_000_500.0, "used_at": 1_790_000_100.0}
    expired = ALICE | {"token_id": "33333333", "expires_at": 1_790_000_001.0}
    first = ALICE | {"token_id": "first", "user": "admin", "role": "admin", "expires_at": None}
    api.put("GET /tokens?dead=true&limit=100", {"items": [first, ALICE, revoked, expired], "next": None})
    lines = spillover("token", "list", "--all").stdout.splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["first", "1f2e3d4c", "22222222", "33333333"]
    assert lines[0].rstrip().endswith("never")
    assert " revoked " in lines[2]
    assert " expired " in lines[3]


def test_a_list_can_be_narrowed_and_says_when_it_is_cut(spillover: Any, api: Any) -> None:
    """One user's living tokens; a page that is not the last is said to be cut; none at all is said in words."""
    api.put("GET /tokens?user=alice&limit=1", {"items": [ALICE], "next": "1"})
    assert "--limit takes more" in spillover("token", "list", "--user", "alice", "--limit", "1").stderr
    api.put("GET /tokens?limit=100", {"items": [], "next": None})
    assert spillover("token", "list").stdout == "There are no such tokens.\n"


def test_a_token_is_revoked_by_its_id(spillover: Any, api: Any) -> None:
    """`revoke` sends a DELETE and shows the server's sentence."""
    api.put("DELETE /tokens/1f2e", {"message": "Token 1f2e3d4c of alice is revoked: it lets nobody in any more."})
    assert spillover("token", "revoke", "1f2e").stdout.startswith("Token 1f2e3d4c of alice is revoked")
    assert api.asked[-1][0] == "DELETE /api/spillover/v1/tokens/1f2e"


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_each_command_explains_itself(bare: Any, command: str) -> None:
    """Help for the group and for each of its commands."""
    assert f" {command} " in bare("token", "--help").stdout
    assert f"Usage: spillover token {command}" in bare("token", command, "--help").stdout
