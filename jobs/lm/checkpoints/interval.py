"""How long to train between checkpoints: a balance of what they cost and of what an interruption loses.

J. W. Young, "A first order approximation to the optimum checkpoint interval", CACM 17(9), 1974. J. T. Daly, "A higher
order estimate of the optimum checkpoint interval for restart dumps", Future Generation Computer Systems 22(3), 2006.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

FIRST_S = 30.0  # of an automatic interval, until a checkpoint has shown what it costs
LONGEST_S = 3600.0  # of an automatic interval: not every end is foreseen by the rate of interruptions
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|steps?)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def young_s(cost_s: float, mtbf_s: float) -> float:
    """Time to train between two checkpoints: sqrt(2 C M), for a cost C far below the mean time M between failures."""
    return math.sqrt(2 * cost_s * mtbf_s)


def daly_s(cost_s: float, mtbf_s: float) -> float:
    """The same where C is not far below M: sqrt(2 C M) (1 + 1/3 sqrt(C / 2M) + C / 18M) - C, and M from C = 2M on."""
    if cost_s >= 2 * mtbf_s:
        return mtbf_s
    share = cost_s / (2 * mtbf_s)
    return young_s(cost_s, mtbf_s) * (1 + math.sqrt(share) / 3 + share / 9) - cost_s


@dataclass
class Interval:
    """When the next checkpoint is due. Times are seconds of whatever clock the caller reads.

    `of` parses `auto`, `10min`, `200 steps` or `never`. `auto` takes Daly's interval for what a checkpoint stalls the
    training: that is its cost, whether it is written meanwhile or not. It is never shorter than writing one takes, for
    they would wait for each other.
    """

    seconds: float = math.inf
    steps: int = 0
    mtbf_s: float = math.inf  # of the whole job: any node that goes interrupts it
    is_automatic: bool = False
    since_step: int = 0
    since: float = 0.0

    @classmethod
    def of(cls, text: str, interruptions_per_hour: float) -> Interval:
        """`interruptions_per_hour` of all nodes together. Raises ValueError for another text."""
        if text == "never":
            return cls()
        if text == "auto":
            mtbf_s = 3600 / interruptions_per_hour if interruptions_per_hour > 0 else math.inf
            return cls(seconds=FIRST_S, mtbf_s=mtbf_s, is_automatic=True)
        found = _LENGTH.fullmatch(text.strip())
        if found is None or float(found[1]) <= 0:
            raise ValueError(
                f"every={text}: takes auto, never, a time such as 10min, 600s or 1h, or a number such as 200 steps"
            )
        if not found[2].startswith("step"):
            return cls(seconds=float(found[1]) * _SECONDS[found[2]])
        if not found[1].isdigit():
            raise ValueError(f"every={text}: a number of steps is whole")
        return cls(steps=int(found[1]))

    def start(self, step: int, now: float) -> None:
        """Count from here: the training begins, or a checkpoint was taken."""
        self.since_step, self.since = step, now

    def measured(self, stall_s: float, write_s: float) -> None:
        """What a checkpoint cost: how long the training stood still, and how long until it was committed."""
        if self.is_automatic:
            best_s = daly_s(stall_s, self.mtbf_s) if math.isfinite(self.mtbf_s) else math.inf
            self.seconds = max(min(best_s, LONGEST_S), stall_s, write_s)

    def due(self, step: int, now: float) -> bool:
        if self.steps:
            return step >= self.since_step + self.steps
        return now >= self.since + self.seconds

    def next_in(self, step: int, now: float) -> str:
        """For people: `35 s`, `4 min`, `120 steps` or `never`."""
        if self.steps:
            return f"{max(0, self.since_step + self.steps - step)} steps"
        if math.isinf(self.seconds):
            return "never"
        return _shown(max(0, round(self.since + self.seconds - now)))


def _shown(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min"
