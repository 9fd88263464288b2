"""Pay at once: what has no owned room now is rented."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..codes import Reason
from ..snapshot import QueuedJob
from .base import Context, Judgement
from .facts import ON_DEMAND, Facts

_BURSTS = Judgement(
    burst=True,
    reason="burst_immediate",
    sentence="there is no owned room for it now and the policy 'immediate' never waits",
)
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")


def rule(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:  # noqa: ARG001 -- the port's shape
    """Rent on demand, whatever the facts. It has no knobs."""
    return ON_DEMAND, math.inf


@dataclass(frozen=True)
class Immediate:
    """Bursts every job that does not fit on a baseline pool right now."""

    name: ClassVar[str] = "immediate"
    rule = staticmethod(rule)
    steady: ClassVar[bool] = True
    knobs: ClassVar[tuple[float, ...]] = ()

    def judge(self, job: QueuedJob, context: Context) -> Judgement:  # the port's shape
        """Always burst."""
        return _BURSTS if context.baseline else _ONLY


POLICY = Immediate
