"""The parts of the test bed that need no root."""

from __future__ import annotations

import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest

from testbed.cloud.capacity import Capacity
from testbed.cloud.faults import Dice, Weather
from testbed.cloud.records import Record, Records
from testbed.cloud.userdata import scripts


def record(number: int, market: str = "spot", zone: str = "us-west-2a") -> Record:
    return Record(f"i-{number}", f"172.31.0.{number}", "m5.large", market, zone, "us-west-2", 1000)


def multipart(*parts: tuple[str, str]) -> bytes:
    message = MIMEMultipart()
    for kind, text in parts:
        message.attach(MIMEText(text, kind))
    return message.as_bytes()


def test_one_script_is_run_as_it_is() -> None:
    """UserData that starts with #! is one script, compressed or not."""
    assert scripts(b"#!/bin/sh\ntrue\n") == scripts(gzip.compress(b"#!/bin/sh\ntrue\n")) == ("#!/bin/sh\ntrue\n",)


def test_the_scripts_of_a_multipart_go_in_order_and_boothooks_first() -> None:
    """All scripts of MIME multipart UserData run, in the order that cloud-init has."""
    data = multipart(("x-shellscript", "#!a"), ("cloud-boothook", "#!b"), ("plain", "#!c"))
    assert scripts(data) == ("#!b", "#!a", "#!c")


@pytest.mark.parametrize("data", [b"echo no", multipart(("cloud-config", "#cloud-config"))], ids=["text", "config"])
def test_user_data_that_would_not_run_is_refused(data: bytes) -> None:
    """What a host of the test bed cannot carry out is an error, not silence."""
    with pytest.raises(ValueError, match="UserData"):
        scripts(data)


def test_capacity_is_the_tightest_of_region_and_zone() -> None:
    """A limit counts what lives of that type and market; the zone's limit counts the zone."""
    capacity = Capacity()
    live = [record(1), record(2, zone="us-west-2b"), record(3, market="on_demand")]
    assert capacity.left("m5.large", "spot", "us-west-2a", live) is None
    capacity.set({"m5.large/spot": 4, "m5.large/spot/us-west-2a": 2, "m5.large/on-demand": 0})
    assert capacity.left("m5.large", "spot", "us-west-2a", live) == 1
    assert capacity.left("m5.large", "spot", "us-west-2b", live) == 2
    assert capacity.left("m5.large", "on_demand", "us-west-2b", live) == 0
    capacity.set({"m5.large/spot": None, "m5.large/spot/us-west-2a": None})
    assert capacity.left("m5.large", "spot", "us-west-2a", live) is None


def test_a_seed_repeats_what_happens() -> None:
    """Each fault has its own stream of a seed: other faults' calls do not change it."""
    alone, mixed = Dice(7), Dice(7)
    first = [alone.roll("throttle", 0.5) for _ in range(50)]
    second = [mixed.roll("late", 0.5) or mixed.roll("throttle", 0.5) for _ in range(0)]
    for _ in range(50):
        mixed.roll("late", 0.5)
        second.append(mixed.roll("throttle", 0.5))
    assert first == second
    assert 10 < sum(first) < 40
    assert first != [Dice(8).roll("throttle", 0.5) for _ in range(50)]


def test_an_unknown_fault_is_named() -> None:
    """A misspelt fault is an error that names those there are."""
    calls: list[dict[str, Any]] = []
    with pytest.raises(ValueError, match="no fault throtle: there are throttle"):
        Weather(calls.append).set(throtle=1.0)


def test_the_past_is_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record answers for any moment: absent before its launch, then each state and tag as it was."""
    now = [100.0]
    monkeypatch.setattr("testbed.cloud.records.time.time", lambda: now[0])
    records = Records(tmp_path / "records.json")
    records.add(record(1))
    now[0] = 110.0
    records.tag("i-1", {"a": "b"})
    now[0] = 120.0
    records.change("i-1", "shutting-down", "why", "Client.UserInitiatedShutdown", at=1120)
    kept = records.get("i-1")
    assert kept.at(99.9) is None
    assert (kept.at(119.0) or ("",))[0] == "pending"
    assert kept.at(120.0) == ("shutting-down", "why", "Client.UserInitiatedShutdown")
    assert (kept.tags_at(105.0), kept.tags_at(115.0)) == ({}, {"a": "b"})
    assert (kept.runs, kept.ended) == ([[1000, 1120]], 1120)
    assert records.at_address("172.31.0.1") is None
