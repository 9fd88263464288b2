"""What `check` says of prices, with AWS's catalogue at hand."""

from __future__ import annotations

import json

import pytest

AWS = """\
cluster_name: cloud
max_workers: 4
provider: {type: aws, region: us-west-2}
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {InstanceType: m5.large}}
  spot: {resources: {GPU: 1, CPU: 4}, node_config: {InstanceType: g5.xlarge, InstanceMarketOptions: {MarketType: spot}}}
  dear: {resources: {GPU: 1, CPU: 4}, node_config: {InstanceType: g5.xlarge}}
"""

REFRESH = "; `spillover prices refresh` takes AWS's present prices"
G5 = "g5.xlarge costs $1.006 on demand in us-west-2 as of 2026-01-19"
G5_SPOT = "g5.xlarge costs $0.3732 as spot in us-west-2 as of 2025-05-15, $1.006 on demand in us-west-2 as of 2026-01-19"
M5 = "m5.large costs $0.096 on demand in us-west-2 as of 2026-01-19"


@pytest.fixture
def aws(site):
    """Settings whose prices are AWS's."""
    site.write("c.yaml", AWS)
    site.change("market: spot, price_usd_per_hour: 3", "market: spot, price_usd_per_hour: 0.37")
    site.change("on_demand, price_usd_per_hour: 9", "on_demand, price_usd_per_hour: 1.006")
    site.change("head_price_usd_per_hour: 0.1", "head_price_usd_per_hour: 0.096")
    site.change("price_usd_per_hour: 2,", "price_usd_per_hour: 0.3,")
    site.write("s.yaml", (site.folder / "s.yaml").read_text() + "state_dir: state\n")
    return site


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("1.006", "1.25", None, None),
        ("1.006", "0.81", None, None),
        ("1.006", "1.27", "node_types.dear.price_usd_per_hour: value '1.27'", G5 + REFRESH),
        ("1.006", "0.79", "node_types.dear.price_usd_per_hour: value '0.79'", G5 + REFRESH),
        ("0.37", "0.74", None, None),
        ("0.37", "0.19", None, None),
        ("0.37", "0.75", "node_types.spot.price_usd_per_hour: value '0.75'", G5_SPOT + REFRESH),
        ("0.37", "0.18", "node_types.spot.price_usd_per_hour: value '0.18'", G5_SPOT + REFRESH),
        ("0.096", "0.2", "head_price_usd_per_hour: value '0.2'", M5 + REFRESH),
    ],
)
def test_a_price_that_is_far_from_the_catalogues_is_warned_of(old, new, key, said, aws):
    """A quarter off on demand, or by a factor of two for spot, either way: one line names type, price, region and day."""
    aws.change(f"price_usd_per_hour: {old}", f"price_usd_per_hour: {new}")
    found = aws.look()
    assert len(found) == (said is not None), found
    assert said is None or found[0].endswith(f": warning: pools.cloud.{key}: {said}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("InstanceType: g5.xlarge}", "InstanceType: x9.huge}"),
        ("region: us-west-2", "region: us-gov-west-1"),
        ("node_config: {InstanceType: g5.xlarge}", "node_config: {}"),
        ("type: aws, region: us-west-2", "type: gcp, project_id: x, availability_zone: y, region: us-west-2"),
    ],
)
def test_what_the_catalogue_does_not_know_is_not_judged(old, new, aws):
    """Unknown types and regions, types that the YAML does not name, and other clouds bring nothing."""
    aws.change(old, new, "c.yaml")
    aws.change("price_usd_per_hour: 1.006", "price_usd_per_hour: 5")
    assert [line for line in aws.look() if "costs" in line and ".dear." in line] == []


def test_a_spot_price_without_a_known_one_is_held_against_on_demand(aws):
    """Nobody pays more for spot than on demand."""
    aws.change("InstanceType: g5.xlarge, Inst", "InstanceType: g5.2xlarge, Inst", "c.yaml")
    aws.change("price_usd_per_hour: 0.37", "price_usd_per_hour: 1.0")
    assert aws.look() == []
    aws.change("price_usd_per_hour: 1.006", "price_usd_per_hour: 1.22")
    aws.change("price_usd_per_hour: 1.0}", "price_usd_per_hour: 1.22}")
    (found,) = aws.look()
    assert "spot.price_usd_per_hour: value '1.22': g5.2xlarge costs $1.212 on demand" in found


def test_refreshed_prices_count(aws):
    """A newer price in the settings' state folder is the one that is compared with."""
    file = aws.folder / "state/prices/aws.json"
    file.parent.mkdir(parents=True)
    sheet = {"us-west-2": {"as_of": "2026-11-25", "usd_per_hour": {"g5.xlarge": 2.5}}}
    file.write_text(json.dumps({"types": {}, "on_demand": sheet, "spot": {}}))
    (found,) = aws.look()
    assert "dear.price_usd_per_hour: value '1.006': g5.xlarge costs $2.5 on demand in us-west-2 as of 2026-11-25" in found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{market: on_demand, price_usd_per_hour: 1.006}", "{market: on_demand}", f"0 if nothing; {G5}"),
        ("{market: spot, price_usd_per_hour: 0.37}", "{market: spot}", f"0 if nothing; {G5_SPOT}"),
        ("    head_price_usd_per_hour: 0.096\n", "", f"0 if nothing; {M5}"),
        ("      dear: {market: on_demand, price_usd_per_hour: 1.006}\n", "", f"say here what they cost; {G5}"),
        ("      spot: {market: spot, price_usd_per_hour: 0.37}\n", "", f"say here what they cost; {G5_SPOT}"),
    ],
)
def test_a_missing_price_is_suggested(old, new, said, aws):
    """Where the settings must say a price and do not, the mistake names AWS's."""
    aws.change(old, new)
    (found,) = [line for line in aws.look() if "cost" in line]
    assert found.endswith(said)
