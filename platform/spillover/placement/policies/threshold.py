"""Pay when the queue is long or old enough: rules of depth and age, as LSF's resource connector has them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from ...units import parse_duration
from ..codes import Reason
from ..forecast import span
from ..sentences import clock
from ..snapshot import QueuedJob
from .base import Context, Judgement, is_number, setting

Rule = tuple[int, float]
"""So many jobs that have waited for at least so many seconds."""

_WORDS = re.compile(r"(?P<jobs>\d+) jobs? (?:older than (?P<age>\S.*)|of any age)")
_WAIT = False
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")


@dataclass(frozen=True)
class Threshold:
    """A job bursts when any rule `(jobs, older_than_s)` holds for the queue up to and including that job.

    Counted are the job itself and those that wait ahead of it. A job that bursts leaves the queue, so a rule keeps
    fewer than `jobs` jobs of that age waiting, and the first ones in the queue stay for the owned room. Age is the
    time since submission; 0 seconds means any age. A job that no baseline pool could ever run has nothing to wait
    for and bursts at once. Default: 5 jobs over 10 minutes, or 1 over an hour, or 100 of any age.
    """

    name: ClassVar[str] = "threshold"
    rules: Sequence[Rule] = setting(
        "rules in words as in the default, or pairs of jobs and seconds as in `[5, 600]`; any one that holds is enough",
        default=((5, 600.0), (1, 3600.0), (100, 0.0)),
        shown="`5 jobs older than 10min`, `1 job older than 1h`, `100 jobs of any age`",
    )

    def __post_init__(self) -> None:
        """Raises ValueError that names the rule at fault."""
        if isinstance(self.rules, str) or not isinstance(self.rules, Sequence) or not self.rules:
            raise ValueError(f"rules are {self.rules!r}; write at least one pair of jobs and seconds, as in [[5, 600]]")
        object.__setattr__(self, "rules", tuple(_checked(rule) for rule in self.rules))

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Burst if a rule holds now, else wait until the first that would."""
        if not context.baseline:
            return _ONLY
        soonest, why = math.inf, self.rules[0]
        for rule in self.rules:
            at = _holds_at(rule, job.submitted_at, context)
            if at <= context.now:
                return Judgement(burst=True, reason="burst_threshold", sentence=_held(*rule))
            if at < soonest:
                soonest, why = at, rule
        if soonest == math.inf:
            return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=_all_rules(self.rules))
        will, because = _will(*why)
        return Judgement(_WAIT, Reason.WAITS_BASELINE, f"{will} {clock(soonest, context.now)} {because}", soonest)


def _holds_at(rule: Rule, submitted_at: float, context: Context) -> float:
    """When the rule holds for this job (Unix seconds), if nobody ahead of it starts meanwhile; infinite if never.

    Those ahead may burst first and leave, so for a later time than now the job needs its own age and that of the
    `jobs - 1` oldest ahead of it. For a rule of one job that is a promise: its own age alone is counted.
    """
    jobs, older_than_s = rule
    ahead = context.ahead
    if len(ahead) >= jobs and ahead[jobs - 1] + older_than_s <= context.now:
        return context.now
    if jobs == 1:
        return submitted_at + older_than_s
    if len(ahead) < jobs - 1:
        return math.inf
    return max(submitted_at, ahead[jobs - 2]) + older_than_s


def _checked(rule: object) -> Rule:
    pair = _read(rule) if isinstance(rule, str) else rule
    if not isinstance(pair, Sequence) or len(pair) != 2:
        raise ValueError(f"rule {rule!r} is no pair of jobs and seconds, as in [5, 600] or '5 jobs older than 10min'")
    jobs, older_than_s = pair
    if not is_number(jobs) or jobs != int(jobs) or jobs < 1:
        raise ValueError(f"rule {rule!r}: {jobs!r} jobs; write a whole number of at least 1")
    if not is_number(older_than_s) or older_than_s < 0:
        raise ValueError(f"rule {rule!r}: older than {older_than_s!r} s; write seconds, 0 for any age")
    return int(jobs), float(older_than_s)


def _read(text: str) -> tuple[int, float] | None:
    """A rule in words, `5 jobs older than 10min` or `100 jobs of any age`; None if it is none."""
    match = _WORDS.fullmatch(text.strip())
    if not match:
        return None
    return int(match["jobs"]), parse_duration(match["age"]) if match["age"] else 0.0


@lru_cache(maxsize=64)
def _held(jobs: int, older_than_s: float) -> str:
    verb = "has" if jobs == 1 else "have"
    if older_than_s == 0:
        return f"{_jobs(jobs)} wait" if jobs > 1 else "it has no owned room now"
    return f"{_jobs(jobs)} {verb} waited over {span(older_than_s)}"


@lru_cache(maxsize=64)
def _will(jobs: int, older_than_s: float) -> tuple[str, str]:
    bound = "at the latest at" if jobs == 1 else "as things stand at"
    return f"threshold bursts it {bound}", f"({_rule(jobs, older_than_s)})"


@lru_cache(maxsize=64)
def _all_rules(rules: tuple[Rule, ...]) -> str:
    return "threshold bursts at " + " or ".join(_rule(*rule) for rule in rules)


def _rule(jobs: int, older_than_s: float) -> str:
    return f"{_jobs(jobs)} older than {span(older_than_s)}" if older_than_s else f"{_jobs(jobs)} waiting"


def _jobs(jobs: int) -> str:
    return f"{jobs} job{'s' if jobs > 1 else ''}"


POLICY = Threshold
