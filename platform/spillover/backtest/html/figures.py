"""Figures as managers read them: dollars, shares and counts; durations are as in all of Spillover."""

from __future__ import annotations

import math

from ...units import show_duration

NONE = "–"


def usd(amount: float) -> str:
    """`$301,272`, `$12.50`, `−$4.20`: cents below a thousand dollars."""
    size = abs(amount)
    text = f"${size:,.0f}" if round(size) >= 1000 else f"${size:,.2f}"
    return f"−{text}" if amount < 0 and text.strip("$0.") else text


def short_usd(amount: float) -> str:
    """For axes: `$0`, `$250`, `$1.5k`, `$300k`, `$2M`."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size:
            return f"${amount / size:.3g}{unit}"
    return f"${amount:.3g}"


def count(number: float) -> str:
    """`82,247`; one decimal for small numbers that are not whole."""
    return f"{number:,.1f}" if number % 1 and abs(number) < 100 else f"{number:,.0f}"


def jobs(number: float) -> str:
    """`1 job`, `82,247 jobs`."""
    return "1 job" if round(number) == 1 else f"{number:,.0f} jobs"


def share(part: float) -> str:
    """`87%`, `8.4%`: one decimal where a whole per cent is too coarse."""
    text = f"{100 * part:.0f}" if abs(part) >= 0.0995 or not part else f"{100 * part:.1f}"
    return f"{text.replace('-', '−')}%"


def change(new: float, old: float) -> str:
    """By how much `new` differs from `old`: `−18.6%`, `+3.0%`; a dash where there is nothing to compare with."""
    if not old or not math.isfinite(new / old):
        return NONE
    percent = 100 * (new / old - 1)
    return "±0.0%" if abs(percent) < 0.05 else f"{'−' if percent < 0 else '+'}{abs(percent):.1f}%"


def signed_usd(amount: float) -> str:
    """A difference: `+$1,204`, `−$98.10`, `$0.00`."""
    text = usd(amount)
    return f"+{text}" if amount > 0 and text.strip("$0.") else text


def signed_duration(seconds: float) -> str:
    """A difference: `+3m12s`, `−2h05m`, `0s`."""
    text = show_duration(abs(seconds))
    return text if text == "0s" else f"{'−' if seconds < 0 else '+'}{text}"


def sentence(note: str) -> str:
    """A note with its capital and its full stop, without the marks of code."""
    plain = note.replace("`", "").rstrip(".")
    return f"{plain[:1].upper()}{plain[1:]}."


def hours(seconds: float) -> str:
    """`0.05 h`: the unit in which papers give waits; four digits are more than a replay is good for."""
    return f"{seconds / 3600:.3g} h"
