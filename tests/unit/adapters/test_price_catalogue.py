"""The catalogue that ships, how a refreshed one is laid over it, and what AWS answers when it is refreshed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from price_server import PriceServer, price_server
from spillover.adapters.aws_prices import fetch_prices
from spillover.adapters.price_catalogue import (
    Catalogue,
    Change,
    Price,
    Shape,
    Sheet,
    load_catalogue,
    refreshed_file,
    save_catalogue,
)
from spillover.domain.pool import Market
from spillover.errors import BadArgument, ProviderError

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
OD, SPOT = Market.ON_DEMAND, Market.SPOT


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    """boto3 finds its keys and this server in the environment."""
    with price_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
        yield server


def one(usd: float, day: int, name: str = "a.large", region: str = "r", market: Market = OD) -> Catalogue:
    """A catalogue with one price."""
    return Catalogue({}, {(market, region): Sheet(date(2026, 1, day), {name: usd})})


# what ships


def test_what_ships_is_dated_and_whole() -> None:
    """Every price is of a day, above zero, and of a type whose shape is known; spot is below on demand."""
    catalogue = load_catalogue()
    assert catalogue.regions() == ["eu-west-1", "us-east-1", "us-west-2"]
    for (market, region), sheet in catalogue.sheets.items():
        assert date(2025, 1, 1) < sheet.as_of < date(2026, 12, 1)
        for name, usd in sheet.usd_per_hour.items():
            shape, on_demand = catalogue.shapes[name], catalogue.price(name, region, OD)
            assert shape.vcpus > 0
            assert bool(shape.gpus) == bool(shape.gpu) == name.startswith(("g", "p"))
            assert on_demand is not None
            assert 0 < usd < on_demand.usd_per_hour if market is SPOT else 0 < usd < 100


@pytest.mark.parametrize("family", ["m5", "m6i", "m7i", "c5", "c6i", "c7i", "r5", "r6i", "r7i"])
def test_prices_of_a_cpu_family_grow_with_its_size(family: str) -> None:
    """AWS lists them in proportion to vCPUs: a slip of a digit would show."""
    catalogue = load_catalogue()
    for region in catalogue.regions():
        names = [n for n in catalogue.types(region) if n.startswith(f"{family}.")]
        per_vcpu = [catalogue.sheets[OD, region].usd_per_hour[n] / catalogue.shapes[n].vcpus for n in names]
        assert all(a == pytest.approx(b, rel=1e-3) for a, b in pairwise(per_vcpu))
        assert names == sorted(names, key=lambda n: catalogue.shapes[n].vcpus)


@pytest.mark.parametrize(
    ("name", "region", "market", "usd", "day"),
    [
        ("m5.large", "us-west-2", OD, 0.096, date(2026, 1, 19)),
        ("p4d.24xlarge", "us-east-1", OD, 21.957642, date(2026, 1, 19)),
        ("g4dn.xlarge", "eu-west-1", OD, 0.587, date(2025, 5, 15)),
        ("g5.xlarge", "us-west-2", SPOT, 0.3732, date(2025, 5, 15)),
    ],
)
def test_known_prices(name: str, region: str, market: Market, usd: float, day: date) -> None:
    """Prices that AWS's price list and spot history showed."""
    assert load_catalogue().price(name, region, market) == Price(usd, day)


def test_what_is_not_known_has_no_price() -> None:
    """Neither an unknown type nor an unknown region."""
    assert load_catalogue().price("x9.huge", "us-west-2", OD) is None
    assert load_catalogue().price("m5.large", "mars-1", OD) is None


# one over the other


@pytest.mark.parametrize(("day", "usd"), [(1, 1.0), (2, 9.0), (3, 9.0)])
def test_the_newer_sheet_wins(day: int, usd: float) -> None:
    """Of the same day it is the one that is laid over the other; other regions and markets are kept."""
    both = one(1.0, 2).with_newer(one(9.0, day)).with_newer(one(5.0, 1, market=SPOT))
    assert both.price("a.large", "r", OD) == Price(usd, date(2026, 1, max(day, 2)))
    assert both.price("a.large", "r", SPOT) == Price(5.0, date(2026, 1, 1))


def test_a_refreshed_catalogue_lies_in_the_state_folder(tmp_path: Path) -> None:
    """What is saved is read again over what ships, and no part of a file is left beside it."""
    newer = Catalogue(
        {"g5.xlarge": Shape(4, 16.0, 1)}, {(OD, "us-west-2"): Sheet(date(2026, 11, 25), {"g5.xlarge": 2.5})}
    )
    assert save_catalogue(newer, tmp_path) == refreshed_file(tmp_path)
    assert [f.name for f in refreshed_file(tmp_path).parent.iterdir()] == ["aws.json"]
    loaded = load_catalogue(tmp_path)
    assert loaded.price("g5.xlarge", "us-west-2", OD) == Price(2.5, date(2026, 11, 25))
    assert loaded.price("g5.xlarge", "us-east-1", OD) == Price(1.006, date(2026, 1, 19))
    assert loaded.shapes["g5.xlarge"].gpu == "A10G"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"types": {}}', '{"types": {}, "on_demand": {"r": {}}, "spot": {}}'])
def test_a_damaged_file_is_left_out_and_logged(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Prices that ship are used then, and the log names the file and the remedy."""
    refreshed_file(tmp_path).parent.mkdir()
    refreshed_file(tmp_path).write_text(text)
    assert load_catalogue(tmp_path) == load_catalogue()
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "prices/aws.json is no price catalogue" in caplog.text


def test_changes_are_what_differs() -> None:
    """New, gone and changed prices, and none that is the same on a newer day."""
    before = one(1.0, 1).with_newer(one(2.0, 1, region="s")).with_newer(one(3.0, 1, market=SPOT))
    after = one(1.5, 2).with_newer(one(2.0, 2, region="s")).with_newer(one(3.0, 2, "b.large", market=SPOT))
    assert after.changes_since(before) == [
        Change("a.large", "r", OD, 1.0, 1.5),
        Change("a.large", "r", SPOT, 3.0, None),
        Change("b.large", "r", SPOT, None, 3.0),
    ]


# what AWS answers


def test_both_apis_are_read_to_their_last_page(aws: PriceServer) -> None:
    """On demand: the price of an hour in dollars, not of reservations, and none that is zero. Spot: of each zone the
    newest, of these the median."""
    told: list[str] = []
    catalogue = fetch_prices(["us-west-2", "us-east-2"], told.append, NOW)
    today = date(2026, 11, 25)
    west = {"g5.xlarge": 2.012, "m5.large": 0.096, "p4d.24xlarge": 21.957642, "z9.new": 0.5}
    assert catalogue.sheets == {
        (OD, "us-west-2"): Sheet(today, west),
        (SPOT, "us-west-2"): Sheet(today, {"g5.xlarge": 0.6, "m5.large": 0.04}),
        (OD, "us-east-2"): Sheet(today, {"m5.large": 0.096}),
        (SPOT, "us-east-2"): Sheet(today, {"m5.large": 0.03}),
    }
    assert catalogue.shapes["p4d.24xlarge"] == Shape(96, 1152.0, 8)
    assert catalogue.shapes["m5.large"] == Shape(2, 8.0, 0)
    assert told[:3] == [f"us-west-2: {n} entries of the price list" for n in (2, 4, 5)]
    assert aws.asked.count(("GetProducts", "us-west-2")) == 3
    assert aws.asked.count(("DescribeSpotPriceHistory", "us-west-2")) == 3


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("GetProducts", "GetProducts: AccessDeniedException: not for you"),
        ("DescribeSpotPriceHistory", "DescribeSpotPriceHistory: UnauthorizedOperation: not for you"),
    ],
)
def test_a_refusal_is_told(call: str, said: str, aws: PriceServer) -> None:
    """With the call, and AWS's code and message."""
    aws.refuse = call
    with pytest.raises(ProviderError, match=f"^{said}$"):
        fetch_prices(["us-west-2"], lambda _: None, NOW)


def test_a_region_without_prices_is_an_error(aws: PriceServer) -> None:
    """An empty answer must not pass for a region where everything is gone."""
    aws.products.clear()
    with pytest.raises(ProviderError, match="price list of us-west-2 is empty"):
        fetch_prices(["us-west-2"], lambda _: None, NOW)


def test_an_unknown_region_is_told_before_anybody_is_asked(aws: PriceServer) -> None:
    """With the nearest known one."""
    with pytest.raises(BadArgument, match="'us-wset-2' is no region of AWS; did you mean 'us-west-2'"):
        fetch_prices(["us-east-2", "us-wset-2"], lambda _: None, NOW)
    assert aws.asked == []


def test_the_file_that_ships_says_what_it_is() -> None:
    """Where prices are from, that spot prices are snapshots, and how to take new ones."""
    file = Path(__file__).parents[3] / "platform/spillover/data/prices/aws.json"
    about = " ".join(json.loads(file.read_text())["about"])
    assert "spot: snapshots" in about
    assert "`spillover prices refresh`" in about
