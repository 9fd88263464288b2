"""Real clusters on the test bed: how soon a burst pool works, what a reclaim costs, how long idle and lost machines live."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from embedded import wait_for
from perf_harness import Measured, alone, benchmark, beside
from perf_sites import Bench
from server import BIN, http

from story.site import PRICES, Site, aws_cluster, site
from story.story import POLICY, Facts, Story

_PAIRS = 2
_LEAKS = 3
_SOAK = Path(__file__).parents[2] / "build" / "soak.json"
_DRIVER = "python -c 'import time; print(time.time())'"


@contextmanager
def told_story(root: Path) -> Iterator[Facts]:
    """What one run of `make testbed-demo` measured."""
    with site(root, policy=POLICY) as place:
        facts = Story(place, lambda _: None).tell()
    yield facts


@contextmanager
def cloud_site(root: Path) -> Iterator[Site]:
    """A cloud alone, with a Spillover that bursts at once."""
    with site(root, hosts=0, policy={"name": "immediate"}) as place:
        yield place


@benchmark("work_lost_per_reclaim_s", "s")
def work_lost(bench: Bench) -> Measured:
    """Training time that has to be done again after a spot node was taken with 30 s of notice."""
    return alone([bench.site(told_story).work_lost_s])


@benchmark("fold_idle_s", "s")
def fold_idle(bench: Bench) -> Measured:
    """From the end of a pool's last job until its provider shows none of its machines, 10 s of idle timeout included."""
    return alone([bench.site(told_story).fold_idle_s])


@benchmark("ledger_vs_bill_error", "1")
def ledger_error(bench: Bench) -> Measured:
    """How far the ledger is from the cloud's own bill, as a fraction of that."""
    facts = bench.site(told_story)
    return alone([abs(facts.ledger_usd - facts.bill_usd) / facts.bill_usd])


@benchmark("burst_first_task_vs_ray_up", "ratio", aim=1.1)
def burst_first_task(bench: Bench) -> Measured:
    """From the decision to rent until a driver on a worker of the pool speaks, over bare `ray up` and a submit to it."""
    place = bench.site(cloud_site)
    bare = _Bare(place)
    pairs = bench.pairs(lambda: _through_spillover(place), bare.seconds, _PAIRS, warm=0)
    found = beside(pairs)
    low, high = sorted(ours / theirs for ours, theirs in pairs)[:: len(pairs) - 1]
    assert found.ratio is not None
    return Measured(found.ratio, low, high, pairs, baseline=1.0, ratio=found.ratio)


def _through_spillover(place: Site) -> float:
    spillover = place.spillover
    name = spillover.submit(_DRIVER, entrypoint_num_cpus=1)
    spillover.wait_status(name, "succeeded", timeout_s=240)
    first = next(a for a in spillover.explain(name)["attempts"] if a["outcome"] == "succeeded")
    wait_for("the pool to be folded", lambda: spillover.pool("aws")["status"] == "down", 120)
    return float(_said(spillover.logs(name))) - float(first["committed_at"])


def _said(log: str) -> str:
    return next(line for line in reversed(log.splitlines()) if line.replace(".", "", 1).isdigit())


class _Bare:
    """The same cluster YAML by hand: `ray up`, a submit to its head, `ray down`."""

    def __init__(self, place: Site) -> None:
        self._place = place
        self._file = place.spillover.folder / "bare.yaml"
        self._token = (place.spillover.folder.parent / "auth_token").read_text()
        cluster = aws_cluster(place.bed.cloud.endpoint, place.spillover.folder.parent / "auth_token")
        self._file.write_text(yaml.safe_dump({**cluster, "cluster_name": "bare"}, sort_keys=False))

    def seconds(self) -> float:
        began = time.time()
        self._ray("up", "-y", "--no-config-cache", str(self._file))
        address = f"http://{self._head()['ip']}:8265"
        body = {"entrypoint": _DRIVER, "entrypoint_num_cpus": 1}
        name = http("POST", f"{address}/api/jobs/", self._token, body).json["submission_id"]
        wait_for("it to end", lambda: self._get(f"{address}/api/jobs/{name}")["status"] == "SUCCEEDED", 240)
        spoke = float(_said(self._get(f"{address}/api/jobs/{name}/logs")["logs"]))
        self._ray("down", "-y", str(self._file))
        return spoke - began

    def _get(self, url: str) -> Any:
        return http("GET", url, self._token).json

    def _head(self) -> dict[str, Any]:
        machines = [i for i in self._place.bed.cloud.instances() if i["state"] == "running"]
        return next(m for m in machines if m["tags"].get("ray-cluster-name") == "bare" and m["tags"]["ray-node-type"] == "head")

    def _ray(self, *words: str) -> None:
        env = self._place.spillover.environment
        done = subprocess.run([str(BIN / "ray"), *words], env=env, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@benchmark("leak_window_s", "s")
def leak_window(bench: Bench) -> Measured:
    """How long a machine lives that carries our tags and that no lease allows, while Spillover runs."""
    place = bench.site(cloud_site)
    installation = _installation(place)
    return alone(bench.samples(lambda: _leak(place, installation), _LEAKS, warm=0))


def _installation(place: Site) -> str:
    """The installation's id, from the tags of any machine that it raised; one is raised if there was none."""
    if not place.bed.cloud.instances():
        _through_spillover(place)
    tagged = (i["tags"].get("spillover-installation") for i in place.bed.cloud.instances())
    return next(tag for tag in tagged if tag)


def _leak(place: Site, installation: str) -> float:
    tags = {"spillover-installation": installation, "spillover-pool": "aws", "spillover-lease": "forgotten"}
    tags |= {"spillover-lease-expires": str(int(time.time()) + 3600), "ray-user-node-type": "cpu-8"}
    made = place.bed.cloud.client("ec2").run_instances(
        ImageId="ami-12c6146b", InstanceType=next(iter(PRICES)).split("/")[0], MinCount=1, MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}],
    )["Instances"][0]["InstanceId"]  # fmt: skip

    def ended() -> bool:
        return any(i["id"] == made and i["ended"] for i in place.bed.cloud.instances())

    wait_for("the leak to be ended", ended, 120)
    (machine,) = (i for i in place.bed.cloud.instances() if i["id"] == made)
    return float(machine["ended"] - machine["launched"])


@benchmark("soak_minutes", "min", more_is_better=True)
def soak_minutes(_: Bench) -> Measured:
    """How long the last `make soak` ran; 0 if there was none here."""
    return alone([float(_soak().get("soak_minutes", 0.0))])


@benchmark("soak_violations", "1", aim=0)
def soak_violations(_: Bench) -> Measured:
    """How many violations the last `make soak` saw."""
    return alone([float(_soak().get("soak_violations", 0))])


def _soak() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_SOAK.read_text()) if _SOAK.exists() else {}
    return found
