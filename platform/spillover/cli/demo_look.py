"""One look at a running demo: its jobs, its pools, what it has spent, and what is new since the last look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..control.assembly import Control
from ..domain.access import Caller, Role
from ..domain.answers import PoolInfo
from ..domain.job import JobStatus, JobView
from ..domain.questions import CostQuery, EventQuery, PoolQuery

WATCHER = Caller("demo", "default", Role.ADMIN)
_EVENTS = 100

_STEP = re.compile(r"step (\d+)/(\d+)\s+loss ([\d.]+)")
_FIRST = re.compile(r"validation loss ([\d.]+)")
_DONE = re.compile(r"done: validation loss ([\d.]+) -> ([\d.]+)")
# Lines of history that say nothing new to somebody who watches.
_DULL = re.compile(
    r"submitted,|token made|the administrator's first token|"
    r"handed to pool|starting on pool|lease renewed|asked to stop"
)


@dataclass(frozen=True)
class Learning:
    """How far a job's training is, read from its output."""

    step: int = 0
    steps: int = 0
    first_loss: float | None = None
    loss: float | None = None
    done: bool = False


@dataclass(frozen=True)
class JobLine:
    """A job as it is now. Times in seconds, `why` in the words of the decision."""

    submission_id: str
    user: str
    team: str
    status: str
    pool: str
    market: str
    wait_s: float
    run_s: float | None
    why: str
    message: str
    reason: str
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    learning: Learning

    @property
    def ended(self) -> bool:
        return JobStatus(self.status).final


@dataclass(frozen=True)
class News:
    """One thing that has happened: to whom, and a sentence."""

    at: float
    who: str
    text: str


@dataclass(frozen=True)
class Look:
    """An instant. `at` is Unix seconds."""

    at: float
    jobs: tuple[JobLine, ...]
    pools: tuple[PoolInfo, ...]
    spent_usd: float
    usd_per_hour: float
    news: tuple[News, ...] = ()

    def pool(self, name: str) -> PoolInfo:
        """One pool as Spillover's API shows it."""
        return next(p for p in self.pools if p.name == name)


class Watcher:
    """Looks through the services, as any client could through the API."""

    def __init__(self, control: Control) -> None:
        self._service = control.service
        self._insight = control.insight
        self._seen: set[tuple[float, str, str]] = set()
        self._reasons: dict[str, str] = {}
        self._learning: dict[str, Learning] = {}
        self._told: set[str] = set()

    async def look(self) -> Look:
        """What there is now."""
        views = await self._service.list(WATCHER)
        pools = (await self._insight.pools(WATCHER, PoolQuery())).items
        cost = await self._insight.cost(WATCHER, CostQuery())
        now = cost.as_of
        jobs = tuple([await self._job(view, now) for view in views])
        return Look(
            at=now,
            jobs=jobs,
            pools=pools,
            spent_usd=cost.total_usd,
            usd_per_hour=sum(p.usd_per_hour for p in pools),
            news=tuple(sorted([*await self._events(), *self._waits(jobs, now), *self._learnt(jobs, now)], key=_at)),
        )

    async def _job(self, view: JobView, now: float) -> JobLine:
        job, attempt = view.job, view.attempt
        started = attempt.started_at if attempt else None
        ended = job.ended_at or (attempt.ended_at if attempt else None)
        begun = started or ended or now
        return JobLine(
            submission_id=job.submission_id,
            user=job.user,
            team=job.team,
            status=job.status.value,
            pool=attempt.pool if attempt else "",
            market=attempt.market if attempt else "",
            wait_s=begun - job.submitted_at,
            run_s=(ended or now) - started if started else None,
            why=attempt.why if attempt else "",
            message=job.message,
            reason=job.wait_reason,
            submitted_at=job.submitted_at,
            started_at=started,
            ended_at=ended,
            learning=await self._learn(job.submission_id, running=started is not None),
        )

    async def _learn(self, submission_id: str, *, running: bool) -> Learning:
        known = self._learning.get(submission_id, Learning())
        if running and not known.done:
            known = read_learning(await self._service.logs(WATCHER, submission_id))
            self._learning[submission_id] = known
        return known

    async def _events(self) -> list[News]:
        found = []
        for event in (await self._insight.events(WATCHER, EventQuery(limit=_EVENTS))).items:
            key = (event.at, event.subject, event.text)
            if key not in self._seen:
                self._seen.add(key)
                if not _DULL.match(event.text):
                    found.append(News(event.at, event.subject.replace("pool:", "pool "), event.text))
        return found[::-1]

    def _waits(self, jobs: Sequence[JobLine], now: float) -> list[News]:
        """Why a job waits, whenever the reason is another one."""
        found = []
        for job in jobs:
            if job.status == "queued" and job.reason and self._reasons.get(job.submission_id) != job.reason:
                self._reasons[job.submission_id] = job.reason
                found.append(News(now, job.submission_id, job.message))
        return found

    def _learnt(self, jobs: Sequence[JobLine], now: float) -> list[News]:
        """What came of a job's training, once it has ended."""
        found = []
        for job in jobs:
            learnt = job.learning
            if learnt.done and job.ended and job.submission_id not in self._told:
                self._told.add(job.submission_id)
                text = f"the validation loss fell from {learnt.first_loss:.2f} to {learnt.loss:.2f} nats a byte"
                found.append(News(now, job.submission_id, text))
        return found


def _at(news: News) -> float:
    return news.at


def read_learning(output: str) -> Learning:
    """The newest step and losses in a job's output."""
    done, steps = _DONE.search(output), _STEP.findall(output)
    first = _FIRST.search(output)
    step, total, loss = steps[-1] if steps else (0, 0, None)
    if done:
        return Learning(int(total), int(total), float(done[1]), float(done[2]), done=True)
    return Learning(int(step), int(total), float(first[1]) if first else None, float(loss) if loss else None)
