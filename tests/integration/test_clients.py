"""Ray's own clients, unmodified, through Spillover to a real cluster, and the same calls on that cluster itself."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cluster import Head, head, some_token
from embedded import get, wait_for
from server import HELLO, Answer, Following, Server, attached, http, serving

from spillover.adapters.ray_http import last_line

pytestmark = pytest.mark.slow


class Place(NamedTuple):
    """A cluster, and Spillover in front of it."""

    cluster: Head
    spillover: Server


@pytest.fixture(scope="module")
def place(module_root: Path) -> Iterator[Place]:
    with head(module_root, cpus=4, resources={"thing": 2}, labels={"zone": "a"}) as cluster:
        folder = module_root / "s"
        folder.mkdir()
        with serving(Server(folder, {"onprem": attached(cluster)})) as spillover:
            wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
            yield Place(cluster, spillover)


@pytest.fixture(scope="module")
def spillover(place: Place) -> Server:
    return place.spillover


def supervisor(cluster: Head, submission_id: str) -> dict[str, Any]:
    """The actor that runs a job's entrypoint, as the cluster's state API has it."""
    query = f"filter_keys=name&filter_predicates=%3D&filter_values=_ray_internal_job_actor_{submission_id}"
    status, raw = get(f"{cluster.address}/api/v0/actors?detail=1&{query}", cluster.token)
    assert status == 200
    (row,) = raw["data"]["result"]["result"]
    return dict(row)


def test_submit_follows_a_job_to_its_end(spillover: Server) -> None:
    """`ray job submit --working-dir` uploads the code, shows the job's output and exits with 0."""
    done = spillover.ray(
        "job", "submit", "--working-dir", str(HELLO), "--submission-id", "plain", "--", "python", "hello.py"
    )
    assert done.code == 0, done.text
    assert "hello from" in done.out
    assert "Job 'plain' succeeded" in done.out
    assert "[spillover] Runs on onprem now" in done.out


def test_a_failed_job_exits_with_one(spillover: Server) -> None:
    """`ray job submit` of a job that fails exits with 1, and its status says which exit code the entrypoint had."""
    done = spillover.ray("job", "submit", "--submission-id", "fails", "--", "bash", "-c", "echo about to fail; exit 7")
    assert done.code == 1, done.text
    assert "about to fail" in done.out
    assert spillover.job("fails")["driver_exit_code"] == 7
    status = spillover.ray("job", "status", "fails")
    assert (status.code, "Job 'fails' failed" in status.out) == (0, True), status.text


def test_what_the_command_line_says_arrives(place: Place) -> None:
    """Environment variables, metadata, resources and label selectors reach the cluster and the job unchanged."""
    done = place.spillover.ray(
        *("job", "submit", "--no-wait", "--submission-id", "full", "--working-dir", str(HELLO)),
        *("--runtime-env-json", json.dumps({"env_vars": {"GREETING": "good day"}})),
        *("--metadata-json", json.dumps({"project": "apollo", "spillover/runtime": "1min"})),
        *("--entrypoint-num-cpus", "1", "--entrypoint-resources", json.dumps({"thing": 1})),
        *("--entrypoint-label-selector", json.dumps({"zone": "a"})),
        *("--", "bash", "-c", "echo it says $GREETING; ls hello.py"),
    )
    assert done.code == 0, done.text
    assert "it says" not in done.out, "--no-wait waited"
    place.spillover.wait_status("full", "succeeded")
    said = place.spillover.logs("full")  # Ray's own unflushed lines may come between these two
    assert "it says good day" in said
    assert "hello.py" in said

    details = place.spillover.job("full")
    assert details["metadata"] == {"project": "apollo", "spillover/runtime": "1min"}
    assert details["runtime_env"]["env_vars"] == {"GREETING": "good day"}
    listed = place.spillover.ray("job", "list")
    assert listed.code == 0, listed.text
    assert "'project': 'apollo'" in listed.out
    assert "spillover-installation" not in listed.out
    actor = supervisor(place.cluster, "full")
    assert actor["required_resources"] == {"CPU": 1.0, "thing": 1.0}
    demand = place.spillover.explain("full")["job"]
    assert demand["demand_source"] == "the entrypoint's own resources"


def test_a_selector_that_no_node_has_is_refused(spillover: Server) -> None:
    """A job that no pool could ever run is refused at submit, with the reason, where a cluster would keep it forever."""
    done = spillover.ray(
        *("job", "submit", "--entrypoint-num-cpus", "1", "--entrypoint-label-selector", '{"zone": "b"}', "--", "true")
    )
    assert done.code == 1
    assert "selects nodes labelled zone=b; pool 'onprem' has none" in done.text


def test_a_running_job_is_seen_followed_and_stopped(spillover: Server) -> None:
    """status, list, logs, logs -f and stop show and end a running job, and a stopped one exits the follower with 0."""
    submitted = spillover.ray(
        "job", "submit", "--no-wait", "--submission-id", "long", "--", "bash", "-c", "echo begun; exec sleep 300"
    )
    assert submitted.code == 0, submitted.text
    follower = Following(spillover, "long")
    try:
        wait_for("the follower to show output", lambda: "begun" in follower.text)
        status = spillover.ray("job", "status", "long")
        assert "RUNNING" in status.out, status.text
        assert "Runs on pool onprem" in status.out
        assert "'long'" in spillover.ray("job", "list").out
        logs = spillover.ray("job", "logs", "long")
        assert "begun" in logs.out
        assert "[spillover]" not in logs.out
        assert spillover.ray("job", "delete", "long").code == 1
        stopped = spillover.ray("job", "stop", "long")
        assert (stopped.code, "was stopped" in stopped.out) == (0, True), stopped.text
        assert follower.end().code == 0
    finally:
        follower.close()
    assert spillover.status("long") == "stopped"
    deleted = spillover.ray("job", "delete", "long")
    assert deleted.code == 0, deleted.text
    unknown = spillover.ray("job", "status", "long")
    assert unknown.code == 1
    assert "Job long does not exist" in unknown.text


def output(text: str) -> list[str]:
    """What the job itself printed. Ray writes its header without a flush: on a busy machine it lands anywhere."""
    own = re.sub(r"Running entrypoint for job .*\n", "", text)
    return [line for line in own.splitlines() if line.startswith("zeile")]


def test_much_output_arrives_whole(spillover: Server) -> None:
    """Thirty thousand lines at once, not all ASCII, are all shown by the follower and kept afterwards, in order."""
    code = "for i in range(30000): print('zeile', i, 'größe')"
    done = spillover.ray("job", "submit", "--submission-id", "much", "--", "python", "-c", code)
    assert done.code == 0, done.text[-2000:]
    want = [f"zeile {i} größe" for i in range(30000)]
    assert output(done.out) == want
    assert output(spillover.logs("much")) == want


def test_the_python_client_works_alike(spillover: Server) -> None:
    """JobSubmissionClient submits, follows, lists, stops and deletes as on a cluster."""
    client = spillover.client()
    one = client.submit_job(
        entrypoint="python hello.py",
        runtime_env={"working_dir": str(HELLO)},
        metadata={"who": "me"},
        submission_id="py1",
    )
    assert one == "py1"

    async def follow() -> str:
        return "".join([part async for part in client.tail_job_logs(one)])

    assert "hello from" in asyncio.run(follow())
    wait_for("it to be final", lambda: client.get_job_status(one).is_terminal())
    info = client.get_job_info(one)
    assert (info.status, info.metadata, info.driver_exit_code) == ("SUCCEEDED", {"who": "me"}, 0)
    assert info.start_time < info.end_time
    assert "done" in client.get_job_logs(one)
    assert one in [job.submission_id for job in client.list_jobs()]

    two = client.submit_job(entrypoint="sleep 300")
    wait_for("it to run", lambda: client.get_job_status(two) == "RUNNING")
    assert client.stop_job(two) is True
    wait_for("it to stop", lambda: client.get_job_status(two) == "STOPPED")
    assert client.delete_job(two) is True
    with pytest.raises(RuntimeError, match="does not exist"):
        client.get_job_status(two)


# -- the same call on both sides ------------------------------------------------------------------

_JSON = {
    "no entrypoint": {},
    "entrypoint is a number": {"entrypoint": 3},
    "unknown field": {"entrypoint": "true", "priority": 3},
    "runtime_env is a list": {"entrypoint": "true", "runtime_env": [1]},
    "metadata value is a number": {"entrypoint": "true", "metadata": {"a": 1}},
    "resources are words": {"entrypoint": "true", "entrypoint_resources": {"thing": "one"}},
    "cpus are a word": {"entrypoint": "true", "entrypoint_num_cpus": "two"},
}
_UNKNOWN = {
    "status of an unknown job": ("GET", "nope"),
    "stop of an unknown job": ("POST", "nope/stop"),
    "delete of an unknown job": ("DELETE", "nope"),
    "logs of an unknown job": ("GET", "nope/logs"),
    "tail of an unknown job": ("GET", "nope/logs/tail"),
}


def difference(name: str, there: Answer, here: Answer, *, status_only: bool = False) -> str:
    """Nothing, or the pair that differs."""
    said = last_line(there.text), last_line(here.text)
    # Ray may put a name of Python's in front: it is a traceback's last line
    same = there.status == here.status and (status_only or said[0].endswith(said[1]))
    pair = f"\n  the cluster: {there.status} {said[0]}\n  Spillover:   {here.status} {said[1]}"
    return "" if same else f"{name}:{pair}"


class Both:
    """Sends a request to the cluster and to Spillover."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.differences: list[str] = []

    def ask(
        self, name: str, method: str, path: str, body: Any = None, *, raw: bytes | None = None
    ) -> tuple[Answer, Answer]:
        cluster, spillover = self._place
        there = http(method, f"{cluster.address}/api/jobs/{path}", cluster.token, body, raw=raw)
        here = http(method, f"{spillover.address}/api/jobs/{path}", spillover.token, body, raw=raw)
        self.note(difference(name, there, here, status_only=raw is not None))
        return there, here

    def note(self, found: str) -> None:
        self.differences += [found] if found else []


def test_errors_are_the_clusters_own(place: Place) -> None:
    """Requests that cannot be done get the same status and the same last line from Spillover as from the cluster."""
    both = Both(place)
    for name, body in _JSON.items():
        both.ask(name, "POST", "", body)
    for name, (method, path) in _UNKNOWN.items():
        both.ask(name, method, path)
    # aiohttp's "Server got itself in trouble" says nothing; ours says what is wrong, under the same status
    for raw in (b"{", b"[]", b"\xff"):
        both.ask(f"malformed body {raw!r}", "POST", "", raw=raw)

    place.spillover.submit("sleep 300", submission_id="twin")
    place.spillover.wait_status("twin", "running")
    both.ask("duplicate submission id", "POST", "", {"entrypoint": "true", "submission_id": "twin"})
    both.ask("delete of a running job", "DELETE", "twin")
    assert place.spillover.stop_job("twin")
    place.spillover.wait_status("twin", "stopped")
    both.ask("stop of a job that has ended", "POST", "twin/stop")

    for name, token in (("wrong token", some_token()), ("no token", None)):
        there = http("GET", f"{place.cluster.address}/api/jobs/", token)
        here = http("GET", f"{place.spillover.address}/api/jobs/", token)
        both.note(difference(name, there, here))
    assert not both.differences, "\n".join(both.differences)


@pytest.mark.parametrize(
    "runtime_env",
    [{"pip": 3}, {"env_vars": {"A": 1}}, {"conda": 7}, {"working_dir": 5}],
    ids=lambda env: next(iter(env)),
)
def test_a_bad_runtime_env_is_refused_with_the_clusters_reason(place: Place, runtime_env: dict[str, Any]) -> None:
    """What a cluster accepts and then fails is refused at once, with the reason that the failed job would have had."""
    body = {"entrypoint": "true", "runtime_env": runtime_env}
    here = http("POST", f"{place.spillover.address}/api/jobs/", place.spillover.token, body)
    there = http("POST", f"{place.cluster.address}/api/jobs/", place.cluster.token, body)
    assert here.status == 400, here
    reason = there.text
    if there.status == 200:
        job = f"{place.cluster.address}/api/jobs/{there.json['submission_id']}"
        wait_for("the cluster to fail it", lambda: http("GET", job, place.cluster.token).json["status"] == "FAILED")
        reason = http("GET", job, place.cluster.token).json["message"]
    # Ray shows the value at fault, which may be a secret: we name the variable
    mistake = here.last_line.partition(": ")[2].partition(", but the value of A")[0]
    assert mistake in reason, f"cluster: {there.status} {reason}\nSpillover: {here}"


def test_version_is_enough_for_every_client(place: Place) -> None:
    """The version has every field that the cluster's has, and the same Ray version."""
    there = get(f"{place.cluster.address}/api/version", place.cluster.token)[1]
    here = get(f"{place.spillover.address}/api/version", place.spillover.token)[1]
    assert here.keys() == there.keys()
    assert here["ray_version"] == there["ray_version"]
