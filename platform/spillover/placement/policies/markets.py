"""Spot or on demand: what either is expected to cost a job, interruptions included.

Pure numbers, for the rules of policies: everything here compiles under numba.

A job that may be resumed loses a bounded piece of work at each interruption, so only the mean of its time left counts.
One that may not starts from scratch, and the whole distribution counts, since it is the long runs that are
interrupted. It is taken as log-normal with the facts' mean and median (where the median is not below the mean, as
known). For such a time T, repeating on spot until it is done takes (exp(h T) - 1) / h at h interruptions a second, and
the mean of that is infinite: its tail beats any exponential. So one try is priced: on spot, and if that is interrupted,
again on demand. The best way to go on costs no more than that, so choosing spot by it is right in the mean; whoever is
asked again after an interruption chooses anew, by what is then known. A known T may be repeated, if that is cheaper.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .facts import ON_DEMAND, SPOT, Facts

# The trapezoidal rule over a standard normal: within 0.7% for a sigma of up to 3, whose mean lies at 3.
_STEP, _FIRST, _LAST = 0.6, -8, 14
_MOST_SIGMA = 3.0


class Expected(NamedTuple):
    """Means: what it costs in US dollars, and how many seconds later the job ends than without interruptions."""

    usd: float
    delay_s: float


def market(facts: Facts, value_usd_per_hour: float) -> int:
    """SPOT or ON_DEMAND, whichever costs less in the mean; an hour that the job ends later counts for so much."""
    spot = on_spot(facts, value_usd_per_hour)
    return SPOT if worth(spot, value_usd_per_hour) < on_demand(facts).usd else ON_DEMAND


def worth(expected: Expected, value_usd_per_hour: float) -> float:
    """Dollars, with the delay counted at its value."""
    if expected.usd == math.inf or value_usd_per_hour == 0.0:
        return expected.usd
    return expected.usd + value_usd_per_hour * expected.delay_s / 3600.0


def on_demand(facts: Facts) -> Expected:
    """Without interruptions."""
    return Expected(facts.usd_per_hour * facts.left_s / 3600.0 + facts.once_usd, 0.0)


def on_spot(facts: Facts, value_usd_per_hour: float) -> Expected:
    """With interruptions, resumed or begun again as the job allows; infinite where there is no spot node now."""
    if facts.spot_usd_per_hour == math.inf:
        return Expected(math.inf, math.inf)
    if facts.resumable > 0.0:
        return resumed(facts)
    tried = one_try(facts)
    if spread(facts.left_s, facts.median_s) > 0.0:
        return tried
    again = repeated(facts)
    return again if worth(again, value_usd_per_hour) < worth(tried, value_usd_per_hour) else tried


def resumed(facts: Facts) -> Expected:
    """Each interruption costs `lost_s` and a new start; that time is paid, and may be interrupted as well.

    So T seconds of work take T / (1 - h x loss) seconds: infinite where a loss is as long as what lies between two.
    """
    rate, loss_s = facts.interruptions_per_hour / 3600.0, facts.lost_s + facts.startup_s
    useful = 1.0 - rate * loss_s
    if useful <= 0.0:
        return Expected(math.inf, math.inf)
    time_s = facts.left_s / useful
    return Expected(facts.spot_usd_per_hour * time_s / 3600.0 + facts.once_usd, time_s - facts.left_s)


def one_try(facts: Facts) -> Expected:
    """From scratch on spot; at the first interruption from scratch on demand, with another start.

    A run of T is interrupted with 1 - exp(-h T), holds its spot node for that / h in the mean, and if interrupted ends
    later by what it held it for. Then the mean over T.
    """
    rate, sigma = facts.interruptions_per_hour / 3600.0, spread(facts.left_s, facts.median_s)
    if rate <= 0.0:
        return Expected(facts.spot_usd_per_hour * facts.left_s / 3600.0 + facts.once_usd, 0.0)
    held_s, again_s, late_s, chance = 0.0, 0.0, 0.0, 0.0
    for place in range(_FIRST, _LAST + 1):
        point = _STEP * place
        weight = _STEP * math.exp(-point * point / 2.0) / math.sqrt(2.0 * math.pi)
        time_s = facts.left_s * math.exp(sigma * point - sigma * sigma / 2.0)
        broken = -math.expm1(-rate * time_s)
        chance += weight * broken
        held_s += weight * broken / rate
        again_s += weight * broken * time_s
        late_s += weight * (broken / rate - (1.0 - broken) * time_s)
    usd = (facts.spot_usd_per_hour * held_s + facts.usd_per_hour * again_s) / 3600.0 + (1.0 + chance) * facts.once_usd
    return Expected(usd, late_s + chance * facts.startup_s)


def repeated(facts: Facts) -> Expected:
    """From scratch on spot until it is done, for a run time that is known: (exp(h T) - 1) / h."""
    rate = facts.interruptions_per_hour / 3600.0
    if rate <= 0.0:
        return Expected(facts.spot_usd_per_hour * facts.left_s / 3600.0 + facts.once_usd, 0.0)
    if rate * facts.left_s > 50.0:
        return Expected(math.inf, math.inf)
    times = math.expm1(rate * facts.left_s)
    usd = facts.spot_usd_per_hour * times / rate / 3600.0 + (1.0 + times) * facts.once_usd
    return Expected(usd, times / rate - facts.left_s + times * facts.startup_s)


def spread(mean_s: float, median_s: float) -> float:
    """The sigma of the log-normal time with that mean and median: sqrt(2 ln(mean / median)); 0 if they tell of none."""
    if median_s <= 0.0 or mean_s <= median_s:
        return 0.0
    return min(math.sqrt(2.0 * math.log(mean_s / median_s)), _MOST_SIGMA)
