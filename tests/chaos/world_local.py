"""Both pools as plain processes of this machine: no root needed, and no cloud that could send a bill."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import Head, head, kill9
from embedded import short_root
from server import attached, launched, layout_of_pool

from spillover.node import processes
from spillover.node.processes import Mark

from .records import BillRow, Instance
from .schedule import KILL, Fault
from .served import ChaosServer
from .sink import Sink, listening
from .world import CLOUD, HOME, LEASE_S, Lift, keep_logs

KINDS = (KILL, "freeze_home", "cut_home", "freeze_head", "cut_head")


class LocalWorld:
    """world.World without instances: their invariants hold of themselves."""

    def __init__(self, home: Head, cloud: Mapping[str, Any], server: ChaosServer, sink: Sink, port: int) -> None:
        self.server = server
        self.sink = sink
        self.sink_address = f"127.0.0.1:{port}"
        self.kinds = KINDS
        self.markets = ("", "", "spot")
        self._home = home
        self._cloud = layout_of_pool(cloud).mark
        self._frozen: dict[str, list[int]] = {}

    def inject(self, fault: Fault) -> tuple[str, Lift | None]:
        if fault.kind == KILL:
            self.server.kill9()
            return "spillover", self.server.launch
        if fault.kind == "cut_home":
            self._home.kill9()
            return HOME, self._home.start
        if fault.kind == "cut_head":
            there = bool(processes.find([self._cloud]))
            kill9([self._cloud])
            return (CLOUD if there else ""), None
        pool, mark = (HOME, self._home.mark) if fault.kind == "freeze_home" else (CLOUD, self._cloud)
        return self._freeze(pool, mark)

    def _freeze(self, pool: str, mark: Mark) -> tuple[str, Lift | None]:
        pids = _dashboards(mark)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self._frozen[pool] = pids
        return (pool if pids else ""), lambda: self._thaw(pool)

    def _thaw(self, pool: str) -> None:
        for pid in self._frozen.pop(pool, []):
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGCONT)

    def clear(self) -> None:
        for pool in list(self._frozen):
            self._thaw(pool)

    def instances(self) -> list[Instance]:
        return []

    def bill(self) -> list[BillRow]:
        return []


def _dashboards(mark: Mark) -> list[int]:
    """The processes that answer for a cluster: without them its jobs run on, but nobody can see that."""
    found = []
    for process in processes.find([mark]):
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"dashboard/dashboard.py" in command or b"ray-dashboard" in command:
            found.append(process.pid)
    return found


@contextmanager
def local_world(bug: str = "", keep: Path | None = None) -> Iterator[LocalWorld]:
    """A head as the owned pool, an embedded cluster as the rented one, and Spillover, not yet started.

    `keep` gets all logs in the end.
    """
    with short_root() as root, head(root, cpus=2) as home, listening("127.0.0.1", root / "beats.jsonl") as heard:
        sink, port = heard
        folder = root / "s"
        folder.mkdir()
        cloud = launched(root, "c", role="burst", cpus=1, max_workers=2, lease=f"{LEASE_S:g}s")
        cloud["node_types"]["worker"]["market"] = "spot"
        pools = {HOME: attached(home, max_drivers=8), CLOUD: cloud}
        server = ChaosServer(folder, pools, bug=bug)
        try:
            yield LocalWorld(home, cloud, server, sink, port)
        finally:
            server.stop()
            if keep is not None:
                keep_logs(root, keep)
