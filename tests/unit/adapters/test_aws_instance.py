"""What EC2 shows of an instance, read as a machine, in the shapes that moto does not make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spillover.adapters.aws_instance import machine_of, times_of_ends
from spillover.domain.provider import Machine, MachineState

LAUNCH = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
AT = LAUNCH.timestamp()


def instance(state: str, reason: str = "", code: str = "", lifecycle: str = "") -> dict[str, Any]:
    shown: dict[str, Any] = {
        "InstanceId": "i-1",
        "State": {"Name": state},
        "LaunchTime": LAUNCH,
        "StateTransitionReason": reason,
        "StateReason": {"Code": code, "Message": f"{code}: why"},
    }
    return shown | ({"InstanceLifecycle": lifecycle} if lifecycle else {})


def machine(shown: dict[str, Any], now: float = AT + 9999) -> Machine:
    return machine_of(shown, times_of_ends([shown], {}, now))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("pending", MachineState.PENDING),
        ("running", MachineState.RUNNING),
        ("stopping", MachineState.STOPPED),
        ("stopped", MachineState.STOPPED),
        ("shutting-down", MachineState.ENDING),
        ("terminated", MachineState.ENDED),
    ],
)
def test_states(state: str, expected: MachineState) -> None:
    """Each of EC2's states is one of ours, and only what has stopped billing for good has an end."""
    found = machine(instance(state))
    assert found.state is expected
    assert (found.ended_at is None) == expected.there == (found.billed_s is None)


@pytest.mark.parametrize("zone", ["GMT", "UTC"])
def test_the_time_of_the_end_is_read_as_utc(zone: str) -> None:
    """`User initiated (2026-11-25 12:02:30 GMT)` is 150 s after a launch at noon, and those are billed."""
    found = machine(
        instance("terminated", f"User initiated (2026-11-25 12:02:30 {zone})", "Client.UserInitiatedShutdown")
    )
    assert (found.ended_at, found.billed_s) == (AT + 150, 150.0)


@pytest.mark.parametrize(("first_s", "ended_at"), [("60", AT + 120), ("150", AT + 150)])
def test_a_machine_that_ended_itself_did_so_when_its_lease_ended(first_s: str, ended_at: float) -> None:
    """Its watchdog ends it at the end of its lease, or of its first seconds: that is nearer than when we looked."""
    tags = [
        {"Key": "spillover-lease-expires", "Value": str(int(AT + 120))},
        {"Key": "spillover-first-s", "Value": first_s},
    ]
    gone = instance("terminated", "", "Client.InstanceInitiatedShutdown") | {"Tags": tags}
    assert machine(gone, AT + 900).ended_at == ended_at
    assert machine(gone, AT + 100).ended_at == AT + 100


def test_an_end_that_ec2_does_not_date_is_when_it_was_first_seen() -> None:
    """Later looks keep that time, and so does a stale list that shows the instance alive once more."""
    gone = instance("terminated", "", "Client.InstanceInitiatedShutdown")
    seen = times_of_ends([gone], {}, AT + 70.4)
    seen = times_of_ends([instance("running")], seen, AT + 80)
    seen = times_of_ends([gone], seen, AT + 90)
    found = machine_of(gone, seen)
    assert found.ended_at == AT + 70.4
    assert found.billed_s == 71.0
    assert found.end_reason == "Client.InstanceInitiatedShutdown: why"
    assert times_of_ends([], seen, AT + 100) == {}


@pytest.mark.parametrize(
    ("lifecycle", "code", "lived_s", "billed_s"),
    [
        ("spot", "Server.SpotInstanceTermination", 3599, 0.0),
        ("spot", "Server.SpotInstanceTermination", 3600, 3600.0),
        ("spot", "Client.UserInitiatedShutdown", 100, 100.0),
        ("", "Client.UserInitiatedShutdown", 3, 60.0),
        ("", "Server.SpotInstanceTermination", 100, 100.0),
    ],
)
def test_billing(lifecycle: str, code: str, lived_s: int, billed_s: float) -> None:
    """By the second, a minute at least; a spot instance that EC2 takes back within its first hour is free."""
    shown = instance("terminated", "", code, lifecycle)
    assert machine(shown, now=AT + lived_s).billed_s == billed_s


def test_only_a_spot_instance_is_reclaimed() -> None:
    """One that the spot market took back is told from one that was ended by us, or that lives."""
    code = "Server.SpotInstanceTermination"
    assert machine(instance("terminated", "", code, "spot"), now=AT).reclaimed
    assert not machine(instance("running", "", "", "spot"), now=AT).reclaimed
    assert not machine(instance("terminated", "", "Client.UserInitiatedShutdown", "spot"), now=AT).reclaimed
    assert not machine(instance("terminated", "", code, ""), now=AT).reclaimed
