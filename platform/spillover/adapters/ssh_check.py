"""From the facts of a host to what is wrong with it, with the value and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..domain.host import Finding, HostReport
from .ssh_plan import Commands, SshPlan

CLOCK_WARN_S = 2.0
CLOCK_FAIL_S = 30.0
DISK_FULL_SHARE = 0.95  # above this Ray itself makes no objects any more

Facts = Mapping[str, Any]


def judge(host: str, facts: Facts, plan: SshPlan, commands: Commands, head: Facts | None) -> HostReport:
    """The report on one host. `head` are the facts of the cluster's head, which the others must match."""
    found = [
        *_versions(facts, head),
        *_disk(facts, plan, commands),
        *_clock(facts),
        *_ports(facts),
        *_gpus(facts, commands),
    ]
    return HostReport(host, tuple(found), facts)


def clock_offset_s(told: float, sent: float, answered: float) -> tuple[float, float]:
    """How far a host's clock is ahead of ours, and by how much that may be wrong: it was read in between."""
    return told - (sent + answered) / 2, (answered - sent) / 2


def _versions(facts: Facts, head: Facts | None) -> Iterator[Finding]:
    python, ray = str(facts["python"]), str(facts["ray"])
    if not ray:
        yield Finding(
            "there is no working `ray` on the PATH of a login shell; install it with setup_commands, "
            "or put its folder on the PATH in ~/.bashrc there"
        )
        return
    if head is None:
        return
    if ray != head["ray"]:
        yield Finding(f"Ray is {ray}, the head has {head['ray']}; install `ray=={head['ray']}` there")
    if not python or not head["python"] or python == head["python"]:
        return
    same_minor = python.split(".")[:2] == str(head["python"]).split(".")[:2]
    remedy = "Ray takes it, but pickled code may not" if same_minor else "Ray needs the same on all nodes"
    yield Finding(f"Python is {python}, the head has {head['python']}; {remedy}", fatal=not same_minor)


def _disk(facts: Facts, plan: SshPlan, commands: Commands) -> Iterator[Finding]:
    free, share = float(facts["disk_free_bytes"]), float(facts["disk_used_share"])
    if free < plan.min_free_disk_bytes:
        yield Finding(
            f"{free / 1e9:.1f} GB free for {commands.temp_dir}, "
            f"{plan.min_free_disk_bytes / 1e9:g} GB are asked for (provider.spillover_min_free_disk_gb); "
            "make room there"
        )
    elif share > DISK_FULL_SHARE:
        yield Finding(
            f"the disk of {commands.temp_dir} is {share:.0%} full, and Ray makes no objects above "
            f"{DISK_FULL_SHARE:.0%}; make room there"
        )


def _clock(facts: Facts) -> Iterator[Finding]:
    offset, blur = float(facts["clock_offset_s"]), float(facts["clock_blur_s"])
    certain = abs(offset) - blur
    if certain > CLOCK_WARN_S:
        side = "ahead" if offset > 0 else "behind"
        yield Finding(
            f"its clock is {abs(offset):.0f} s {side}; have it keep time with NTP (`timedatectl set-ntp true`)",
            fatal=certain > CLOCK_FAIL_S,
        )


def _ports(facts: Facts) -> Iterator[Finding]:
    held: Mapping[str, str] = facts["ports"]
    if held:
        text = ", ".join(f"{port} ({who})" for port, who in sorted(held.items(), key=lambda item: int(item[0])))
        yield Finding(f"ports are taken: {text}; end what holds them, or give others in the start commands")


def _gpus(facts: Facts, commands: Commands) -> Iterator[Finding]:
    seen = facts["gpus"]
    if commands.gpus and seen is not None and seen < commands.gpus:
        yield Finding(
            f"{commands.gpus} GPUs are declared (--num-gpus), `nvidia-smi -L` shows {seen}; "
            "mend the driver, or declare fewer"
        )
