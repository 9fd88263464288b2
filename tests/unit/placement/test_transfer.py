import pytest
from placement_builders import cloud, onprem

from spillover.domain.data import Place, parse_data
from spillover.domain.terms import Terms
from spillover.placement.transfer import AT_HAND, move_usd, transfer_of

IRELAND = Place("s3://", "eu-west-1", 0.02)
SETS = Place("s3://sets", "us-west-2", 0.09)
TERMS = Terms(places=(IRELAND, SETS))
AWS = cloud(region="us-west-2a", gbit_per_s=8.0)
OWN = onprem(region="here")


def test_data_in_the_pools_own_region_is_at_hand():
    """A pool in the region, or in a part of it, fetches nothing, and neither does a job whose data is empty."""
    region = Terms(places=(Place("s3://sets", "us", 0.09),))
    assert transfer_of(parse_data("s3://sets/a=120GB"), cloud(region="us-west-2"), region) == AT_HAND
    assert transfer_of(parse_data("s3://sets/a=0"), AWS, TERMS) == AT_HAND


def test_data_elsewhere_takes_time_and_egress():
    """120 GB at 8 Gbit/s are 120 s; what leaves its region is charged as its place says."""
    found = transfer_of(parse_data("s3://other/a=120GB"), AWS, TERMS)
    assert (found.seconds, found.egress_usd) == (120.0, pytest.approx(2.4))
    assert found.text == "120 GB from s3://other/a at 8 Gbit/s"
    assert found.egress_text == "120 GB out of eu-west-1 at $0.02/GB"


def test_the_longest_entry_counts():
    """A bucket's own entry wins over that of all buckets."""
    assert transfer_of(parse_data("s3://sets/a=1GB"), OWN, TERMS).egress_usd == pytest.approx(0.09)


def test_an_unknown_bucket_is_far_from_all():
    """Every pool fetches it, for what clouds charge towards the internet."""
    data = parse_data("gs://b/a=10GB")
    assert [transfer_of(data, pool, Terms()).egress_usd for pool in (AWS, OWN)] == [pytest.approx(0.9)] * 2


def test_an_unknown_path_is_where_the_owned_pools_are():
    """What is no cloud's lives at home: rented pools fetch it, and nobody charges for that."""
    data = parse_data("nfs:/data/a=10GB")
    assert transfer_of(data, OWN, Terms()) == AT_HAND
    assert transfer_of(data, AWS, Terms())[:2] == (10.0, 0.0)


def test_a_move_pays_the_pool_that_is_left():
    """A checkpoint of 80 GB that leaves the cloud costs its egress."""
    assert move_usd(cloud(egress_usd_per_gb=0.09), 80.0) == pytest.approx(7.2)
    assert move_usd(OWN, 80.0) == 0.0
