"""Never pay: all work waits for owned room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..codes import Reason
from ..snapshot import QueuedJob
from .base import Context, Judgement

_WAITS = Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence="the policy 'never' rents nothing")
_STUCK = Judgement(
    burst=False,
    reason=Reason.NEVER_BURSTS,
    sentence="only rented pools could run it, and the policy 'never' rents nothing",
)


@dataclass(frozen=True)
class Never:
    """Waits, whatever the queue. A job that only rented pools could run waits until the policy is changed."""

    name: ClassVar[str] = "never"

    def judge(self, job: QueuedJob, context: Context) -> Judgement:  # the port's shape
        """Always wait."""
        return _WAITS if context.baseline else _STUCK


POLICY = Never
