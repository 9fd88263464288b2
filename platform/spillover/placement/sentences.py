"""What people read: one plain sentence for a decision, with dollars where money is compared."""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import lru_cache

from ..domain.decision import Offer
from ..domain.resources import Demand
from .forecast import UNKNOWN, span
from .snapshot import QueuedJob

_DAY_S = 86_400
_TWO = tuple(f"{number:02d}" for number in range(60))  # formatting each anew takes several times as long


def usd(amount: float | None) -> str:
    """Dollars with as many digits as the amount needs: `$1,204.50`, `$0.41`, `$0.0031`."""
    if amount is None:
        return "an unknown amount"
    size = abs(amount)
    if size >= 0.01 or size == 0:
        return f"${amount:,.2f}"
    if size < 0.0001:
        return "under $0.0001"
    return f"${amount:.{1 - math.floor(math.log10(size))}f}"


def clock(at: float, now: float) -> str:
    """Time of day in UTC, rounded up to the second: `14:32:10 UTC`; with its date from 12 hours away on."""
    days, second = divmod(math.ceil(at), _DAY_S)
    minute = second // 60
    text = f"{_TWO[minute // 60]}:{_TWO[minute % 60]}:{_TWO[second % 60]} UTC"
    return text if at - now < _DAY_S / 2 else f"{_date(days)} {text}"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return f"{date(1970, 1, 1) + timedelta(days=day)}"


def runs_now(job: QueuedJob, offer: Offer) -> str:
    """The job starts on a baseline pool."""
    when = "now" if not offer.start_delay_s else f"in about {span(offer.start_delay_s)}"
    room = f"{wanted(job.demand)} is free there"
    return f"Runs on {offer.pool} {when}: {room}, {usd(offer.cost_usd)} for {_run_time(job)}."


def comes_home(pool: str, rent_usd: float, cost_usd: float) -> str:
    """A job on rented nodes is moved to owned ones."""
    compared = f"that saves {usd(rent_usd)} of rent and costs {usd(cost_usd)}"
    return f"Comes home to {pool}, where there is room for it: {compared}."


def room_is_made(names: str, gain_usd: float, cost_usd: float) -> str:
    """Others are stopped so that the job has room."""
    compared = f"begins at home, which is expected to save {usd(gain_usd)} and costs {usd(cost_usd)}"
    return f"Waits until room is made for it: {names} can resume and {_verb(names)} stopped, so that it {compared}."


def gives_way(job: str, gain_usd: float, cost_usd: float) -> str:
    """A resumable job is stopped for another one."""
    compared = f"that is expected to save {usd(gain_usd)} and costs {usd(cost_usd)}"
    return f"Gives way to {job}, which could not come home later: {compared}. It goes on from its checkpoint."


def _verb(names: str) -> str:
    return "are" if "," in names else "is"


def bursts(job: QueuedJob, offer: Offer, why: str) -> str:
    """The job takes a rented offer."""
    nodes = f"{offer.node_type} x{offer.nodes}" if offer.nodes else "its head alone"
    price = f"{nodes} at {usd(offer.price_usd_per_hour)}/h"
    starts = f"starts in about {span(offer.start_delay_s)}" if offer.start_delay_s else "starts now"
    assumed = f" ({job.runtime_source})" if job.runtime_source.startswith(UNKNOWN) else ""
    return f"Bursts to {offer.pool}: {why}; cheapest offer {price}, about {usd(offer.cost_usd)}{assumed}, {starts}."


def waits(pool: str, outlook: str, renting: str, policy: str = "") -> str:
    """The job waits for a baseline pool; empty clauses are left out."""
    if policy:
        return f"Waits for {pool}: {outlook}; {renting}; {policy}."
    return f"Waits for {pool}: {outlook}; {renting}." if renting else f"Waits for {pool}: {outlook}."


def waits_at_all(*clauses: str) -> str:
    """The job waits, for no pool in particular."""
    return f"Waits: {'; '.join(filter(None, clauses))}."


def starts_in(wait_s: float | None) -> str:
    """When a start is expected."""
    if wait_s is None:
        return "no start is in sight while other work holds its nodes"
    return f"expected to start in about {span(wait_s)}" if wait_s >= 1 else "expected to start at any moment"


def dearer(offer: Offer, baseline_cost_usd: float | None) -> str:
    """What bursting costs against waiting."""
    if baseline_cost_usd is None or offer.cost_usd is None:
        return f"bursting to {offer.pool} would cost {usd(offer.cost_usd)}"
    more = offer.cost_usd - baseline_cost_usd
    return f"bursting to {offer.pool} would cost {usd(abs(more))} {'more' if more >= 0 else 'less'}"


def wanted(demand: Demand) -> str:
    """The demand, or the driver's slot if it asks for nothing."""
    text = str(demand)
    return "a driver slot" if text == "nothing" else text


def _run_time(job: QueuedJob) -> str:
    about = f"about {span(job.runtime_s)}"
    return f"{about} ({job.runtime_source})" if job.runtime_source.startswith(UNKNOWN) else about
