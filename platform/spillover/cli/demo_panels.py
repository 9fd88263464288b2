"""The live view: queue, pools, decisions, learning, spend. Pure functions of one look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .demo_look import JobLine, Look, News
from .demo_site import PRICES_SAY
from .grid import status
from .text import age, dollars, plain, used_of

_SMALL = 30  # lines of a terminal below which the feed is cut


def panels(look: Look, feed: Sequence[News], phase: str, started_at: float, height: int = 40) -> RenderableType:
    """Everything, one box below the other."""
    feed = feed if height >= _SMALL else feed[-2:]
    return Group(
        _headline(look, phase, started_at),
        Panel(_queue(look), title="queue", title_align="left", box=box.ROUNDED),
        Panel(_pools(look), title="pools", title_align="left", box=box.ROUNDED),
        Panel(_feed(feed, started_at), title="decisions and events", title_align="left", box=box.ROUNDED),
    )


def _headline(look: Look, phase: str, started_at: float) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {age(look.at - started_at)} ", style="reverse").append(f" {phase}", style="bold")
    text.append(f"   spent {dollars(look.spent_usd)}, now {dollars(look.usd_per_hour)} an hour")
    return text.append(f"   {PRICES_SAY}", style="dim")


def _queue(look: Look) -> RenderableType:
    if not look.jobs:
        return Text("Nothing was submitted yet.", style="dim")
    table = _table("JOB", "TEAM", "STATUS", "POOL", "WAIT", "RUN", "LEARNING", "LOSS", "WHY")
    for job in look.jobs:
        table.add_row(
            plain(job.submission_id),
            plain(job.team),
            status(job.status),
            plain(job.pool),
            age(job.wait_s),
            age(job.run_s),
            _bar(job),
            loss(job),
            Text(plain(job.message if job.status == "queued" else job.why), overflow="ellipsis", no_wrap=True),
        )
    return table


def _bar(job: JobLine) -> RenderableType:
    return ProgressBar(total=max(1, job.learning.steps), completed=job.learning.step, width=12)


def loss(job: JobLine) -> str:
    """`5.55 → 3.21`: before the first step, and now."""
    learnt = job.learning
    if learnt.first_loss is None:
        return "-"
    return f"{learnt.first_loss:.2f}" + (f" → {learnt.loss:.2f}" if learnt.loss is not None else "")


def _pools(look: Look) -> RenderableType:
    table = _table("POOL", "STATUS", "WORKERS", "USED", "$/HOUR", "SPENT", "NOTE")
    for pool in look.pools:
        workers = [n for n in pool.nodes if not n.is_head]
        table.add_row(
            plain(pool.name),
            status(pool.status),
            str(len(workers)),
            used_of(_sum(n.used for n in workers), _sum(n.resources for n in workers)),
            dollars(pool.usd_per_hour),
            dollars(pool.spent_usd),
            Text(plain(pool.message), overflow="ellipsis", no_wrap=True),
        )
    return table


def _feed(feed: Sequence[News], started_at: float) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim")
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for news in feed:
        table.add_row(age(news.at - started_at), Text(plain(news.who)), Text(plain(news.text)))
    return table if feed else Text("Nothing yet.", style="dim")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True)
    for name in columns:
        wide = name in {"WHY", "NOTE"}
        table.add_column(name, no_wrap=True, ratio=1 if wide else None, overflow="ellipsis")
    return table


def _sum(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total
