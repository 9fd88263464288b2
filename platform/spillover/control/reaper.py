"""Which machines should not be there: unknown, expired or orphaned. Pure; the watch asks for their end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..domain.pool import PoolState, PoolStatus
from ..domain.provider import Machine, Stray

States = Mapping[str, PoolState]


def strays(machines: Iterable[Machine], before: States, after: States, now: float) -> list[Stray]:
    """The machines that should not be there, with the reason.

    `before` and `after` are the pools' states on either side of the listing: what was right at either moment is no
    stray, since a raise commits its lease before it makes a machine.
    """
    found = []
    for machine in machines:
        if not machine.state.there:
            continue
        why = why_stray(machine, before.get(machine.pool), now)
        if why and (why := why_stray(machine, after.get(machine.pool), now)):
            found.append(Stray(machine, why))
    return found


def why_stray(machine: Machine, state: PoolState | None, now: float) -> str:
    """Why a machine should not be there as its pool stands, or "" if it should."""
    if state is None:
        return f"unknown: no pool '{machine.pool}' was ever raised by this installation"
    if state.lease_id is None:
        return f"orphaned: pool {state.name} is {state.status.value} and holds no lease"
    if machine.lease_id != state.lease_id:
        shown = f"'{machine.lease_id}'" if machine.lease_id else "none"
        return f"orphaned: its lease is {shown}, pool {state.name} holds '{state.lease_id}'"
    if (state.lease_expires_at or 0.0) < now:
        return f"expired: lease '{state.lease_id}' ended {now - (state.lease_expires_at or 0.0):.0f} s ago"
    if _second_head(machine, state):
        return f"unknown: a second head of pool {state.name}, whose head is {state.address}"
    return ""


def _second_head(machine: Machine, state: PoolState) -> bool:
    if machine.kind != "head" or state.status is not PoolStatus.UP or not state.address:
        return False
    return f"://{machine.ip}:" not in state.address
