"""Hosts of our own over SSH: raised host by host, each defect told, repaired and drained one by one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from embedded import wait_for
from server import Server, http, serving

from sample import sampled
from testbed.bed import Testbed, testbed

pytestmark = [pytest.mark.slow, pytest.mark.testbed, pytest.mark.timeout(290), sampled("test_onprem")]

TEMPLATE = Path(__file__).parents[2] / "clusters" / "onprem.yaml"
HEAD, ONE, TWO = "10.77.0.1", "10.77.0.2", "10.77.0.3"
OLD_RAY = "#!/bin/sh\necho 'ray, version 2.59.0'\n"
SMALL = "ray start --num-cpus=1 --object-store-memory=100000000"
# Ray finds a node that was cut lost after some 20 s instead of a minute
QUICK = "RAY_health_check_period_ms=2000 RAY_health_check_timeout_ms=4000 RAY_health_check_failure_threshold=4"


class Site(NamedTuple):
    """Hosts, and Spillover on the laptop beside them."""

    bed: Testbed
    spillover: Server

    def host(self, name: str) -> dict[str, Any]:
        return next(host for host in self.spillover.api("hosts?pool=onprem")["items"] if host["host"] == name)

    def order(self, host: str, verb: str) -> str:
        path = f"{self.spillover.address}/api/spillover/v1/pools/onprem/hosts/{host}/{verb}"
        answer = http("POST", path, self.spillover.token)
        assert answer.status == 200, answer
        return str(answer.json["message"])

    def until(self, host: str, status: str, problem: str = "", timeout_s: float = 150) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(self.host(host))
            return seen["status"] == status and problem in seen["problem"]

        try:
            wait_for(f"{host} to be {status}", there, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}") from None
        return seen

    def submit(self, name: str, command: str) -> None:
        """A job whose entrypoint takes a whole worker."""
        self.spillover.submit(command, submission_id=name, entrypoint_num_cpus=1)

    def processes(self, host: str) -> list[str]:
        """Names of Ray's processes on a host."""
        found = self.bed.run_on(host, "sh", "-c", "cat /proc/[0-9]*/comm").stdout.split()
        return sorted(name for name in found if name in {"raylet", "gcs_server"})

    def events(self) -> list[str]:
        return [
            event["text"] for event in reversed(self.spillover.api("events?subject=pool:onprem&limit=1000")["items"])
        ]


def cluster(bed: Testbed, token: Path) -> dict[str, Any]:
    """clusters/onprem.yaml, adapted as its comments say."""
    adapted: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())
    adapted["provider"] = {
        "type": "local", "head_ip": HEAD, "worker_ips": [ONE, TWO], "spillover_min_free_disk_gb": 0.1
    }  # fmt: skip
    adapted["auth"] = {"ssh_user": "root", "ssh_private_key": str(bed.key)}
    adapted["file_mounts"] = {"~/.ray/auth_token": str(token)}
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        # The first option wins nothing: of two, Ray takes the last, which for the head is the file's --num-cpus=0
        adapted[key] = [f"export {QUICK}; {text.replace('ray start', SMALL, 1)}" for text in adapted[key]]
    return adapted


@pytest.fixture(scope="module")
def site(module_root: Path) -> Iterator[Site]:
    token = module_root / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    with testbed(module_root / "b", hosts=3, cloud=False) as bed, bed.inside():
        (module_root / "onprem.yaml").write_text(yaml.safe_dump(cluster(bed, token), sort_keys=False))
        pool = {
            "kind": "launched", "role": "baseline", "cluster": str(module_root / "onprem.yaml"),
            "token_file": str(token), "head_price_usd_per_hour": 0.1, "unreachable_after": "60s",
            "node_types": {
                "local.cluster.node": {"market": "owned", "price_usd_per_hour": 0.2, "resources": {"CPU": 1}}
            },
        }  # fmt: skip
        (module_root / "s").mkdir()
        bed.cut("op3")
        bed.boot("op3", authorized=False)
        with serving(Server(module_root / "s", {"onprem": pool})) as spillover:
            yield Site(bed, spillover)


def test_a_pool_comes_up_with_the_hosts_that_work(site: Site) -> None:
    """The head and the good worker are up; the one that refuses the key says so, with the remedy, and is tried again."""
    wait_for("the pool to be up", lambda: site.spillover.pool("onprem")["status"] == "up", 150)
    assert site.until(HEAD, "up")["role"] == "head"
    assert site.until(ONE, "up")["node_id"]
    refused = site.until(TWO, "missing", "Permission denied")
    assert "authorized_keys" in refused["problem"]
    assert refused["retry_at"] is not None
    assert {node["ip"] for node in site.spillover.pool("onprem")["nodes"]} == {HEAD, ONE}
    assert (site.processes("op1"), site.processes("op2")) == (["gcs_server", "raylet"], ["raylet"])
    site.submit("first", "echo here")
    site.spillover.wait_status("first", "succeeded")
    assert "here\n" in site.spillover.logs("first")


@pytest.mark.parametrize(
    ("defect", "told"),
    [
        ({"ray": False}, "no working `ray`"),
        ({"commands": {"ray": OLD_RAY}}, "Ray is 2.59.0, the head has 2.60.0"),
        ({"tmp": "2m"}, "GB free for /tmp/ray, 0.1 GB are asked for"),
        ({"clock_skew_s": 90}, "its clock is"),
        (None, "unreachable over SSH"),
    ],
    ids=["no_ray", "other_ray", "full_disk", "wrong_clock", "unreachable"],
)
def test_each_defect_of_a_host_is_told(site: Site, defect: dict[str, Any] | None, told: str) -> None:
    """What is wrong with a host stands in the table; the others do not notice."""
    before = site.host(ONE)["node_id"]
    site.bed.cut("op3")
    if defect is not None:
        site.bed.boot("op3", **defect)
    site.order(TWO, "repair")
    site.until(TWO, "missing", told, 60)
    assert site.host(ONE)["node_id"] == before


def test_one_host_is_repaired_and_the_others_are_left_alone(site: Site) -> None:
    """A host that was put right joins when an operator says so, at once; the other nodes are the same as before."""
    before = {host: site.host(host)["node_id"] for host in (HEAD, ONE)}
    site.bed.boot("op3")
    assert "being tried now" in site.order(TWO, "repair")
    site.until(TWO, "up")
    assert {host: site.host(host)["node_id"] for host in (HEAD, ONE)} == before
    assert "nothing to repair" in site.order(TWO, "repair")


def test_a_host_is_drained_while_its_job_finishes(site: Site, module_root: Path) -> None:
    """Nothing new begins on a draining host; its job ends well; then Ray is gone there, and stays so over a restart."""
    site.submit("long", "until [ -e /tmp/go ]; do sleep 0.2; done; echo finished")
    site.spillover.wait_status("long", "running")
    where = site.spillover.job("long")["driver_node_id"]
    busy = ONE if site.host(ONE)["node_id"] == where else TWO
    name, other = ("op2", TWO) if busy == ONE else ("op3", ONE)
    assert "takes nothing new" in site.order(busy, "drain")
    site.until(busy, "draining", "waits for long")
    for number in range(2):
        site.submit(f"next{number}", "hostname")
    for number in range(2):
        site.spillover.wait_status(f"next{number}", "succeeded")
        assert site.spillover.job(f"next{number}")["driver_node_id"] == site.host(other)["node_id"]
    assert site.spillover.status("long") == "running"
    site.spillover.kill9()
    site.spillover.start()
    assert site.host(busy)["target"] == "drained"
    site.bed.run_on(name, "touch", "/tmp/go")
    site.spillover.wait_status("long", "succeeded")
    assert "finished\n" in site.spillover.logs("long")
    site.until(busy, "drained")
    assert site.processes(name) == []
    assert "joins" in site.order(busy, "undrain")
    site.until(busy, "up")
    texts = site.events()
    assert f"host {busy}: drain asked for" in texts
    assert f"host {busy}: drained: Ray does not run there" in texts


def test_a_host_that_was_cut_comes_back_by_itself(site: Site) -> None:
    """After a power cut the host is missing, and once it has booted it joins without anybody's help."""
    before = site.host(TWO)["node_id"]
    site.bed.cut("op3")
    threading.Timer(5, site.bed.boot, ["op3"]).start()
    wait_for("it to be back", lambda: site.host(TWO)["status"] == "up" and site.host(TWO)["node_id"] != before, 120)
    assert f"host {TWO}: lost: Ray node {before} is gone; it is tried again" in site.events()


def test_a_fold_ends_what_is_ours_and_nothing_else(site: Site) -> None:
    """Ray has ended on every host when the pool is down; another Ray on a host goes on."""
    stranger = "cp /bin/sleep /tmp/raylet && setsid /tmp/raylet 600 </dev/null >/dev/null 2>&1 &"
    site.bed.run_on("op2", "sh", "-c", stranger)
    assert site.processes("op2") == ["raylet", "raylet"]
    answer = http("POST", f"{site.spillover.address}/api/spillover/v1/pools/onprem/fold", site.spillover.token)
    assert answer.status == 200, answer
    wait_for("the pool to be down", lambda: "down: the provider has no node of it left" in site.events(), 60)
    assert (site.processes("op2"), site.processes("op3")) == (["raylet"], [])
