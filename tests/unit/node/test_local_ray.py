"""The `ray` that starts a local node."""

import subprocess
from pathlib import Path

from spillover.node.local_ray import write_ray


def test_it_is_rays_own_command_line(tmp_path: Path) -> None:
    """What is written runs as Ray's command line does, and is written again over an older one."""
    for node in ("n1", "n2"):
        write_ray(tmp_path / "bin", node)
    said = subprocess.run([str(tmp_path / "bin" / "ray"), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("ray, version 2.60")
    assert '"runtime_resources/n2"' in (tmp_path / "bin" / "ray").read_text()
