"""Several people with tokens of their own, each with Ray's unmodified command line, in front of one real cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import head
from embedded import wait_for
from server import HELLO, Done, Server, attached, http, ray_environment, run, serving

from sample import sampled

pytestmark = [pytest.mark.slow, sampled("test_people")]


@pytest.fixture(scope="module")
def server(module_root: Path) -> Iterator[Server]:
    teams = {name: {"may_burst": False} for name in ("default", "search", "ads")}
    with head(module_root, cpus=2) as cluster:
        folder = module_root / "s"
        folder.mkdir()
        with serving(Server(folder, {"onprem": attached(cluster)}, teams=teams)) as server:
            wait_for("the pool to be up", lambda: server.pool("onprem")["status"] == "up")
            yield server


class Person:
    """Somebody with a token and a home."""

    def __init__(self, server: Server, name: str, team: str, role: str = "user") -> None:
        self.server = server
        made = server.spillover("token", "create", name, "--team", team, "--role", role)
        self.token_id, self.token = made["token"]["token_id"], made["secret"]
        home = server.folder / name
        home.mkdir()
        self.environment = ray_environment(server.address, self.token, home)

    def ray(self, *arguments: str) -> Done:
        return run("ray", "job", *arguments, env=self.environment)

    def spillover(self, *arguments: str) -> Done:
        return run("spillover", *arguments, env=self.environment)

    def get(self, path: str) -> Any:
        answer = http("GET", f"{self.server.address}/api/{path}", self.token)
        return answer.json if answer.status == 200 else answer


def test_people_see_what_is_theirs(server: Server) -> None:
    """A team shares its jobs, another team's are refused with the reason, and secrets are for their owner alone."""
    ann, ben, eve = (Person(server, *who) for who in (("ann", "search"), ("ben", "search"), ("eve", "ads")))
    vic = Person(server, "vic", "search", "viewer")
    env = json.dumps({"env_vars": {"KEY": "s3cret-of-ann"}})
    done = ann.ray(
        *("submit", "--submission-id", "a1", "--runtime-env-json", env, "--working-dir", str(HELLO)),
        *("--", "python", "hello.py"),
    )
    assert done.code == 0, done.text

    assert "Job 'a1' succeeded" in ben.ray("status", "a1").text
    assert "hello from" in vic.ray("logs", "a1").out
    assert ann.get("jobs/a1")["runtime_env"]["env_vars"] == {"KEY": "s3cret-of-ann"}
    for other in (ben, vic):
        assert other.get("jobs/a1")["runtime_env"]["env_vars"] == {"KEY": "<redacted>"}
        for path in ("jobs/", "spillover/v1/jobs/a1/explain", "spillover/v1/events"):
            assert "s3cret" not in json.dumps(other.get(path))
    cluster_token = (server.folder.parent / "h.token").read_text().strip()
    for path in ("jobs/a1", "spillover/v1/pools", "spillover/v1/events", "spillover/v1/jobs/a1/explain"):
        assert cluster_token not in http("GET", f"{server.address}/api/{path}", server.token).text
    assert cluster_token not in server.log.read_text()
    assert b"s3cret-of-ann" not in b"".join(f.read_bytes() for f in server.state_dir.glob("spillover.db*"))
    assert "s3cret-of-ann" not in server.log.read_text()

    assert "a1" not in eve.ray("list").text
    for command in ("status", "logs", "stop", "delete"):
        refused = eve.ray(command, "a1")
        assert refused.code != 0
        assert "job a1 is team 'search's; this token is eve's, a user of team 'ads'" in refused.text
    wait_for("the bill of a1", lambda: "a1" in ben.spillover("cost", "--by", "job").out)
    assert "a1" not in eve.spillover("cost", "--by", "job").out
    assert "ann and operators may delete it" in ben.ray("delete", "a1").text
    assert "which looks and does not submit" in vic.ray("submit", "--", "true").text


def test_a_package_is_its_uploaders_alone(server: Server) -> None:
    """The same name from another user is another package: what one has uploaded the other cannot run."""
    pat, sam = Person(server, "pat", "search"), Person(server, "sam", "search")
    url = f"{server.address}/api/packages/gcs/_ray_pkg_0123456789abcdef.zip"
    assert http("PUT", url, pat.token, raw=b"zip of pat").status == 200
    assert http("GET", url, pat.token).status == 200
    assert http("GET", url, sam.token).status == 404
    body = {"entrypoint": "true", "runtime_env": {"working_dir": "gcs://_ray_pkg_0123456789abcdef.zip"}}
    refused = http("POST", f"{server.address}/api/jobs/", sam.token, body)
    assert (refused.status, "does not exist" in refused.text) == (400, True)


def test_a_token_ends(server: Server) -> None:
    """A revoked token, and one that has expired, lets nobody in from the next request on, and Ray's client says why."""
    tom = Person(server, "tom", "ads")
    assert tom.ray("list").code == 0
    assert "is revoked" in server.spillover("token", "revoke", tom.token_id)["message"]
    gone = tom.ray("list")
    assert gone.code != 0
    assert "Forbidden: Invalid authentication token (it was revoked on" in gone.text
    assert http("GET", f"{server.address}/api/version", None).text == "Unauthorized: Missing authentication token"
    made = server.spillover("token", "create", "tim", "--team", "ads", "--expires", "1s")
    wait_for("the token to expire", lambda: http("GET", f"{server.address}/api/version", made["secret"]).status == 403)


def test_operators_command_and_do_not_admit(server: Server) -> None:
    """An operator stops anybody's job, and is refused the making of tokens."""
    ada, oli = Person(server, "ada", "ads"), Person(server, "oli", "search", "operator")
    ada.ray("submit", "--no-wait", "--submission-id", "long", "--", "sleep", "300")
    server.wait_status("long", "running")
    assert oli.ray("stop", "long").code == 0
    assert server.wait_status("long", "stopped") == "stopped"
    refused = oli.spillover("token", "create", "x", "--team", "ads")
    assert refused.code == 1
    assert "this takes the role admin; the token of 'oli' has the role operator" in refused.err


def test_a_quote_is_what_happens(server: Server) -> None:
    """What `spillover quote` says of a request is what the submit of the same leads to."""
    zoe = Person(server, "zoe", "search")
    quoted = json.loads(zoe.spillover("quote", "1x{CPU:1}", "--runtime", "10s", "--json").out)
    assert (quoted["verdict"], quoted["pool"]) == ("take", "onprem")
    metadata = '{"spillover/workers": "1x{CPU:1}", "spillover/runtime": "10s"}'
    done = zoe.ray("submit", "--submission-id", "q1", "--metadata-json", metadata, "--", "true")
    assert done.code == 0, done.text
    explained = zoe.get("spillover/v1/jobs/q1/explain")
    assert explained["decisions"][0]["sentence"] == quoted["sentence"]
    assert explained["offers"] == quoted["offers"]
