"""Instances become hosts: booted when they are launched, cut when they end, watched for what ends them from inside."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ..host import Spec, boot, clear, cut
from ..sandbox import CLOUD_GATEWAY


class Machines:
    """The hosts behind the instances. `on_shutdown` is called with the id of one that shut itself down."""

    def __init__(self, folder: Path, boot_delay_s: float, ending_s: float) -> None:
        self.on_shutdown: Callable[[str], None] = lambda _: None
        self._folder = folder
        self._boot_delay_s = boot_delay_s
        self._ending_s = ending_s
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._wanted: dict[str, object] = {}

    def launch(self, instance_id: str, spec: Spec, on_running: Callable[[], None]) -> None:
        """Boot a host after the delay, unless it is ended before."""
        ticket = self._wanted[instance_id] = object()
        threading.Thread(target=self._live, args=(instance_id, spec, ticket, on_running), daemon=True).start()

    def end(self, instance_id: str, after: Callable[[], None]) -> None:
        """Cut the host, and call back when that is done and `ending_s` have passed."""
        self._wanted.pop(instance_id, None)
        threading.Thread(target=self._end, args=(instance_id, after), daemon=True).start()

    def crash(self, instance_id: str) -> None:
        """Cut the host, and let the instance be listed as if nothing had happened."""
        self._wanted.pop(instance_id, None)
        self._cut(instance_id)

    def _live(self, instance_id: str, spec: Spec, ticket: object, on_running: Callable[[], None]) -> None:
        time.sleep(self._boot_delay_s)
        began = time.monotonic()
        with self._locks[instance_id]:
            if self._wanted.get(instance_id) is not ticket:
                return
            on_running()
            try:
                process = boot(self._folder, spec)
                log(f"{instance_id} {spec.ip} is up after {time.monotonic() - began:.2f} s")
            except RuntimeError as error:
                log(error)
                process = None
        if process is not None:
            process.wait()
        if self._wanted.get(instance_id) is ticket:
            log(f"{instance_id} shut itself down")
            clear(self._folder, instance_id)
            self.on_shutdown(instance_id)

    def _end(self, instance_id: str, after: Callable[[], None]) -> None:
        self._cut(instance_id)
        time.sleep(self._ending_s)
        after()

    def _cut(self, instance_id: str) -> None:
        with self._locks[instance_id]:
            try:
                cut(self._folder, instance_id)
            except FileNotFoundError:
                return
            log(f"{instance_id} was cut")


def spec_of(instance_id: str, ip: str, authorized_key: Path, scripts: tuple[str, ...], region: str) -> Spec:
    """The host of an instance. The region is what a machine image would bake in."""
    return Spec(
        instance_id, ip, 16, "br-ec2", CLOUD_GATEWAY, str(authorized_key),
        metadata=True, profile=f"export AWS_DEFAULT_REGION={region}", scripts=scripts,
    )  # fmt: skip


def log(what: object) -> None:
    """A line of the cloud's log."""
    print(f"{time.time():.2f} {what}", flush=True)
