"""Settings in a folder of their own, and a closer look at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkup_settings import CLUSTER, SETTINGS

from spillover.checkup import look
from spillover.config import read_settings


class Site:
    """`s.yaml` and `c.yaml`, to be changed and looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("c.yaml", CLUSTER)
        self.write("s.yaml", SETTINGS)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def change(self, old: str, new: str, name: str = "s.yaml") -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def look(self, *overrides: str) -> list[str]:
        """What is found, with the folder left out of file names."""
        reading = read_settings(self.folder / "s.yaml", overrides, {})
        return [str(finding).replace(f"{self.folder}/", "") for finding in look(reading)]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
