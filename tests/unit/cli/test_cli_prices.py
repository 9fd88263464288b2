"""`spillover prices`: what is known, and taking AWS's present prices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from price_server import PriceServer, price_server


@pytest.fixture(autouse=True)
def _empty_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    with price_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
        yield server


def test_prices_are_shown_without_a_network(bare):
    """Each line: type, what it has, region, both prices with their days."""
    lines = bare("prices", "--type", "g5.xlarge", "--region", "us-west-2").stdout.splitlines()
    assert lines[0].split("  ")[0] == "TYPE"
    assert lines[2].split() == [
        "g5.xlarge",
        "4",
        "16",
        "GiB",
        "1x",
        "A10G",
        "us-west-2",
        "$1.0060",
        "2026-01-19",
        "$0.3732",
        "2025-05-15",
    ]
    assert len(lines) == 3


def test_a_family_is_a_type_too_and_json_holds_every_number(bare):
    """`g5` is all of g5, not g5g; null where no price is known."""
    rows = json.loads(bare("prices", "--type", "p3", "--type", "t3.large", "--region", "eu-west-1", "--json").stdout)
    assert [row["type"] for row in rows] == ["p3.2xlarge", "p3.8xlarge", "p3.16xlarge", "t3.large"]
    assert rows[0] == {
        "type": "p3.2xlarge",
        "region": "eu-west-1",
        "vcpus": 8,
        "memory_gib": 61,
        "gpus": 1,
        "gpu": "V100",
        "on_demand_usd_per_hour": 3.305,
        "on_demand_as_of": "2025-05-15",
        "spot_usd_per_hour": None,
        "spot_as_of": None,
    }


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--type", "m5.larg"), "no price of 'm5.larg' is known; did you mean 'm5.large'?"),
        (("--region", "eu-west-9"), "`spillover prices refresh --region eu-west-9` takes them from AWS"),
        (("-c", "none.yaml"), "none.yaml"),
    ],
)
def test_what_is_not_known_is_said(args, said, bare):
    """With the nearest name, or how to get it."""
    result = bare("prices", *args)
    assert result.exit_code in (1, 2)
    assert said in result.stderr


def test_a_refresh_shows_what_changed_and_is_used_from_then_on(aws, bare, home):
    """The table has known prices that changed; new ones are counted; the state folder holds them."""
    result = bare("prices", "refresh", "--region", "us-west-2")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[2].split() == ["g5.xlarge", "us-west-2", "on_demand", "$1.0060", "$2.0120", "+100.0%"]
    assert lines[3].split() == ["g5.xlarge", "us-west-2", "spot", "$0.3732", "$0.6000", "+60.8%"]
    assert lines[-1].startswith("Prices: 2 changed, 2 new, ")
    assert str(home / ".spillover/prices/aws.json") in result.stderr
    (row,) = json.loads(bare("prices", "--type", "g5.xlarge", "--region", "us-west-2", "--json").stdout)
    assert (row["on_demand_usd_per_hour"], row["spot_usd_per_hour"], row["gpu"]) == (2.012, 0.6, "A10G")
    again = bare("prices", "refresh", "--region", "us-west-2", "--json")
    assert json.loads(again.stdout) == []


def test_regions_add_up(aws, bare):
    """A second region's prices do not drop the first one's."""
    bare("prices", "refresh", "--region", "us-west-2")
    bare("prices", "refresh", "--region", "us-east-2")
    rows = json.loads(bare("prices", "--type", "m5.large", "--json").stdout)
    assert {row["region"]: row["spot_usd_per_hour"] for row in rows if row["spot_usd_per_hour"]} == {
        "us-east-2": 0.03,
        "us-west-2": 0.04,
    }


@pytest.mark.parametrize("call", ["GetProducts", "DescribeSpotPriceHistory"])
def test_a_call_that_fails_changes_nothing(call, aws, bare, home):
    """Not even if it is the last one: the file is as it was, and AWS's reason is told."""
    bare("prices", "refresh", "--region", "us-west-2")
    before = (home / ".spillover/prices/aws.json").read_bytes()
    aws.products["us-west-2"].pop()
    aws.refuse = call
    result = bare("prices", "refresh", "--region", "us-west-2")
    assert result.exit_code == 1
    assert f"{call}: " in result.stderr
    assert "not for you" in result.stderr
    assert (home / ".spillover/prices/aws.json").read_bytes() == before


def test_without_regions_those_that_are_known_are_taken(aws, bare):
    """What ships has three; the first that AWS has nothing of is named."""
    result = bare("prices", "refresh")
    assert result.exit_code == 1
    assert "price list of eu-west-1 is empty" in result.stderr


def test_the_settings_state_folder_counts(aws, bare, home):
    """It is where `spillover check` and the server look, here and with --config."""
    (home / "spillover.yaml").write_text("state_dir: kept\n")
    assert bare("prices", "refresh", "--region", "us-west-2").exit_code == 0
    assert (home / "kept/prices/aws.json").exists()
    (home / "other.yaml").write_text("state_dir: elsewhere\n")
    assert bare("prices", "refresh", "--region", "us-west-2", "-c", "other.yaml").exit_code == 0
    assert (home / "elsewhere/prices/aws.json").exists()
