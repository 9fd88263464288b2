"""The data plane of served applications, as the settings say."""

from __future__ import annotations

from pathlib import Path

from ..config import Settings
from ..dataplane.haproxy import HaproxyPlane


def make_dataplane(settings: Settings, state_dir: Path) -> HaproxyPlane:
    """Where it listens, with how many threads, and with the gateway's own certificate if there is one."""
    serving, tls = settings.serving, settings.listen.tls
    pair = (tls.certificate, tls.key) if tls else None
    return HaproxyPlane(state_dir / "dataplane", serving.host, serving.port, serving.threads, pair)
