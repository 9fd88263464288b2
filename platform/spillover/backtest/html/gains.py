"""Who gained and who lost, by team, by size and by length of jobs: the lead beside the reference."""

from __future__ import annotations

from collections.abc import Sequence

from ...units import show_duration
from ..results import Group
from .choice import Cast
from .figures import count, signed_duration, signed_usd, usd
from .markup import Html, el, join, table

MOST_GROUPS = 15


def gains(cast: Cast) -> Html:
    """Three tables with bars; without a reference, the lead's own figures."""
    lead, other = cast.lead, cast.reference
    kinds = (
        ("team", lead.by_team, other.by_team if other else ()),
        ("GPUs of a job", lead.by_size, other.by_size if other else ()),
        ("run time", lead.by_length, other.by_length if other else ()),
    )
    than = f"{lead.label} beside {other.label}" if other else lead.label
    said = el(
        "p", than, ". Bars to the left are less waiting and fewer dollars; dollars are each job's own part of the bill."
    )
    plain = el("p", than, ". No other policy was run to set it beside.")
    return join((said if other else plain, *(_table(*kind, compared=other is not None) for kind in kinds if kind[1])))


def _table(kind: str, new: Sequence[Group], old: Sequence[Group], *, compared: bool) -> Html:
    ordered = sorted(new, key=lambda group: -group.gpu_h)[:MOST_GROUPS] if kind == "team" else list(new)
    before = {group.name: group for group in old}
    pairs = [(group, before.get(group.name)) for group in ordered]
    waits = [group.wait.mean_s - (was.wait.mean_s if was else 0.0) for group, was in pairs]
    bills = [group.cloud_usd - (was.cloud_usd if was else 0.0) for group, was in pairs]
    rows = [
        (
            *(group.name or "(none)", count(group.jobs), count(group.gpu_h)),
            *(show_duration(group.wait.mean_s), _bar(wait, waits, signed_duration(wait) if compared else "")),
            *(usd(group.cloud_usd), _bar(bill, bills, signed_usd(bill) if compared else "")),
        )
        for (group, _), wait, bill in zip(pairs, waits, bills, strict=True)
    ]
    against = ("change", "change") if compared else ("", "")
    head = (kind, "jobs", "GPU-hours", "mean wait", against[0], "cloud dollars", against[1])
    return table(head, rows, _caption(kind, new, ordered, waits, bills, compared=compared))


def _caption(
    kind: str,
    new: Sequence[Group],
    shown: Sequence[Group],
    waits: Sequence[float],
    bills: Sequence[float],
    *,
    compared: bool,
) -> str:
    more = len(new) - len(shown)
    rest = f" The {count(more)} smallest by GPU-hours are not shown." if more else ""
    if not compared:
        return f"By {kind}.{rest}"
    less, fewer = sum(wait < -0.5 for wait in waits), sum(bill < -0.005 for bill in bills)
    return f"By {kind}: of {len(shown)}, {less} wait less than under the reference and {fewer} cost less.{rest}"


def _bar(value: float, of: Sequence[float], text: str) -> Html:
    """From the middle to the left for less, to the right for more; as long as its share of the largest."""
    largest = max(abs(v) for v in of) or 1.0
    part = 50 * abs(value) / largest
    place = f"left:{50 - part:.1f}%" if value < 0 else "left:50%"
    drawn = el("i", class_="less" if value < 0 else "more", style=f"{place};width:{part:.1f}%")
    return el(
        "span", el("span", drawn, class_="bar", aria_hidden="true"), el("span", text, class_="change"), class_="bars"
    )
