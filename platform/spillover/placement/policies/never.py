"""Never pay: all work waits for owned room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..codes import Reason
from ..snapshot import QueuedJob
from .base import Context, Judgement
from .facts import WAIT, Facts

_WAITS = Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence="the policy 'never' rents nothing")
_STUCK = Judgement(
    burst=False,
    reason=Reason.NEVER_BURSTS,
    sentence="only rented pools could run it, and the policy 'never' rents nothing",
)


def rule(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:  # noqa: ARG001 -- the port's shape
    """Wait, whatever the facts. It has no knobs."""
    return WAIT, math.inf


@dataclass(frozen=True)
class Never:
    """Waits, whatever the queue. A job that only rented pools could run waits until the policy is changed."""

    name: ClassVar[str] = "never"
    rule = staticmethod(rule)
    steady: ClassVar[bool] = True
    knobs: ClassVar[tuple[float, ...]] = ()

    def judge(self, job: QueuedJob, context: Context) -> Judgement:  # the port's shape
        """Always wait."""
        return _WAITS if context.baseline else _STUCK


POLICY = Never
