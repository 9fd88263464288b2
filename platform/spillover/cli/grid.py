"""How a table looks, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from .text import plain

_STYLES = {
    "running": "green",
    "up": "green",
    "succeeded": "green",
    "take": "green",
    "move": "cyan",
    "moved": "cyan",
    "queued": "yellow",
    "wait": "yellow",
    "starting": "cyan",
    "raising": "cyan",
    "folding": "cyan",
    "joining": "cyan",
    "draining": "yellow",
    "unreachable": "red",
    "missing": "red",
    "lost": "red",
    "failed": "red",
    "deploying": "cyan",
    "deleting": "yellow",
    "unhealthy": "red",
    "deploy_failed": "red",
    "down": "dim",
    "drained": "dim",
    "stopped": "dim",
}

# Columns that may wrap; names and numbers are to be copied.
_WRAP = {"WHY", "NOTE", "WHAT", "MESSAGE", "PROBLEM", "USED", "FOREIGN", "DEMAND", "KIND", "LEASE"}
_ENOUGH_TO_WRAP = 30
_GAP = 2


class Grid:
    """A table that leaves columns out where the terminal is narrow, so that the reasons stay readable.

    `>` before a name: its cells stand right. `drop`: what may be left out, the least needed first.
    """

    def __init__(self, *columns: str, drop: Sequence[str] = ()) -> None:
        self.columns = [c.lstrip(">") for c in columns]
        self.rows: list[tuple[list[Text], str]] = []
        self._right = {c.lstrip(">") for c in columns if c.startswith(">")}
        self._drop = drop

    def add(self, *cells: str | Text, style: str = "") -> None:
        """A row. Cells are text, never markup: they hold what users wrote."""
        self.rows.append(([cell if isinstance(cell, Text) else Text(cell) for cell in cells], style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich calls to draw it."""
        kept = list(self.columns)
        for name in self._drop:
            if self._width(kept) > options.max_width and name in kept:
                kept.remove(name)
        yield self._table(kept)

    def _width(self, kept: list[str]) -> int:
        return sum(self._column_width(name) + _GAP for name in kept) - _GAP

    def _column_width(self, name: str) -> int:
        at = self.columns.index(name)
        natural = max([len(name), *(cells[at].cell_len for cells, _ in self.rows)])
        return min(natural, _ENOUGH_TO_WRAP) if name in _WRAP else natural

    def _table(self, kept: list[str]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for name in kept:
            justify: JustifyMethod = "right" if name in self._right else "left"
            table.add_column(Text(name), justify=justify, no_wrap=name not in _WRAP, overflow="fold")
        for cells, style in self.rows:
            table.add_row(*(cell for cell, name in zip(cells, self.columns, strict=True) if name in kept), style=style)
        return table


def status(word: Any, more: str = "") -> Text:
    """A status, verdict or outcome in its colour."""
    return Text(plain(word) + more, style=_STYLES.get(str(word), ""))
