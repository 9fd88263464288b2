"""The cluster YAML as a template, and the cap that a lease puts on it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from spillover.adapters.ray_launcher import write_config

EMBEDDED = Path(__file__).parents[3] / "clusters" / "embedded.yaml"


@pytest.fixture
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(EMBEDDED.read_text())
    return loaded


def test_the_embedded_cluster_is_valid_for_ray(template: dict[str, Any]) -> None:
    """Ray's own schema accepts clusters/embedded.yaml."""
    validate_config(prepare_config(template))


@pytest.mark.parametrize(("cap", "types"), [(0, (0, 0)), (1, (1, 1)), (9, (2, 9))])
def test_a_cap_bounds_the_cluster_and_every_type(
    template: dict[str, Any], tmp_path: Path, cap: int, types: tuple[int, int]
) -> None:
    """The cap is the cluster's max_workers; types keep a lower bound of their own; the head is left alone."""
    template["available_node_types"]["spot"] = {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 3}
    write_config(template, tmp_path / "c.yaml", max_workers=cap)
    written = yaml.safe_load((tmp_path / "c.yaml").read_text())
    nodes = written["available_node_types"]
    assert written["max_workers"] == cap
    assert (nodes["worker"]["max_workers"], nodes["spot"]["max_workers"]) == types
    assert nodes["spot"]["min_workers"] == min(3, cap)
    assert nodes["head"] == template["available_node_types"]["head"]
    validate_config(prepare_config(written))


def test_a_written_config_is_private_and_whole(template: dict[str, Any], tmp_path: Path) -> None:
    """The file may hold credentials: its owner alone reads it, no draft stays, and the template is unchanged."""
    write_config(template, tmp_path / "c.yaml", max_workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]
    assert (tmp_path / "c.yaml").stat().st_mode & 0o777 == 0o600
    assert template == yaml.safe_load(EMBEDDED.read_text())
