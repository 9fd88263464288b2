"""moto's EC2, made to behave: real machines, states that take time, finite capacity, and the reasons that EC2 gives.

Stock moto (5.2.5) launches MinCount instances and ignores MaxCount (Ray sends 1 and n), gives spot instances no request
id, knows no ClientToken, and has every instance running at once.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import request
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState, Reservation, StateReason
from moto.ec2.models.tags import TagBackend

from .bill import INTERRUPTED
from .capacity import Capacity
from .machines import Machines, log, spec_of
from .records import LIVE, Record, Records
from .userdata import scripts

USER = "Client.UserInitiatedShutdown"
ITSELF = "Client.InstanceInitiatedShutdown"
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
MESSAGES = {
    USER: f"{USER}: User initiated shutdown",
    ITSELF: f"{ITSELF}: Instance initiated shutdown",
    INTERRUPTED: f"{INTERRUPTED}: Spot instance termination",
}

_stock_run = InstanceBackend.run_instances
_stock_terminate = Instance.terminate
_stock_create_tags = TagBackend.create_tags
_stock_delete_tags = TagBackend.delete_tags
_stock_delete_keys = TagBackend.delete_tag_keys


class Ec2:
    """The instances of all regions of the fake cloud."""

    def __init__(self, folder: Path, records: Records, machines: Machines, capacity: Capacity) -> None:
        self.instances: dict[str, Instance] = {}
        self._folder = folder
        self._records = records
        self._machines = machines
        self._capacity = capacity
        self._lock = threading.RLock()
        self._by_token: dict[tuple[str, str], Reservation] = {}
        machines.on_shutdown = self._shut_down

    def install(self) -> None:
        """Put ourselves between moto's API and its instances. A bound method would lose the instance: hence the lambdas."""
        ours = self
        InstanceBackend.run_instances = lambda backend, *a, **kw: ours._run(backend, *a, **kw)  # noqa: PLW0108
        Instance.terminate = lambda instance: ours._leave(instance, "shutting-down", "terminated", USER)
        Instance.stop = lambda instance: ours._leave(instance, "stopping", "stopped", USER)
        Instance.start = lambda instance: ours._start(instance)  # noqa: PLW0108
        Instance.reboot = lambda instance: None
        # What has been terminated keeps its name and tags, not its addresses.
        for name, none in (("private_ip_address", None), ("private_dns_name", ""), ("network_interfaces", [])):
            setattr(Instance, name, _of_the_living(getattr(Instance, name), none))
        TagBackend.create_tags = lambda backend, ids, tags: ours._tag(backend, _stock_create_tags, ids, tags)
        TagBackend.delete_tags = lambda backend, ids, tags: ours._tag(backend, _stock_delete_tags, ids, tags)
        TagBackend.delete_tag_keys = lambda backend, ids, keys: ours._tag(backend, _stock_delete_keys, ids, keys)

    def forget_token(self, token: str) -> None:
        """Let a ClientToken count as never seen."""
        with self._lock:
            self._by_token = {key: made for key, made in self._by_token.items() if key[1] != token}

    def reclaim(self, instance_id: str) -> None:
        """EC2 takes a spot instance back, now."""
        self._leave(self.instances[instance_id], "shutting-down", "terminated", INTERRUPTED)

    def _run(
        self, backend: Any, image_id: str, count: int, user_data: Any, groups: list[str], **kw: Any
    ) -> Reservation:
        """RunInstances: a ClientToken that was seen answers with what it made."""
        token = request.form.get("ClientToken", "") if request else ""
        with self._lock:
            seen = self._by_token.get((backend.region_name, token)) if token else None
            if seen is not None:
                return seen
            kind, market = kw["instance_type"], "spot" if kw.get("instance_market_options") else "on_demand"
            zone = _put_into_subnet(backend, kw)
            most = int(request.form.get("MaxCount", count)) if request else count
            left = self._capacity.left(kind, market, zone, self._records.live())
            number = most if left is None else min(most, left)
            if number < count:
                raise EC2ClientError(
                    "InsufficientInstanceCapacity",
                    f"We currently do not have sufficient {kind} ({market}) capacity in the Availability Zone you "
                    f"requested ({zone}).",
                )
            reservation = _stock_run(backend, image_id, number, user_data, groups, **kw)
            for instance in reservation.instances:
                self._born(backend, instance, market)
            if token:
                self._by_token[backend.region_name, token] = reservation
            return reservation

    def _born(self, backend: Any, instance: Instance, market: str) -> None:
        if market == "spot":
            instance.spot_instance_request_id = "sir-" + instance.id[2:10]
        instance.launch_time = utcnow().replace(microsecond=0)
        self.instances[instance.id] = instance
        self._records.add(
            Record(
                instance.id, str(instance.private_ip), instance.instance_type, market, str(instance.availability_zone),
                instance.region_name, int(instance.launch_time.timestamp()), tags=dict(backend.tags[instance.id]),
            )
        )  # fmt: skip
        self._show(instance, "pending")
        self._boot(instance, _scripts(instance))

    def _boot(self, instance: Instance, parts: tuple[str, ...]) -> None:
        key = self._public_key(instance)
        spec = spec_of(instance.id, str(instance.private_ip), key, parts, instance.region_name)
        self._machines.launch(instance.id, spec, lambda: self._settle(instance, "pending", "running"))

    def _start(self, instance: Instance) -> InstanceState:
        with self._lock:
            before = InstanceState(instance._state.name, instance._state.code)
            if before.name == "stopped":
                instance.launch_time = utcnow().replace(microsecond=0)
                self._show(instance, "pending")
                self._records.change(instance.id, "pending", at=int(instance.launch_time.timestamp()))
                self._boot(instance, ())
            return before

    def _leave(self, instance: Instance, way: str, end: str, cause: str) -> InstanceState:
        """Stop or terminate: billing ends now, the host is cut, and the last state shows a little later."""
        with self._lock:
            before = InstanceState(instance._state.name, instance._state.code)
            if before.name in {"shutting-down", "terminated"} or (way == "stopping" and before.name not in LIVE):
                return before
            now = int(time.time())
            if end == "terminated":
                _stock_terminate(instance)
            reason = _reason(cause, now)
            self._show(instance, way, reason, cause)
            self._records.change(instance.id, way, reason, cause, now)
        self._machines.end(instance.id, lambda: self._settle(instance, way, end))
        return before

    def _shut_down(self, instance_id: str) -> None:
        """The host has turned itself off: the instance does what its InstanceInitiatedShutdownBehavior says."""
        instance = self.instances[instance_id]
        if instance.instance_initiated_shutdown_behavior == "terminate":
            self._leave(instance, "shutting-down", "terminated", ITSELF)
        else:
            self._leave(instance, "stopping", "stopped", ITSELF)

    def _settle(self, instance: Instance, was: str, state: str) -> None:
        with self._lock:
            if instance._state.name != was:
                return
            record = self._records.get(instance.id)
            reason, cause = instance._reason, record.end_cause
            self._show(instance, state, reason, cause)
            self._records.change(instance.id, state, reason, cause)

    @staticmethod
    def _show(instance: Instance, state: str, reason: str = "", cause: str = "") -> None:
        instance._state = InstanceState(state, CODES[state])
        instance._reason = reason
        instance.state_reason = StateReason(MESSAGES[cause], cause) if cause else StateReason()

    def _tag(self, backend: Any, stock: Any, ids: list[str], tags: Mapping[str, str]) -> bool:
        with self._lock:
            done: bool = stock(backend, ids, tags)
            for instance_id in ids:
                if self._records.known(instance_id):
                    self._records.tag(instance_id, backend.tags[instance_id])
            return done

    def _public_key(self, instance: Instance) -> Path:
        """The half of the key pair that the instance was launched with; without one, nobody's key opens it."""
        pair = instance.ec2_backend.key_pairs.get(instance.key_name)
        if pair is None:
            return self._folder / "keys" / "stranger.pub"
        path = self._folder / "keys" / f"{instance.id}.pub"
        path.write_text(pair.material_public.decode().strip() + "\n")
        return path


def _of_the_living(stock: property, none: Any) -> property:
    return property(lambda instance: none if instance._state.name == "terminated" else stock.fget(instance))


def _put_into_subnet(backend: Any, kw: dict[str, Any]) -> str:
    """The zone of the subnet that the call names; else the zone's default subnet goes into the call."""
    for subnet_id in filter(None, [kw.get("subnet_id"), *(nic.get("SubnetId") for nic in kw.get("nics", []))]):
        return str(backend.get_subnet(subnet_id).availability_zone)
    zone = str(kw.get("placement") or f"{backend.region_name}a")
    subnet = backend.get_default_subnets().get(zone)
    if subnet is not None:
        kw["subnet_id"] = subnet.id
    return zone


def _reason(cause: str, at: int) -> str:
    """StateTransitionReason: only that of a call of the API carries the time."""
    if cause == USER:
        return time.strftime("User initiated (%Y-%m-%d %H:%M:%S GMT)", time.gmtime(at))
    return INTERRUPTED if cause == INTERRUPTED else ""


def _scripts(instance: Instance) -> tuple[str, ...]:
    if not instance.user_data:
        return ()
    try:
        return scripts(base64.b64decode(str(instance.user_data)))
    except ValueError as error:
        log(f"{instance.id}: {error}")
        return ()
