"""What Spillover's own API shows. Nothing here changes anything."""

from __future__ import annotations

from ..domain.access import Caller
from ..domain.answers import Bill, EventView, Explanation, Page, PoolInfo, QueueEntry, Quote, ShadowReport
from ..domain.job import SubmitRequest
from ..domain.questions import CostQuery, EventQuery, PoolQuery, QueueQuery, ShadowQuery
from ..ports import EventFilter
from .bills import Bills
from .core import Core
from .explaining import Explaining
from .finder import Finder
from .job_views import JobViews
from .paging import read_after
from .pool_views import PoolViews
from .rights import check_submits
from .shadow_report import ShadowReports


class Insight:
    """Queue, pools, explanations, quotes, bills and history, each within what the caller may see."""

    def __init__(
        self,
        core: Core,
        finder: Finder,
        jobs: JobViews,
        pools: PoolViews,
        explaining: Explaining,
        bills: Bills,
        shadow: ShadowReports,
    ) -> None:
        self._core = core
        self._finder = finder
        self._jobs = jobs
        self._pools = pools
        self._explaining = explaining
        self._bills = bills
        self._shadow = shadow

    async def queue(self, caller: Caller, query: QueueQuery) -> Page[QueueEntry]:
        """The whole queue is everybody's: one's own place in it depends on the others."""
        return await self._jobs.queue(query)

    async def pools(self, caller: Caller, query: PoolQuery) -> Page[PoolInfo]:
        """The pools as they are now."""
        return await self._pools.pools(query)

    async def explain(self, caller: Caller, any_id: str) -> Explanation:
        """Why a job is where it is. Raises NotFound, Forbidden."""
        return await self._explaining.explain(await self._finder.find(caller, any_id))

    async def quote(self, caller: Caller, request: SubmitRequest) -> Quote:
        """What would become of this request now. Raises BadRequest, Forbidden."""
        check_submits(caller)
        return await self._explaining.quote(caller, request)

    async def cost(self, caller: Caller, query: CostQuery) -> Bill:
        """What was spent. Raises BadRequest, Forbidden."""
        return await self._bills.bill(caller, query)

    async def shadow(self, caller: Caller, query: ShadowQuery) -> ShadowReport:
        """What the shadow policy would have done otherwise. Raises BadRequest if there is none."""
        return await self._shadow.report(caller, query)

    async def events(self, caller: Caller, query: EventQuery) -> Page[EventView]:
        """History, newest first: of pools, and of jobs that the caller may see."""
        subject = f"pool:{query.subject}" if query.subject in self._core.pools else query.subject
        asked = EventFilter(
            subject=subject,
            actor=query.actor,
            since=query.since,
            team=None if caller.sees_all else caller.team,
            user=None if caller.sees_all else caller.user,
            before=read_after(query.after),
            limit=query.limit + 1,
        )
        found = await self._core.db(self._core.store.find_events, asked)
        shown = found[: query.limit]
        views = tuple(EventView(e.at, e.actor, e.subject, e.text) for _, e in shown)
        return Page(views, str(shown[-1][0]) if len(found) > query.limit else None)
