"""How a demo shows itself: a live view on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.live import Live

from .demo_look import JobLine, Look, News
from .demo_panels import panels
from .text import age, dollars, plain

_WIDTH_OF_A_FILE = 160
_HEARTBEAT_S = 10.0
_FEED = 7


class Face(Protocol):
    """What the story tells, and to whom."""

    def say(self, text: str) -> None:
        """A line that stays."""
        ...

    def show(self, look: Look, phase: str) -> None:
        """The state of things now; called about twice a second."""
        ...

    def table(self, what: RenderableType) -> None:
        """Something to keep, drawn by rich."""
        ...

    def still(self) -> None:
        """The live part is over: from here on only lines."""
        ...


class Printer(Console):
    """A console that outlives its reader: of `spillover demo | head`, or of a terminal that was closed."""

    def __init__(self, lost: Callable[[], None] = lambda: None, **options: Any) -> None:
        super().__init__(highlight=False, **options)
        self._lost = lost

    def on_broken_pipe(self) -> None:
        """Rich would exit here, and leave clusters behind."""
        if not self.quiet:
            self.quiet = True
            self._lost()

    def put(self, what: RenderableType) -> None:
        """Print; whatever is no table is taken as it is."""
        try:
            self.print(what, soft_wrap=isinstance(what, str), markup=False, emoji=False)
        except OSError:
            self.on_broken_pipe()


class Lines:
    """Plain lines, each with the seconds since the start; no control codes."""

    def __init__(self, console: Printer, started_at: float) -> None:
        self._console = console
        self._started_at = started_at
        self._beat = started_at

    def say(self, text: str) -> None:
        for line in text.splitlines():
            self._console.put(f"[{time.time() - self._started_at:5.0f}s] {line}")

    def show(self, look: Look, phase: str) -> None:
        for news in look.news:
            self._console.put(f"[{max(0.0, news.at - self._started_at):5.0f}s] {plain(news.who)}: {plain(news.text)}")
            self._beat = look.at
        if look.at - self._beat >= _HEARTBEAT_S:
            self._beat = look.at
            self.say(f"... {heartbeat(look, phase)}")

    def table(self, what: RenderableType) -> None:
        self._console.put(what)

    def still(self) -> None:
        """There is nothing live."""


class Screen(Lines):
    """Lines as above, and below them panels that are drawn anew."""

    def __init__(self, console: Printer, started_at: float) -> None:
        super().__init__(console, started_at)
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._feed: list[News] = []
        self._live.start()

    def show(self, look: Look, phase: str) -> None:
        self._feed = [*self._feed, *look.news][-_FEED:]
        try:
            drawn = panels(look, self._feed, phase, self._started_at, self._console.height)
            self._live.update(drawn, refresh=True)
        except OSError:
            self._console.on_broken_pipe()

    def still(self) -> None:
        with suppress(OSError):
            self._live.stop()


def make_face(started_at: float, lost: Callable[[], None]) -> Face:
    """The live view if standard output is a terminal that can redraw itself."""
    console = Printer(lost, file=sys.stdout)
    if console.is_terminal and not console.is_dumb_terminal:
        return Screen(console, started_at)
    return Lines(Printer(lost, file=sys.stdout, no_color=True, width=_WIDTH_OF_A_FILE), started_at)


def heartbeat(look: Look, phase: str) -> str:
    """All that goes on, in one line."""
    pools = ", ".join(f"{p.name} {p.status}{_workers(len(p.nodes))}" for p in look.pools)
    learning = "; ".join(_progress(job) for job in look.jobs if job.status == "running")
    waiting = sum(job.status == "queued" for job in look.jobs)
    queue = f"{waiting} wait; " if look.jobs else ""
    return f"{phase}: {queue}{pools}; spent {dollars(look.spent_usd)}" + (f"; {learning}" if learning else "")


def _workers(nodes: int) -> str:
    return f" ({age(None) if nodes == 0 else nodes - 1 or 'no'} worker{'s' if nodes > 2 else ''})" if nodes else ""


def _progress(job: JobLine) -> str:
    learnt = job.learning
    if learnt.loss is None:
        return f"{job.submission_id} starts"
    return f"{job.submission_id} step {learnt.step}/{learnt.steps} loss {learnt.loss:.2f}"
