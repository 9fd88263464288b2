"""Wait by the functions that Starburst publishes (ATC'24), for comparison: as its simulator has them, in hours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import ClassVar

from ..codes import Reason
from ..forecast import span
from ..sentences import clock
from ..snapshot import QueuedJob
from .base import Context, Judgement, is_number, setting
from .facts import ON_DEMAND, WAIT, Facts

_BURSTS = "burst_starburst"
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")


class Waiting(StrEnum):
    """Starburst's waiting functions, in the order of their knob. The artefact's simulator says `linear_` to three."""

    INFINITE = "infinite"
    ZERO = "zero"
    CONSTANT = "constant"
    RUNTIME = "runtime"
    CAPACITY = "capacity"
    COST = "cost"
    LOG_CAPACITY = "log_capacity"
    QUAD_CAPACITY = "quad_capacity"


_PLACE = {waiting: float(place) for place, waiting in enumerate(Waiting)}


def patience_s(place: float, coefficient: float, accelerators: float, runtime_s: float) -> float:
    """How long a job may wait, by the function at that place in `Waiting`."""
    if place == 0.0:
        return math.inf
    if place == 1.0:
        return 0.0
    if place == 2.0:
        return coefficient * 3600.0
    if place == 3.0:
        return coefficient * runtime_s
    if place == 4.0:
        return coefficient * accelerators * 3600.0
    if place == 5.0:
        return coefficient * accelerators * runtime_s
    if place == 6.0:
        return coefficient * max(1.0 + math.log2(accelerators), 0.0) * 3600.0 if accelerators > 0.0 else 0.0
    return coefficient * accelerators * accelerators * 3600.0


def rule(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:
    """Wait until the patience is over, then rent on demand. Knobs: the place of the function, its coefficient."""
    until = facts.submitted_at + patience_s(knobs[0], knobs[1], facts.accelerators, facts.left_s)
    if until <= facts.now:
        return ON_DEMAND, math.inf
    return WAIT, until


def budget_coefficient(
    waiting: str, runtimes_s: Sequence[float], accelerators: Sequence[float], share: float = 0.25
) -> float:
    """The coefficient at which these jobs may wait, in the mean, for `share` of their mean run time.

    It is how Starburst sets its coefficients (its waiting budget is 25%), so that its functions can be compared: the
    patience allowed is the same, whatever is then waited. For `runtime` it is the share itself. Raises ValueError for
    a function without a coefficient, or for jobs that none would make wait.
    """
    place = _PLACE[_known(waiting)]
    if place < 2.0:
        raise ValueError(f"waiting '{waiting}' has no coefficient to find")
    runs = zip(runtimes_s, accelerators, strict=True)
    unit_s = fmean(patience_s(place, 1.0, gpus, runtime_s) for runtime_s, gpus in runs)
    if unit_s <= 0.0:
        raise ValueError(f"waiting '{waiting}' lets none of these jobs wait, whatever the coefficient")
    return share * fmean(runtimes_s) / unit_s


@dataclass(frozen=True)
class Starburst:
    """A job waits for owned room for at most w, then rents on demand: Starburst (ATC'24) as published.

    With the coefficient c, g accelerators (a job without any counts its CPUs) and d hours of expected run time left, w
    in hours is for `infinite` without end, for `zero` 0, for `constant` c, for `runtime` c x d, for `capacity` c x g,
    for `cost` c x g x d (its best). The simulator of its artefact also has `log_capacity`, c x (1 + log2 g), and
    `quad_capacity`, c x g x g. The paper's c lets jobs wait in the mean for a quarter of their mean run time, which
    for `runtime` is 0.25 and for the others depends on the jobs. A job that no baseline pool could ever run has
    nothing to wait for and bursts at once.
    """

    name: ClassVar[str] = "starburst"
    rule = staticmethod(rule)
    steady: ClassVar[bool] = True
    waiting: str = setting(
        "the waiting function: `infinite`, `zero`, `constant`, `runtime`, `capacity`, `cost`, `log_capacity` or "
        "`quad_capacity`",
        default=Waiting.RUNTIME,
        shown="`runtime`",
    )
    coefficient: float = setting(
        "its c: hours for `constant` and `log_capacity`, a share for `runtime`, hours for each accelerator for "
        "`capacity`, for each accelerator-hour for `cost`, for each accelerator squared for `quad_capacity`; without "
        "meaning for `infinite` and `zero`",
        default=0.25,
        shown="`0.25`",
    )

    def __post_init__(self) -> None:
        """Raises ValueError that names the setting at fault."""
        object.__setattr__(self, "waiting", _known(self.waiting))
        if not is_number(self.coefficient) or self.coefficient < 0:
            raise ValueError(f"coefficient is {self.coefficient!r}; write a number of at least 0, as in 0.25")

    @property
    def knobs(self) -> tuple[float, float]:
        """What `rule` takes."""
        return _PLACE[Waiting(self.waiting)], float(self.coefficient)

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Burst once the job's patience is over, else wait until then."""
        if not context.baseline:
            return _ONLY
        facts = context.facts(job)
        choice, until = rule(self.knobs, facts)
        if choice != WAIT:
            return Judgement(burst=True, reason=_BURSTS, sentence=f"{self._why(facts)}, which is over")
        if until == math.inf:
            return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence="starburst lets it wait without end")
        text = f"starburst bursts it as things stand at {clock(until, facts.now)} ({self._why(facts)})"
        return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=text, until=until)

    def _why(self, facts: Facts) -> str:
        place, coefficient = self.knobs
        most = span(patience_s(place, coefficient, facts.accelerators, facts.left_s))
        return f"its waiting function '{self.waiting}' gives it {most} of waiting"


def _known(waiting: str) -> Waiting:
    try:
        return Waiting(waiting)
    except ValueError:
        raise ValueError(f"waiting is {waiting!r}; known are {', '.join(Waiting)}") from None


POLICY = Starburst
