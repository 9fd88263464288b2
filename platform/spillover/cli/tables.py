"""The API's answers as tables. Pure functions: data and the present time in, something that rich can print out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .explain_tables import attempts_table, decisions_table, explain_view, offers_table
from .grid import Grid, status
from .text import NOTHING, age, ago, amounts, clock, dollars, plain, used_of

__all__ = [
    "answer_text",
    "attempts_table",
    "decisions_table",
    "events_table",
    "explain_view",
    "hosts_table",
    "nodes_table",
    "offers_table",
    "pools_and_nodes",
    "pools_table",
    "queue_table",
]

Row = Mapping[str, Any]

_QUEUE_DROP = ("USER", "PRIORITY", "TEAM", "DEMAND", "RUN", "START")
_POOLS_DROP = ("REGION", "KIND", "SPENT", "DRIVERS", "LEASE", "FOREIGN")


def queue_table(jobs: Sequence[Row], now: float) -> RenderableType:
    """Jobs that have not ended, in queue order."""
    if not jobs:
        return Text("Nothing waits and nothing runs.")
    table = Grid(
        "JOB",
        "TEAM",
        "USER",
        "STATUS",
        "DEMAND",
        ">PRIORITY",
        ">WAIT",
        ">RUN",
        "POOL",
        "START",
        "WHY",
        drop=_QUEUE_DROP,
    )
    for job in jobs:
        expected = None if job.get("runtime_s") is not None else job.get("expected_start_at")
        table.add(
            plain(job["submission_id"]),
            plain(job.get("team")),
            plain(job.get("user")),
            status(job.get("status")),
            plain(job.get("demand")),
            plain(job.get("priority")),
            age(job.get("wait_s")),
            age(job.get("runtime_s")),
            plain(job.get("pool")),
            ago(expected, now),
            plain(job.get("message") or job.get("reason")),
        )
    return table


def pools_table(pools: Sequence[Row], now: float) -> RenderableType:
    """One line a pool."""
    if not pools:
        return Text("There are no pools.")
    columns = ["POOL", "KIND", "STATUS", "REGION", ">NODES", "USED", "FOREIGN", ">JOBS", ">DRIVERS", "LEASE"]
    table = Grid(*columns, ">$/HOUR", ">SPENT", "NOTE", drop=_POOLS_DROP)
    for pool in pools:
        nodes = pool.get("nodes", [])
        table.add(
            plain(pool["name"]),
            f"{plain(pool.get('kind'))} {plain(pool.get('role'))}",
            status(pool.get("status")),
            plain(pool.get("region")),
            str(len(nodes)),
            used_of(_sum(n.get("used", {}) for n in nodes), _sum(n.get("resources", {}) for n in nodes)),
            amounts(_sum(n.get("foreign", {}) for n in nodes)),
            plain(pool.get("jobs")),
            f"{plain(pool.get('drivers'))}/{plain(pool.get('max_drivers'))}",
            _lease(pool.get("lease"), now),
            dollars(pool.get("usd_per_hour")),
            dollars(pool.get("spent_usd")),
            Text("; ".join(alarms), style="red") if (alarms := pool.get("alarms")) else plain(pool.get("message")),
        )
    return table


def nodes_table(pools: Sequence[Row], now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """One line a node."""
    table = Grid("POOL", "NODE", "ADDRESS", "TYPE", "MARKET", ">$/HOUR", "USED", "FOREIGN", drop=("ADDRESS", "MARKET"))
    for pool in pools:
        for node in pool.get("nodes", []):
            table.add(
                plain(pool["name"]),
                plain(node.get("node_id")),
                plain(node.get("ip")),
                plain(node.get("type")) + (" (head)" if node.get("is_head") else ""),
                plain(node.get("market")),
                dollars(node.get("price_usd_per_hour")),
                used_of(node.get("used", {}), node.get("resources", {})),
                amounts(node.get("foreign", {})),
            )
    return table if table.rows else Text("There are no nodes.")


def pools_and_nodes(pools: Sequence[Row], now: float) -> RenderableType:
    """Both tables."""
    return Group(pools_table(pools, now), nodes_table(pools, now))


def hosts_table(hosts: Sequence[Row], now: float) -> RenderableType:
    """One line a host."""
    if not hosts:
        return Text("No pool names its hosts one by one.")
    table = Grid("POOL", "HOST", "ROLE", "STATE", "NODE", "SINCE", "NEXT TRY", "PROBLEM", drop=("NODE", "SINCE"))
    for host in hosts:
        wanted = " (undrained)" if host.get("status") == "draining" and host.get("target") == "up" else ""
        table.add(
            plain(host.get("pool")),
            plain(host.get("host")),
            plain(host.get("role")),
            status(host.get("status"), wanted),
            plain((host.get("node_id") or "")[:12]),
            ago(host.get("since"), now),
            ago(host.get("retry_at"), now),
            plain(host.get("problem")),
        )
    return table


def events_table(events: Sequence[Row], now: float) -> RenderableType:
    """The history, which the API has newest first, as a log: newest last."""
    if not events:
        return Text("Nothing has happened yet.")
    table = Grid("WHEN", "AGE", "WHO", "SUBJECT", "WHAT", drop=("AGE",))
    for event in reversed(events):
        who, subject, text = (plain(event.get(k)) for k in ("actor", "subject", "text"))
        table.add(clock(event["at"]), age(now - event["at"]), who, subject, text)
    return table


def answer_text(answer: Any, otherwise: str) -> RenderableType:
    """What the server says to an order, or else our own words."""
    text = answer.get("message") or answer.get("text") if isinstance(answer, Mapping) else None
    return Text(plain(text) if text else otherwise)


def _lease(lease: Row | None, now: float) -> str:
    if not lease:
        return NOTHING
    ends = lease.get("expires_at")
    left = NOTHING if ends is None else "expired" if ends <= now else f"{age(ends - now)} left"
    return f"{plain(lease.get('max_nodes'))} nodes, {left}"


def _sum(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total
