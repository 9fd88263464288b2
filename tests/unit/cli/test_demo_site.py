import tempfile
from pathlib import Path

import pytest
import yaml

from spillover.bootstrap.settings import make_named_policy, make_pool
from spillover.cli.demo_site import CLOUD, ONPREM, Block, Site, cluster_config, end_site, prepare, still_there
from spillover.config import load_settings
from spillover.domain.pool import Market, PoolRole
from spillover.errors import SpilloverError
from spillover.node.local_layout import Layout

TEMPLATE = Path(__file__).parents[3] / "clusters" / "embedded.yaml"
BLOCKS = {ONPREM: Block(20000, "127.60.1"), CLOUD: Block(20400, "127.60.2")}


def test_the_settings_that_it_writes_are_right(tmp_path, monkeypatch):
    """What the demo writes loads without a mistake: one owned pool, one rented pool, and a policy that exists."""
    site = Site(Path("/tmp/sp0"))
    monkeypatch.setattr(Site, "settings_file", property(lambda _: tmp_path / "spillover.yaml"))
    monkeypatch.setattr(Site, "cluster_file", lambda _, name: tmp_path / f"{name}.yaml")
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    prepare(site, TEMPLATE, BLOCKS)
    settings = load_settings(site.settings_file, environ={})
    pools = {name: make_pool(name, raw) for name, raw in settings.pools.items()}
    assert pools[ONPREM].role is PoolRole.BASELINE
    assert pools[CLOUD].role is PoolRole.BURST
    assert [(t.market, t.max_nodes, t.resources["CPU"]) for t in pools[CLOUD].node_types] == [(Market.SPOT, 1, 2.0)]
    assert pools[ONPREM].dashboard_port != pools[CLOUD].dashboard_port
    assert make_named_policy(settings).name == "threshold"


def test_clusters_are_the_embedded_one_moved(tmp_path):
    """Only name, place, size and labels differ from clusters/embedded.yaml, which itself is not changed."""
    template = yaml.safe_load(TEMPLATE.read_text())
    before = yaml.safe_dump(template)
    onprem = cluster_config(template, ONPREM, tmp_path, BLOCKS[ONPREM])
    cloud = cluster_config(template, CLOUD, tmp_path, BLOCKS[CLOUD])
    assert yaml.safe_dump(template) == before
    workers = [config["available_node_types"]["worker"] for config in (onprem, cloud)]
    assert [(w["min_workers"], w["max_workers"]) for w in workers] == [(1, 1), (0, 1)]
    assert [w["labels"]["spillover.dev/market"] for w in workers] == ["owned", "spot"]
    assert onprem["head_start_ray_commands"] == template["head_start_ray_commands"]
    assert onprem["provider"]["net"] != cloud["provider"]["net"]


def test_roots_are_short_enough_for_rays_sockets():
    """A demo's root leaves Ray's sockets below the limit of 107 bytes."""
    for name in (ONPREM, CLOUD):
        Layout.of({"root": "/tmp/sp01234567", "port_base": 20000}, name)


def test_a_missing_template_says_what_to_do(tmp_path):
    """Outside a checkout the error names the file and the option."""
    with pytest.raises(SpilloverError, match=r"embedded\.yaml cannot be read.*--clusters DIR"):
        prepare(Site(tmp_path / "s"), tmp_path / "embedded.yaml", BLOCKS)


def test_a_place_where_nothing_began_is_clean():
    """Before anything was raised nothing is found, and ending it removes the folder alone."""
    site = Site(Path(tempfile.mkdtemp(dir="/tmp", prefix="sp")))  # pytest's own folders are too long for Ray
    assert still_there(site) == []
    assert end_site(site) == []
    assert not site.root.exists()
    assert end_site(site) == []
