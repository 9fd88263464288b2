"""Where a server and its token are found."""

import json

import pytest

from spillover.client.connect import find_server
from spillover.client.ways import PYTHON
from spillover.errors import NoServer, SpilloverError


def write_address_file(home, address, token="from-file"):
    folder = home / ".spillover"
    folder.mkdir()
    (folder / "token").write_text(token + "\n")
    (folder / "server.json").write_text(json.dumps({"address": address, "token_file": str(folder / "token")}))


def test_addresses_are_preferred_as_documented(home, monkeypatch):
    """--address wins over SPILLOVER_ADDRESS over Ray's two variables over the address file."""
    write_address_file(home, "http://file:1")
    assert find_server(None).address == "http://file:1"
    for name, address in (
        ("RAY_ADDRESS", "http://ray:1"),
        ("RAY_API_SERVER_ADDRESS", "https://rayapi:1/"),
        ("SPILLOVER_ADDRESS", "http://ours:1"),
    ):
        monkeypatch.setenv(name, address)
        assert find_server(None).address == address.rstrip("/")
    assert find_server("option:1").address == "http://option:1"


@pytest.mark.parametrize("value", ["auto", "ray://head:10001", "10.0.0.1:6379"])
def test_other_clients_ray_addresses_are_passed_over(value, home, monkeypatch):
    """A RAY_ADDRESS that is no HTTP URL is no server of ours."""
    monkeypatch.setenv("RAY_ADDRESS", value)
    with pytest.raises(SpilloverError, match="no server is known"):
        find_server(None)


def test_tokens_are_preferred_as_documented(home, monkeypatch):
    """RAY_AUTH_TOKEN wins over RAY_AUTH_TOKEN_PATH over the server's token file over Ray's own."""
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("rays-own")
    assert find_server("http://file:1").token == "rays-own"
    write_address_file(home, "http://file:1")
    assert find_server("http://file:1").token == "from-file"
    (home / "elsewhere").write_text("by-path\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "elsewhere"))
    assert find_server("http://file:1").token == "by-path"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "by-name")
    assert find_server("http://file:1").token == "by-name"


def test_the_local_servers_token_is_not_sent_elsewhere(home):
    """Another address never gets the token of the server on this machine."""
    write_address_file(home, "http://127.0.0.1:7265")
    assert find_server("http://localhost:7265/").token == "from-file"
    assert find_server("http://other:7265").token is None


def test_messages_name_what_the_caller_can_set():
    """The command line is told of its option, Python of its argument."""
    with pytest.raises(NoServer, match="with --address or SPILLOVER_ADDRESS"):
        find_server(None)
    with pytest.raises(NoServer, match=r"with Client\(address=...\) or SPILLOVER_ADDRESS"):
        find_server(None, PYTHON)
    assert find_server("x:1").address_from == "--address"
    assert find_server("x:1", PYTHON).address_from == "Client(address=...)"
