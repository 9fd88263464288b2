"""What settings say about data, checkpoints and interruptions reaches placement."""

from pathlib import Path

import pytest

from spillover.bootstrap.settings import control_settings, make_pool
from spillover.config import load_settings
from spillover.domain.data import Place
from spillover.domain.pool import Pool
from spillover.domain.terms import Terms
from spillover.errors import SettingsError

NODE = "max_nodes: 1, price_usd_per_hour: 1, resources: {GPU: 8}"
SETTINGS = f"""
defaults: {{demand: "1x{{CPU:1}}", MORE}}
teams: {{default: {{may_burst: true}}}}
DATA
pools:
  own:
    {{kind: attached, role: baseline, address: "http://h:1", head_price_usd_per_hour: 0,
     node_types: {{gpu: {{market: owned, {NODE}}}}}}}
  aws:
    {{kind: attached, role: burst, address: "http://h:2", head_price_usd_per_hour: 0, POOL
     node_types: {{spot: {{market: spot, {NODE} TYPE}}, od: {{market: on_demand, {NODE}}}}}}}
"""


def read(tmp_path: Path, **said: str) -> tuple[Terms, dict[str, Pool]]:
    text = SETTINGS
    for mark in ("MORE", "DATA", "POOL", "TYPE"):
        text = text.replace(mark, said.get(mark.lower(), ""))
    (tmp_path / "s.yaml").write_text(text)
    settings = load_settings(tmp_path / "s.yaml", (), {})
    return control_settings(settings).terms, {name: make_pool(name, raw) for name, raw in settings.pools.items()}


def test_what_is_not_said_is_assumed(tmp_path: Path) -> None:
    """Rented pools charge what clouds do, owned ones nothing; spot nodes are taken back as the traces say."""
    terms, pools = read(tmp_path)
    assert terms == Terms(600.0, 10.0, 120.0, 360.0)
    assert (pools["aws"].egress_usd_per_gb, pools["aws"].storage_usd_per_gb_month) == (0.09, 0.023)
    assert (pools["own"].egress_usd_per_gb, pools["own"].storage_usd_per_gb_month) == (0.0, 0.0)
    assert [t.interruptions_per_hour for t in pools["aws"].node_types] == [0.3, 0.0]
    assert pools["aws"].gbit_per_s == 5.0


def test_what_is_said_counts(tmp_path: Path) -> None:
    """Each setting arrives, zero too; a place without a price has that of clouds."""
    terms, pools = read(
        tmp_path,
        more="checkpoint_every: 5min, checkpoint_gb: 3, restart: 30s, move: 1min",
        data="data: {'s3://a': {region: us-west-2}, 'nfs:/b': {region: here, egress_usd_per_gb: 0}}",
        pool="egress_usd_per_gb: 0, storage_usd_per_gb_month: 0.1, bandwidth_gbit: 25,",
        type=", interruptions_per_hour: 0",
    )
    places = (Place("s3://a", "us-west-2", 0.09), Place("nfs:/b", "here", 0.0))
    assert terms == Terms(300.0, 3.0, 30.0, 60.0, places)
    aws = pools["aws"]
    assert (aws.egress_usd_per_gb, aws.storage_usd_per_gb_month, aws.gbit_per_s) == (0.0, 0.1, 25.0)
    assert aws.node_types[0].interruptions_per_hour == 0.0


@pytest.mark.parametrize(
    ("where", "text"),
    [("pool", "bandwidth_gbit: 0,"), ("pool", "egress_usd_per_gb: yes,"), ("type", ", interruptions_per_hour: -1")],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, where: str, text: str) -> None:
    """A pool that reads nothing, a price that is no number, a rate below zero."""
    with pytest.raises(SettingsError, match=text.strip(", ").partition(":")[0]):
        read(tmp_path, **{where: text})
