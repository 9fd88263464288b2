"""What control knows of a served application at this instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...domain.job import JobView
from ...domain.serving import Application


@dataclass(frozen=True)
class AppState:
    """An application with its replicas, and what its pools say of it.

    `seen` is each pool's own ApplicationDetails (Ray's JSON). `sentence` is what the plan last said. `queued` requests
    wait in the data plane, `ongoing` are at each pool now.
    """

    application: Application
    replicas: Sequence[JobView] = ()
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sentence: str = ""
    queued: int = 0
    ongoing: Mapping[str, int] = field(default_factory=dict)
