"""A small settings file in a folder of its own, and a way to read what is wrong with one."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from spillover.config import load_settings, read_settings
from spillover.errors import SettingsError

CLUSTER = """\
cluster_name: small
max_workers: 3
provider: {type: aws, region: eu-west-1}
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {}}
  worker: {resources: {CPU: 4}, node_config: {}, labels: {zone: a}}
"""

SETTINGS = """\
defaults: {demand: "1x{CPU:1}"}
teams: {default: {may_burst: true}}
pools:
  onprem:
    kind: launched
    role: baseline
    cluster: clusters/small.yaml
    head_price_usd_per_hour: 0
    node_types:
      worker: {market: owned, price_usd_per_hour: 0.2}
"""


class Folder:
    """Writes settings as `s.yaml` beside `clusters/small.yaml`, and loads them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "clusters").mkdir()
        self.write("clusters/small.yaml", CLUSTER)
        self.write("s.yaml", SETTINGS)

    def write(self, name: str, text: str) -> Path:
        (self.path / name).write_text(textwrap.dedent(text))
        return self.path / name

    def load(self, *overrides: str, environ: dict[str, str] | None = None):
        return load_settings(self.path / "s.yaml", overrides, environ or {})

    def mistakes(self, *overrides: str, environ: dict[str, str] | None = None) -> list[str]:
        """The mistakes with the folder left out of file names."""
        with pytest.raises(SettingsError) as caught:
            self.load(*overrides, environ=environ)
        return [line.replace(f"{self.path}/", "") for line in caught.value.mistakes]

    def findings(self, *overrides: str) -> list[str]:
        """Mistakes and warnings, with the folder left out of file names."""
        found = read_settings(self.path / "s.yaml", overrides, {}).told()
        return [str(finding).replace(f"{self.path}/", "") for finding in found]

    def change(self, old: str, new: str, name: str = "s.yaml") -> None:
        """Replace a part of the settings, or of another file."""
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
