"""Ray's own command line and ours towards a `spillover up` that serves TLS, in front of a real cluster."""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import head
from server import HELLO, Done, Server, attached, ray_environment, run, serving

from certificates import self_signed

pytestmark = pytest.mark.slow


class TlsServer(Server):
    """One that shows a self-signed certificate."""

    def __init__(self, folder: Path, pools: dict[str, Any]) -> None:
        super().__init__(folder, pools)
        self.certificate, key = folder / "cert.pem", folder / "key.pem"
        self_signed(self.certificate, key)
        self.settings["listen"]["tls"] = {"certificate": "cert.pem", "key": "key.pem"}
        self.file.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"spillover ended: {self.log.read_text()[-3000:]}"
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urllib.request.urlopen(f"{self.address}/api/spillover/v1/health", context=trusting) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ours(self, *arguments: str) -> Done:
        """The `spillover` command line of whoever started the server: nothing is set but where its state is."""
        environment = ray_environment("", "", self.home)
        for name in ("RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN"):
            del environment[name]
        return run("spillover", *arguments, env=environment | {"SPILLOVER__state_dir": str(self.state_dir)})


@pytest.fixture(scope="module")
def server(module_root: Path) -> Iterator[TlsServer]:
    with head(module_root) as cluster, serving(TlsServer(module_root / "s", {"onprem": attached(cluster)})) as running:
        assert isinstance(running, TlsServer)
        yield running


def test_a_job_is_submitted_and_followed_over_tls(server: TlsServer) -> None:
    """`ray job submit --verify FILE` uploads a folder, follows the log over a web socket, and ends as the job does."""
    verify = ("--verify", str(server.certificate))
    what = ("--submission-id", "over-tls", "--working-dir", str(HELLO))
    done = server.ray("job", "submit", *verify, *what, "--", "python", "hello.py")
    assert done.code == 0, done.text
    assert "'over-tls' succeeded" in done.text
    again = server.ray("job", "logs", "-f", *verify, "over-tls")
    assert again.code == 0, again.text
    assert "hello from" in done.out
    assert "hello from" in again.out


def test_a_certificate_that_is_not_trusted_is_refused(server: TlsServer) -> None:
    """Without --verify Ray's client says that the certificate cannot be verified, and nothing is submitted."""
    done = server.ray("job", "submit", "--submission-id", "untrusted", "--", "true")
    assert done.code != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.text
    assert "'untrusted'" not in server.ours("queue", "--json").out


def test_our_command_line_trusts_its_own_server(server: TlsServer) -> None:
    """On the server's machine nothing needs to be set; elsewhere SPILLOVER_CA_FILE does, and the message says so."""
    assert [pool["name"] for pool in json.loads(server.ours("pools", "--json").out)["items"]] == ["onprem"]
    elsewhere = server.environment | {"SPILLOVER_ADDRESS": server.address}
    refused = run("spillover", "pools", env=elsewhere)
    assert refused.code == 1
    assert "is not trusted: self-signed certificate. Set SPILLOVER_CA_FILE" in refused.err
    assert run("spillover", "pools", env=elsewhere | {"SPILLOVER_CA_FILE": str(server.certificate)}).code == 0


def test_a_token_lets_rays_client_in_until_it_is_revoked(server: TlsServer) -> None:
    """A made token works in the file that it was written to; once it is revoked, Ray's client shows why it does not."""
    file = server.home / "bob-token"
    made = server.ours("token", "create", "bob", "--out", str(file), "--json")
    assert made.code == 0, made.text
    token_id = json.loads(made.out)["token"]["token_id"]
    environment = ray_environment(server.address, "", server.home)
    del environment["RAY_AUTH_TOKEN"]
    environment["RAY_AUTH_TOKEN_PATH"] = str(file)
    listing = ("job", "list", "--verify", str(server.certificate))
    assert run("ray", *listing, env=environment).code == 0
    assert server.ours("token", "revoke", token_id).code == 0
    refused = run("ray", *listing, env=environment)
    assert refused.code != 0
    assert "Forbidden: Invalid authentication token (it was revoked on " in refused.text
