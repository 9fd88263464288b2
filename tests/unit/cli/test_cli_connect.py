import json
import socket

import pytest


def write_address_file(home, api_address, token="from-file"):
    folder = home / ".spillover"
    folder.mkdir()
    (folder / "token").write_text(token + "\n")
    (folder / "server.json").write_text(json.dumps({"address": api_address, "token_file": str(folder / "token")}))


def test_the_server_that_this_user_started_is_found(home, api, bare):
    """With nothing said, the address and token come from the file that `spillover up` wrote."""
    write_address_file(home, api.address)
    api.put("GET /queue?limit=100", {"items": [], "next": None})
    assert bare("queue").exit_code == 0
    assert api.asked == [("GET /api/spillover/v1/queue?limit=100", "Bearer from-file")]


def test_nobody_there_names_address_and_remedy(bare):
    """Where nothing listens, the message names the address, where it was read, and what to do; exit code 1."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = bare("queue", "--address", address)
    assert result.exit_code == 1
    assert f"no server answers at {address} (from --address)" in result.stderr
    assert "spillover up" in result.stderr
    assert result.stdout == ""


def test_no_server_known_says_how_to_start_one(bare):
    """Without any address the remedy is named, with exit code 1."""
    result = bare("queue")
    assert result.exit_code == 1
    assert "spillover up -c FILE" in result.stderr


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ray://head:10001", "http://[", "http://a:port"])
def test_an_address_that_is_none_is_told(address, bare):
    """An address that is no HTTP URL fails with a message, not a traceback."""
    result = bare("queue", "--address", address)
    assert result.exit_code == 1
    assert address in result.stderr
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, "no token", "RAY_AUTH_TOKEN_PATH"),
        (403, "unknown token", "unknown token (the token from RAY_AUTH_TOKEN, at http://127.0.0.1:"),
        (404, "404: Not Found", "is no Spillover server"),
        (404, json.dumps({"error": "no job 'x'", "near": ["x1", "x2"]}), "no job 'x'; did you mean 'x1' or 'x2'?"),
        (404, "Traceback\nno job 'x'; did you mean 'x1'?", "no job 'x'; did you mean 'x1'?"),
        (409, "", "answered 409"),
        (200, "<html>", "is no Spillover server"),
    ],
)
def test_refusals_say_what_to_do(status, body, said, spillover, api, monkeypatch):  # fixtures
    """A refusal is told in the server's last line or with the remedy, on stderr, with exit code 1."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret-token")
    api.put("GET /jobs/x/explain", body, status)
    result = spillover("explain", "x")
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret-token" not in result.stderr


def test_a_redirect_does_not_take_the_token_along(spillover, api, monkeypatch):
    """Wherever a server sends us, the token stays behind."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret-token")
    api.put("GET /pools?limit=10000", f"{api.address}/elsewhere", 302)
    api.put("GET /elsewhere", {"items": [], "next": None})
    assert spillover("pools").exit_code == 0
    path = "GET /api/spillover/v1/pools?limit=10000"
    assert api.asked == [(path, "Bearer secret-token"), ("GET /elsewhere", None)]
