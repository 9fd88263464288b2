"""Pay at once: what has no owned room now is rented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..codes import Reason
from ..snapshot import QueuedJob
from .base import Context, Judgement

_BURSTS = Judgement(
    burst=True,
    reason="burst_immediate",
    sentence="there is no owned room for it now and the policy 'immediate' never waits",
)
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")


@dataclass(frozen=True)
class Immediate:
    """Bursts every job that does not fit on a baseline pool right now."""

    name: ClassVar[str] = "immediate"

    def judge(self, job: QueuedJob, context: Context) -> Judgement:  # the port's shape
        """Always burst."""
        return _BURSTS if context.baseline else _ONLY


POLICY = Immediate
