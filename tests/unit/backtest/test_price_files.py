"""Prices and spot markets from files, and the world of the settings."""

import json

import pytest

from spillover.backtest.own_world import own_world
from spillover.backtest.prices import default_source, read_prices
from spillover.backtest.spot import read_spot
from spillover.backtest.world import World
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Resources
from spillover.errors import BadArgument


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.yaml", "on_demand: 2.5\nspot: 0.8\nowned: 0.9\negress_per_gb: 0.02\n"),
        ("p.json", '{"on_demand": 2.5, "spot": 0.8, "owned": 0.9, "egress_per_gb": 0.02}'),
        ("p.csv", "market,usd\non_demand,2.5\nspot,0.8\nowned,0.9\negress_per_gb,0.02\n"),
        ("q.csv", "on_demand,2.5\nspot,0.8\nowned,0.9\negress_per_gb,0.02\n"),
    ],
)
def test_a_list_of_prices(name, text, tmp_path):
    """YAML, JSON and CSV, with a header or without, say the same."""
    (tmp_path / name).write_text(text)
    prices = read_prices(tmp_path / name, None)
    world = prices.put_on(World(1))
    assert (world.on_demand_usd, world.spot_usd, world.owned_usd, world.egress_usd_per_gb) == (2.5, 0.8, 0.9, 0.02)
    assert f"on_demand $2.5, spot $0.8, owned $0.9, egress_per_gb $0.02 from {name}" in prices.source


def test_prices_of_an_instance_type():
    """The package's catalogue prices one GPU of a type, with the day of the price."""
    prices = read_prices(None, "p3.16xlarge")
    assert prices.usd["on_demand_usd"] == pytest.approx(24.48 / 8)
    assert "prices a GPU-hour of p3.16xlarge in us-east-1: on demand $3.06 (of 20" in prices.source
    assert "$3.06 a GPU-hour on demand" in default_source(World(1))


@pytest.mark.parametrize(
    ("text", "instance", "message"),
    [
        ("on_demnd: 1", None, "nothing is called 'on_demnd'; did you mean 'on_demand'?"),
        ("on_demand: -1", None, "on_demand is -1; write US dollars"),
        ("[1]", None, "hold no names with prices"),
        ("a: [", None, "are neither YAML nor JSON"),
        ("on_demand: 1", "p3.2xlarge", "is no catalogue of instance types"),
        ("types: {}", None, "is a catalogue: say which type is rented"),
    ],
)
def test_wrong_price_files_are_refused(text, instance, message, tmp_path):
    """The file, the name and the value are named."""
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(BadArgument) as refused:
        read_prices(tmp_path / "p.yaml", instance)
    assert message in str(refused.value)


def test_types_and_regions_that_the_catalogue_does_not_have(tmp_path):
    """The nearest type, and a region that has a price, are told."""
    with pytest.raises(BadArgument, match=r"did you mean 'p3\.16xlarge'"):
        read_prices(None, "p3.16xlage")
    with pytest.raises(BadArgument, match=r"no price of p3.16xlarge on demand in mars-1; it does in us-east-1"):
        read_prices(None, "p3.16xlarge", "mars-1")
    with pytest.raises(BadArgument, match="cannot be read"):
        read_prices(tmp_path / "none.yaml", None)


def spot_folder(tmp_path, *names, data=(1, 0, 1)):
    (tmp_path / "availability").mkdir(exist_ok=True)
    for name in names:
        text = json.dumps({"metadata": {"gap_seconds": 60}, "data": list(data)})
        (tmp_path / "availability" / name).write_text(text)
    return tmp_path


def test_spot_zones_that_start_together(tmp_path):
    """The largest set of the same day and shape is taken, what is left out is said; a price holds until the next."""
    names = [f"1-node__aws-02-15-2023__us-east-1{zone}_v100_1.json" for zone in "ab"]
    folder = spot_folder(tmp_path, *names, "1-node__aws-10-26-2022__us-west-2a_v100_1.json")
    (folder / "price").mkdir()
    rows = [
        "instance_type,availability_zone,timestamp_utc,usd_per_h",
        "p3.2xlarge,us-east-1a,2020-01-01T00:00:00.000Z,1.0",
        "p3.2xlarge,us-east-1a,2020-01-01T03:00:00.000Z,9.0",
        "p3.2xlarge,us-east-1a,2020-01-01T04:00:00.000Z,9.0",
        "p3.16xlarge,us-east-1a,2020-01-01T00:00:00.000Z,8.8",
        "p2.xlarge,us-east-1a,2020-01-01T00:00:00.000Z,77",
    ]
    (folder / "price/p.csv").write_text("\n".join(rows))
    spot = read_spot(folder)
    assert [(z.name, z.tick_s, z.free.tolist()) for z in spot.zones] == [
        ("us-east-1a", 60, [1, 0, 1]), ("us-east-1b", 60, [1, 0, 1]),
    ]  # fmt: skip
    assert spot.usd == pytest.approx((1.0 + 1.1) / 2)
    assert "not recorded at the same time" in spot.source
    assert "1 other files do not start with them" in spot.source


def test_spot_folders_without_traces_or_prices(tmp_path):
    """An empty folder and a broken file are named; without prices the world keeps its own."""
    with pytest.raises(BadArgument, match="no file in it is named as availability/"):
        read_spot(tmp_path)
    name = "1-node__aws-02-15-2023__us-east-1a_v100_1.json"
    assert read_spot(spot_folder(tmp_path, name)).usd is None
    (tmp_path / "availability" / name).write_text("{}")
    with pytest.raises(BadArgument, match="is no spot trace"):
        read_spot(tmp_path)


def pool(name, role, *types, **more):
    return Pool(name, PoolKind.ATTACHED, PoolRole(role), types, **more)


def node_type(name, gpus, market, usd, count):
    return NodeType(name, Resources({"GPU": gpus, "CPU": 8 * gpus}), Market(market), usd, count)


def test_the_settings_are_a_world():
    """Owned nodes are counted in those of the type that holds most; rented ones at the cheapest price of each market."""
    pools = [
        pool("a", "baseline", node_type("big", 8, "owned", 8.0, 4), node_type("small", 2, "owned", 4.0, 4)),
        pool(
            "cloud",
            "burst",
            node_type("od", 8, "on_demand", 24.0, 5),
            node_type("sp", 4, "spot", 4.0, 10),
            startup_s=90.0,
            idle_timeout_s=30.0,
        ),
    ]
    world, notes = own_world(pools, "gpus")
    assert (world.nodes, world.gpus_per_node, world.owned_usd) == (5, 8, pytest.approx((32 + 16) / 40))
    assert (world.on_demand_usd, world.spot_usd, world.cloud_sizes) == (3.0, 1.0, (4, 8))
    assert (world.startup_s, world.idle_timeout_s, world.max_cloud_gpus) == (90, 30, 80)
    assert "owned: 5 nodes with 8 GPU each, from a of the settings" in notes
    assert own_world(pools, "cpus")[0].gpus_per_node == 64


def test_settings_that_rent_nothing_or_own_nothing():
    """Without a rented pool nothing bursts; without an owned one that has any, the replay needs to be told its size."""
    world, notes = own_world([pool("a", "baseline", node_type("t", 8, "owned", 8.0, 4))], "gpus")
    assert world.max_cloud_gpus == 0
    assert "the settings have no pool to rent: nothing bursts" in notes
    with pytest.raises(BadArgument, match="no owned pool of the settings has a GPU; say --nodes"):
        own_world([pool("c", "burst", node_type("t", 8, "spot", 8.0, 4))], "gpus")
