"""The test bed as a world: SSH hosts and a cloud that misbehaves, each machine a set of namespaces. Needs root."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from embedded import wait_for
from server import http

from testbed.bed import Testbed, testbed
from testbed.sandbox import CLOUD_GATEWAY, ONPREM_GATEWAY

from .bed_pools import FREEZE, HOME_HOST, PRICES, START_HOME, cloud_pool, home_pool
from .records import BillRow, Instance, instance_of
from .schedule import API_FAULTS, BLOWS, HOME_FAULTS, KILL, Fault
from .served import ChaosServer
from .sink import Sink, listening
from .world import CLOUD, HOME, Lift, keep_logs

SITES = (ONPREM_GATEWAY, CLOUD_GATEWAY)
"""The sandbox's own addresses: each network of hosts reaches one of them."""

_LACK = {
    "lack_spot": [key for key in PRICES if key.endswith("/spot")],
    "lack_all": list(PRICES),
}


class BedWorld:
    """world.World on the test bed. Its methods may be called from the bed's inside and outside alike."""

    def __init__(self, bed: Testbed, server: ChaosServer, sink: Sink, port: int) -> None:
        self.server = server
        self.sink = sink
        self.sink_address = ",".join(f"{site}:{port}" for site in SITES)
        self.kinds = (*API_FAULTS, *BLOWS, *HOME_FAULTS, KILL)
        self.markets = ("", "", "spot", "on_demand", "spot,on_demand")
        self.bed = bed
        self._cloud = bed.cloud
        self._starts: list[threading.Thread] = []

    def inject(self, fault: Fault) -> tuple[str, Lift | None]:
        if fault.kind == KILL:
            self.server.kill9()
            return "spillover", self.server.launch
        if fault.kind in _LACK:
            return self._lack(_LACK[fault.kind])
        if fault.kind == "api_down":
            self._cloud.api_down(fault.lasts_s)
            return "the API", lambda: self._cloud.set_faults(down_until=0.0)
        if fault.kind in API_FAULTS:
            self._cloud.set_faults(**fault.how)
            return "the API", lambda: self._cloud.set_faults(**{name: _off(value) for name, value in fault.how.items()})
        if fault.kind in HOME_FAULTS:
            return self._hit_home(fault.kind)
        return self._hit_machine(fault)

    def _lack(self, keys: list[str]) -> tuple[str, Lift | None]:
        self._cloud.capacity(dict.fromkeys(keys, 0))
        return "the API", lambda: self._cloud.capacity(dict.fromkeys(keys))

    # the owned pool

    def _hit_home(self, kind: str) -> tuple[str, Lift | None]:
        if kind == "freeze_home":
            self._signal(HOME_HOST, "SIGSTOP")
            return HOME, lambda: self._signal(HOME_HOST, "SIGCONT")
        self.bed.cut(HOME_HOST)
        return HOME, self._raise_home_again

    def _raise_home_again(self) -> None:
        self.bed.boot(HOME_HOST)
        starting = threading.Thread(target=self.start_home, daemon=True)
        starting.start()  # it takes a quarter of a minute, in which other things go wrong
        self._starts.append(starting)

    def start_home(self) -> None:
        """`ray start --head` as whoever owns the machine would."""
        done = self.bed.run_on(
            HOME_HOST, "bash", "-c", f"{START_HOME} >/tmp/start.log 2>&1 </dev/null", check=False, timeout_s=120
        )
        if done.returncode:
            log = self.bed.run_on(HOME_HOST, "cat", "/tmp/start.log", check=False)
            print(f"the owned head did not start: {log.stdout[-2000:]}", file=sys.stderr)

    def _signal(self, host: str, name: str) -> bool:
        done = self.bed.run_on(host, sys.executable, "-c", FREEZE, name, check=False, timeout_s=30)
        return bool(done.stdout.split())

    # the rented pool

    def _hit_machine(self, fault: Fault) -> tuple[str, Lift | None]:
        wants: Callable[[dict[str, Any]], bool] = _is_head if fault.kind.endswith("_head") else _is_worker
        if fault.kind.startswith("reclaim"):
            wants = _is_spot
        found = [i for i in self._cloud.instances() if i["state"] == "running" and wants(i)]
        if not found:
            return "", None
        victim = found[int(float(fault.how.get("pick", 0.0)) * len(found))]["id"]
        try:
            return victim, self._blow(fault, victim)
        except (ValueError, OSError, subprocess.SubprocessError):  # it ended in this very moment
            return "", None

    def _blow(self, fault: Fault, victim: str) -> Lift | None:
        if fault.kind == "freeze_head":
            self._signal(victim, "SIGSTOP")
            return lambda: self._thaw(victim)
        if fault.kind == "reclaim_notice":
            self._cloud.interrupt(victim, in_s=float(fault.how["in_s"]), notice=True)
        elif fault.kind == "reclaim":
            self._cloud.interrupt(victim, in_s=0, notice=False)
        else:
            self._cloud.crash(victim)
        return None

    def _thaw(self, victim: str) -> None:
        with suppress(OSError, subprocess.SubprocessError):  # its power was cut meanwhile
            self._signal(victim, "SIGCONT")

    # the truth

    def clear(self) -> None:
        self._cloud.clear_faults()
        self._cloud.capacity(dict.fromkeys(PRICES))
        for thread in self._starts:
            thread.join(120)

    def instances(self) -> list[Instance]:
        return [instance_of(row) for row in self._cloud.instances()]

    def bill(self) -> list[BillRow]:
        return [BillRow(row["id"], float(row["seconds"]), float(row["usd"])) for row in self._cloud.bill(PRICES)]


def _off(value: Any) -> Any:
    return (0.0, 0.0) if isinstance(value, tuple) else 0.0


def _is_head(instance: dict[str, Any]) -> bool:
    return instance["tags"].get("ray-node-type") == "head"


def _is_worker(instance: dict[str, Any]) -> bool:
    return instance["tags"].get("ray-node-type") == "worker"


def _is_spot(instance: dict[str, Any]) -> bool:
    return bool(instance["market"] == "spot")


def _answers(address: str) -> bool:
    try:
        return http("GET", f"{address}/api/version", None, timeout_s=5).status == 200
    except (OSError, json.JSONDecodeError):
        return False


@contextmanager
def bed_world(bug: str = "", keep: Path | None = None) -> Iterator[BedWorld]:
    """A bed with one owned host, and Spillover, not yet started; this thread is inside. `keep` gets all logs in the end."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="sb"))
    try:
        with (
            testbed(folder / "b", hosts=1) as bed,
            bed.inside(),
            listening("0.0.0.0", folder / "beats.jsonl") as heard,
            _served(bed, folder, bug, *heard) as world,
        ):
            yield world
    finally:
        if keep is not None:
            keep_logs(folder, keep)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _served(bed: Testbed, folder: Path, bug: str, sink: Sink, port: int) -> Iterator[BedWorld]:
    home = home_pool(bed.hosts[HOME_HOST])
    cloud = cloud_pool(folder / f"{CLOUD}.yaml", bed.cloud.endpoint, bed.cloud.credentials, bed.cloud.region)
    (folder / "s").mkdir()
    server = ChaosServer(folder / "s", {HOME: home, CLOUD: cloud}, bug=bug, environment=bed.environment())
    world = BedWorld(bed, server, sink, port)
    world.start_home()
    wait_for("the owned head to answer", lambda: _answers(home["address"]), 60)
    try:
        yield world
    finally:
        server.stop()
        time.sleep(0.1)
