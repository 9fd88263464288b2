"""What the shadow policy would have done otherwise, as Spillover's own API shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..domain.access import Caller
from ..domain.answers import ShadowDay, ShadowJob, ShadowReport
from ..domain.questions import ShadowQuery
from ..domain.shadow import Difference, Otherwise, ShadowSum
from ..errors import BadRequest
from ..placement.forecast import span
from ..placement.sentences import usd
from .core import Core
from .shadow import policy_text

_DAY_S = 86_400.0


class ShadowReports:
    """Reads, and changes nothing but the moment from which a policy that was just set is counted."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def report(self, caller: Caller, query: ShadowQuery) -> ShadowReport:
        """The differences of the last days, within what the caller may see. Raises BadRequest if there is no shadow."""
        policy, store, db = self._core.shadow, self._core.store, self._core.db
        if policy is None:
            raise BadRequest("No shadow policy is set. Name one in the settings, as `shadow_policy: {name: ...}`.")
        now, team = self._core.clock.now(), None if caller.sees_all else caller.team
        began = await db(store.begin_shadow, policy_text(policy), now)
        since = max(began, now - query.days * _DAY_S)
        sums = await db(store.shadow_sums, since, team)
        started = await db(store.count_started, since, team)
        newest = [d for d in await db(store.differences, query.limit, team) if d.at >= since]
        waited_s = sum(s.wait_s for s in sums)
        mean_s = waited_s / started if started else 0.0
        counts = _counts(sums)
        return ShadowReport(
            policy=policy_text(policy),
            live=policy_text(self._core.policy),
            since=since,
            as_of=now,
            started=started,
            differences=counts,
            usd=sum(s.usd for s in sums),
            mean_wait_s=mean_s,
            unknown=sum(s.jobs - s.waits for s in sums),
            sentence=_sentence(policy.name, now - since, counts, sum(s.usd for s in sums), mean_s),
            days=tuple(ShadowDay(s.day, s.kind.value, s.jobs, s.usd, s.wait_s) for s in sums),
            newest=tuple(shadow_job(d) for d in newest),
        )

    async def of(self, submission_id: str) -> ShadowJob | None:
        """What the shadow policy would have done otherwise with this job."""
        if self._core.shadow is None:
            return None
        found = await self._core.db(self._core.store.difference, submission_id)
        return None if found is None else shadow_job(found)


def shadow_job(difference: Difference) -> ShadowJob:
    """A difference as it is shown."""
    names = [name for name in ShadowJob.__dataclass_fields__ if name != "kind"]
    return ShadowJob(kind=difference.kind.value, **{name: getattr(difference, name) for name in names})


def _counts(sums: Sequence[ShadowSum]) -> dict[str, int]:
    found = Counter({kind.value: 0 for kind in Otherwise})
    for one in sums:
        found[one.kind.value] += one.jobs
    return dict(found)


def _sentence(name: str, lasted_s: float, counts: dict[str, int], more_usd: float, longer_s: float) -> str:
    """All of it in one breath: `In the last 7 d marginal would have rented for 14 jobs that waited, ...`."""
    if not any(counts.values()):
        return f"In the last {span(lasted_s)} {name} would have done the same."
    clauses = (
        (counts["rents"], "rented for {} that waited"),
        (counts["sooner"], "rented sooner for {}"),
        (counts["elsewhere"], "rented elsewhere for {}"),
        (counts["keeps"], "let {} wait that were rented for"),
    )
    would = ", ".join(text.format(f"{n} job{'s' if n > 1 else ''}") for n, text in clauses if n)
    money = f"{usd(abs(more_usd))} {'more' if more_usd > 0 else 'less'} for rented nodes"
    wait = f"{span(abs(longer_s))} {'more' if longer_s > 0 else 'less'} mean wait"
    return f"In the last {span(lasted_s)} {name} would have {would}: {money} and {wait}, as expected at the time."
