"""A provider in memory: its machines, what it lists of them, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fakes import FakeCluster, FakeLauncher, ManualClock

from spillover.domain.provider import Lease, Machine, MachineState, ProviderNode, Raised
from spillover.errors import ProviderError

MINIMUM_S = 60.0


@dataclass
class FakeCloud:
    """ports.Provider. `machines_by_id` is the truth; `lag_s` is how far its lists are behind."""

    clock: ManualClock
    down: str = ""
    refuses: str = ""
    ignores: bool = False
    lag_s: float = 0.0
    credentials_until: float | None = None
    machines_by_id: dict[str, Machine] = field(default_factory=dict)
    renewals: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    when_gone: Callable[[Machine], None] = lambda _: None

    def launch(self, lease: Lease, kind: str, node_type: str, ip: str, market: str = "on_demand") -> Machine:
        """A machine with the tags of its lease. Launches have whole seconds, as EC2's."""
        machine_id = f"i-{len(self.machines_by_id):03d}"
        machine = Machine(
            id=machine_id, ip=ip, state=MachineState.RUNNING, kind=kind, node_type=node_type, market=market,
            zone="z1", launched_at=float(int(self.clock.now())), pool=lease.pool, lease_id=lease.id,
            lease_expires_at=float(int(lease.expires_at)),
        )  # fmt: skip
        self.machines_by_id[machine_id] = machine
        return machine

    def gone(self, machine_id: str, *, free: bool = False) -> None:
        """It ends now, whoever ended it; it is free if the spot market took it back in its first hour."""
        machine = self.machines_by_id[machine_id]
        if machine.state.there:
            now = float(int(self.clock.now()))
            billed = 0.0 if free else max(MINIMUM_S, now - machine.launched_at)
            ended = replace(machine, state=MachineState.ENDED, ended_at=now, billed_s=billed, reclaimed=free)
            self.machines_by_id[machine_id] = ended
            self.when_gone(ended)

    def there(self) -> list[str]:
        """The truth."""
        return [m.id for m in self.machines_by_id.values() if m.state.there]

    def bill(self, prices: dict[str, float]) -> float:
        """US dollars for all machines that have ended."""
        return sum(prices[m.node_type] * (m.billed_s or 0.0) / 3600 for m in self.machines_by_id.values())

    # ports.Provider

    def _check(self) -> None:
        if self.down:
            raise ProviderError(self.down)

    async def machines(self) -> Sequence[Machine]:
        self._check()
        as_of = self.clock.now() - self.lag_s
        return [_as_of(m, as_of) for m in self.machines_by_id.values() if m.launched_at <= as_of]

    async def end(self, ids: Sequence[str]) -> None:
        self._check()
        if self.refuses:
            raise ProviderError(self.refuses)
        for machine_id in () if self.ignores else ids:
            self.gone(machine_id)

    async def renew(self, ids: Sequence[str], expires_at: float) -> None:
        self._check()
        self.renewals.append((tuple(ids), expires_at))
        for machine_id in ids:
            machine = self.machines_by_id[machine_id]
            self.machines_by_id[machine_id] = replace(machine, lease_expires_at=float(int(expires_at)))

    async def usable_until(self) -> float | None:
        self._check()
        return self.credentials_until


def _as_of(machine: Machine, at: float) -> Machine:
    if machine.ended_at is not None and machine.ended_at > at:
        return replace(machine, state=MachineState.RUNNING, ended_at=None, billed_s=None)
    return machine


class CloudLauncher(FakeLauncher):
    """Raises a cluster whose nodes are machines of a FakeCloud; it ends with its head."""

    def __init__(self, cluster: FakeCluster, cloud: FakeCloud) -> None:
        super().__init__(cluster)
        self.cloud = cloud
        cloud.when_gone = self._gone

    async def raise_cluster(self, lease: Lease, *, no_restart: bool) -> Raised:
        raised = await super().raise_cluster(lease, no_restart=no_restart)
        if not no_restart:
            for node in self.cluster.nodes:
                self.cloud.launch(lease, "head" if node.is_head else "worker", node.type_name, node.ip)
        return raised

    def _gone(self, machine: Machine) -> None:
        if machine.kind == "head":
            self.alive = self.cluster.up = False
            self.cluster.kill_all()

    async def fold(self) -> Sequence[ProviderNode]:
        raise AssertionError("the provider is asked directly")
