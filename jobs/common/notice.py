"""When to write a checkpoint because a node is about to be taken away. No Ray and no torch in here.

Two are written: one as soon as the notice is heard, for nobody promises that the deadline will be kept, and
one just before the deadline, so that the time in between is not lost.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

ASK_EVERY_S = 1.0  # asking is a round trip to Ray for every rank, so not at every step
MARGIN_S = 5.0  # what the last checkpoint has to spare, besides twice the time that the first one took
NEVER = float("inf")


class Act(IntEnum):
    """What all ranks do next. A number, for rank 0 sends it to the others."""

    GO_ON = 0
    ASK = 1
    SAVE_AND_WAIT = 2


class Notice:
    """What is known of the node that goes. All times are Unix times, in seconds."""

    def __init__(self) -> None:
        self.deadline = NEVER
        self.write_s = 0.0
        self._heard: Any = None
        self._ask_at = 0.0
        self._acted_at = NEVER

    def act(self, now: float) -> Act:
        """To be called after every step. There is another one if it fits in before the last checkpoint."""
        step_s = max(0.0, now - self._acted_at)
        self._acted_at = now
        if now + step_s >= self.deadline - MARGIN_S - 2 * self.write_s:
            return Act.SAVE_AND_WAIT
        if now >= self._ask_at:
            self._ask_at = now + ASK_EVERY_S
            return Act.ASK
        return Act.GO_ON

    def hear(self, info: Any) -> bool:
        """Take in Ray's answer (`ray.train.PreemptionInfo` or None); true if it is news.

        Without a deadline the node may go at any time, so no last checkpoint can be planned.
        """
        if info is None or info == self._heard:
            return False
        self._heard = info
        self.deadline = info.deadline_ms / 1000 if info.deadline_ms else NEVER
        return True

    def left(self, now: float) -> str:
        """How far away the deadline is, in words."""
        return "no deadline given" if self.deadline == NEVER else f"{self.deadline - now:.1f} s before the deadline"

    def wrote(self, seconds: float) -> None:
        """How long a checkpoint took, until it was safe."""
        self.write_s = max(self.write_s, seconds)
