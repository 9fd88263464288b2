"""The environment of the laptop: the machine of the person who runs Spillover and `ray up`."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path


def environment(folder: Path) -> dict[str, str]:
    """A HOME and a TMPDIR of its own, this Python's programs first in PATH, and no cloud, proxy or Ray of yours.

    `ray up` writes keys to ~/.ssh and its cache of configs to TMPDIR; boto3 reads ~/.aws. Ray keeps SSH connections
    open in /tmp, by user, cluster and address: each test bed is a user of its own, and shares none with another.
    """
    home = folder / "laptop"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    strange = ("AWS_", "RAY_", "SPILLOVER_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(strange)}
    return {
        **kept,
        "PATH": f"{sys.prefix}/bin:{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
        "HOME": str(home),
        "LOGNAME": f"testbed-{hashlib.sha1(os.fsencode(folder)).hexdigest()[:8]}",
        "TMPDIR": str(home / "tmp"),
        "RAY_TMPDIR": str(home / "tmp"),
        "RAY_USAGE_STATS_ENABLED": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
