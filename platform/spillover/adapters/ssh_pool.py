"""A launched pool of named hosts: Ray on each of them, raised and folded host by host over SSH.

Ray's own launcher has holes here: it starts a worker too few under autoscaler v2, forgets hosts that were lost, and
one bad host spoils the rest.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..domain.host import Finding, Host, HostReport
from ..domain.provider import Lease, ProviderNode, Raised
from ..errors import LauncherError
from .ssh_archive import host_program
from .ssh_check import Facts, clock_offset_s, judge
from .ssh_journal import Journal
from .ssh_plan import NODE_TYPE, SshPlan
from .ssh_run import Ssh

CHECK_TIMEOUT_S = 60.0
START_TIMEOUT_S = 1800.0
STOP_TIMEOUT_S = 150.0
DRAIN_TIMEOUT_S = 120.0
LINGER_S = 75.0
"""Workers whose head is gone give up on it after Ray's reconnect timeout of 60 s, and end themselves."""

_SHIP = 'd="$HOME"/{folder} && mkdir -p "$d" && cat > "$d/in.$$" && mv "$d/in.$$" "$d/host_ray.pyz"'
_RUN = "exec bash --login -i -c {script}"
_SCRIPT = 'source ~/.bashrc; exec python3 "$HOME"/{folder}/host_ray.pyz {action} {request}'


class SshPool:
    """ports.Launcher and ports.Hosts for one pool.

    `vouched` says whether an operator has fenced the pool: then hosts that do not answer count as gone.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], SshPlan],
        state: Path,
        installation: str,
        vouched: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._read = read
        self._journal = Journal(state / f"{name}.hosts.json")
        self._installation = installation
        self._vouched = vouched
        self._clock = clock
        self._head_facts: Facts | None = None
        self._head_ended_at: float | None = None
        self._asking_head = asyncio.Lock()

    # ports.Hosts

    def hosts(self) -> Sequence[Host]:
        return self._read().hosts

    async def check(self, host: str) -> HostReport:
        plan = self._read()
        kind = plan.host(host).kind
        facts = await self._facts(plan, host)
        if isinstance(facts, Finding):
            return HostReport(host, (facts,))
        if kind == "head":
            self._head_facts = facts
        return judge(host, facts, plan, plan.commands(kind), None if kind == "head" else await self._of_head(plan))

    async def start(self, host: str) -> str:
        plan = self._read()
        commands = plan.commands(plan.host(host).kind)
        await self._mount(plan, host)
        request = {"setup": commands.setup, "start": commands.start, "environment": dict(plan.environment)}
        self._journal.add(host)  # before anything of ours can run there
        return str((await self._do(plan, host, "start", request, START_TIMEOUT_S))["node_id"])

    async def stop(self, host: str) -> None:
        await self._do(self._read(), host, "stop", {}, STOP_TIMEOUT_S)
        self._journal.remove(host)

    async def drain(self, node_id: str, deadline_s: float, why: str) -> None:
        plan = self._read()
        request = {"node_id": node_id, "deadline_s": deadline_s, "why": why, "port": plan.gcs_port}
        await self._do(plan, plan.hosts[0].name, "drain", request, DRAIN_TIMEOUT_S)

    # ports.Launcher

    async def raise_cluster(self, lease: Lease, *, no_restart: bool) -> Raised:
        """Bring the head up; the workers are then started one by one, each for itself, by whoever keeps the hosts."""
        plan = self._read()
        head = plan.hosts[0]
        if not no_restart:
            report = await self.check(head.name)
            if not report.ok:
                raise LauncherError(f"head {head.name}: {report.problem}")
            await self.start(head.name)
        self._head_ended_at = None
        return Raised(plan.head_address, tuple(await self.nodes()))

    async def nodes(self) -> Sequence[ProviderNode]:
        """Hosts where Ray of ours runs. Of one that does not answer it is not known, and assumed."""
        plan = self._read()
        started = [plan.host(name) for name in self._journal.hosts()]
        runs = await asyncio.gather(*(self._runs(plan, host) for host in started))
        return [_node(plan, host) for host, run in zip(started, runs, strict=True) if run]

    async def fold(self) -> Sequence[ProviderNode]:
        """End Ray on all hosts on which we have started it."""
        plan = self._read()
        started = [plan.host(name) for name in self._journal.hosts()]
        faults = await asyncio.gather(*(self._try_stop(plan, host) for host in started))
        left = [host for host, fault in zip(started, faults, strict=True) if fault is not None]
        if any(host.kind == "head" for host in left) and not self._vouched():
            self._head_ended_at = None
        elif self._head_ended_at is None:
            self._head_ended_at = self._clock()
        left = [host for host in left if not self._certainly_gone(host)]
        return [_node(plan, host) for host in left]

    def _certainly_gone(self, host: Host) -> bool:
        """Whether a host that does not answer counts as gone: an operator says so, or its head is gone for long."""
        ended_at = self._head_ended_at
        gone = self._vouched() or (ended_at is not None and self._clock() - ended_at > LINGER_S)
        if gone:
            self._journal.remove(host.name)
        return gone

    async def _try_stop(self, plan: SshPlan, host: Host) -> Exception | None:
        try:
            await self.stop(host.name)
        except LauncherError as error:
            return error
        return None

    async def _runs(self, plan: SshPlan, host: Host) -> bool:
        try:
            answer = await self._do(plan, host.name, "status", {}, CHECK_TIMEOUT_S)
        except LauncherError:
            return True
        if not answer["running"]:
            self._journal.remove(host.name)
        return bool(answer["running"])

    # one host

    async def _of_head(self, plan: SshPlan) -> Facts | None:
        """The head's facts, asked for once."""
        async with self._asking_head:
            if self._head_facts is None:
                facts = await self._facts(plan, plan.hosts[0].name)
                self._head_facts = None if isinstance(facts, Finding) else facts
            return self._head_facts

    async def _facts(self, plan: SshPlan, host: str) -> Facts | Finding:
        commands = plan.commands(plan.host(host).kind)
        request = {"ports": commands.ports, "temp_dir": commands.temp_dir}
        sent = self._clock()
        answer = await self._ask(plan, host, "check", request, CHECK_TIMEOUT_S)
        if isinstance(answer, Finding):
            return answer
        # Its clock was read before it looked around
        offset, blur = clock_offset_s(answer["at"], sent, self._clock() - answer["took_s"])
        return {**answer, "clock_offset_s": offset, "clock_blur_s": blur}

    async def _mount(self, plan: SshPlan, host: str) -> None:
        ssh = Ssh(plan.access)
        for remote, local, may_lack in plan.mounts:
            if not local.exists():
                if may_lack:
                    continue
                raise LauncherError(f"{host}: file_mounts: there is no {local} here to copy to {remote}")
            answer = await ssh.copy(host, local, remote, plan.excludes)
            if answer.fault or answer.code:
                reason = answer.fault.text if answer.fault else answer.last_words
                raise LauncherError(f"{host}: {local} could not be copied to {remote}: {reason}")

    async def _do(self, plan: SshPlan, host: str, action: str, request: dict[str, Any], timeout_s: float) -> Facts:
        answer = await self._ask(plan, host, action, request, timeout_s)
        if isinstance(answer, Finding):
            raise LauncherError(f"{host}: {answer.text}")
        return answer

    async def _ask(
        self, plan: SshPlan, host: str, action: str, request: dict[str, Any], timeout_s: float
    ) -> Facts | Finding:
        folder = f".spillover/hosts/{plan.cluster}-{self._installation[:8]}"
        sent = shlex.quote(json.dumps({"folder": folder, **request}))
        where = shlex.quote(folder)
        script = _SCRIPT.format(folder=where, action=action, request=sent)
        command = f"{_SHIP.format(folder=where)} && {_RUN.format(script=shlex.quote(script))}"
        answer = await Ssh(plan.access).run(host, command, stdin=host_program(), timeout_s=timeout_s)
        if answer.fault:
            return answer.fault
        try:
            told: dict[str, Any] = json.loads(answer.out.strip().splitlines()[-1])
            return told if told["ok"] else Finding(f"{action}: {told['error']}")
        except (IndexError, ValueError, KeyError, TypeError):
            return Finding(f"{action}: status {answer.code} and no answer: {answer.last_words}")


def _node(plan: SshPlan, host: Host) -> ProviderNode:
    ip = plan.head_address if host.kind == "head" else host.name
    return ProviderNode(host.name, ip, NODE_TYPE, host.kind)
