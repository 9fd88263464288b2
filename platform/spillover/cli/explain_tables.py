"""What `spillover explain` shows. Pure functions, as in tables.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .grid import Grid, status
from .part_tables import cost_parts
from .shadow_tables import shadow_line
from .text import NOTHING, age, ago, clock, dollars, plain

Row = Mapping[str, Any]


def explain_view(explained: Row, now: float) -> RenderableType:
    """Why a job waits, or runs where it does: the newest sentence, every offer, all decisions, all attempts."""
    decisions, offers, attempts = (explained.get(k) or [] for k in ("decisions", "offers", "attempts"))
    newest = max(decisions, key=lambda d: float(d["at"]), default=None)
    parts: list[RenderableType] = [
        _headline(explained["job"], newest),
        Text(),
        _job_facts(explained["job"], now, explained.get("shadow"), explained.get("runs")),
    ]
    for title, rows, table in (
        ("Ways to run it", offers, offers_table),
        ("Decisions", decisions, decisions_table),
        ("Attempts", attempts, attempts_table),
    ):
        if rows:
            parts += [Text(), Text(title, style="bold"), table(rows, now)]
            parts += cost_parts(sorted(rows, key=_rank)) if rows is offers else ()
    return Group(*parts)


def quote_view(quote: Row, now: float) -> RenderableType:
    """What a job would need, what would be decided about it, and every way to run it."""
    demand, source = plain(quote.get("demand")), plain(quote.get("demand_source"))
    runs = f"runs {age(quote.get('runtime_s'))} ({_spread(quote.get('runs'))}{plain(quote.get('runtime_source'))})"
    return Group(
        Text.assemble((demand, "bold"), f" ({source}) for team {plain(quote.get('team'))}, {runs}"),
        Text.assemble(status(quote.get("verdict")), ": ", plain(quote.get("sentence"))),
        Text(_outlook(quote, now)),
        Text(),
        offers_table(quote.get("offers") or [], now),
        *cost_parts(sorted(quote.get("offers") or [], key=_rank)),
        Text("Nothing was started.", style="dim"),
    )


def _outlook(quote: Row, now: float) -> str:
    """When it would start, for how much, and what happens if it waits too long."""
    wait_s, cost, until = (quote.get(k) for k in ("wait_s", "cost_usd", "until"))
    likely = _in_brackets(quote.get("waits"))
    start = "No start is in sight" if wait_s is None else f"Would start in {age(wait_s)}{likely}"
    where = f" on {plain(quote['pool'])}" if quote.get("pool") else ""
    price = f", for about {dollars(cost)}" if cost is not None else ""
    bursts = f"; as things stand it bursts {ago(until, now)}" if until is not None else ""
    return f"{start}{where}{price}{bursts}."


def _spread(likely: Row | None) -> str:
    """Between which 8 of 10 lie, and a semicolon; nothing where that is not known, or there is no doubt."""
    low, high = (likely.get("low_s"), likely.get("high_s")) if likely else (None, None)
    if low is None or low == high:
        return ""
    return f"80% between {age(low)} and {age(high) if high is not None else 'no end in sight'}; "


def _in_brackets(likely: Row | None) -> str:
    text = _spread(likely).removesuffix("; ")
    return f" ({text})" if text else ""


def offers_table(offers: Sequence[Row], now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """Every way to run a job: the chosen one marked, then what could be taken by cost, then what is out and why.

    Of those that could be taken now, the cheapest and the soonest are said to be. LATE, how likely it ends after its
    deadline, stands there for jobs that have one.
    """
    late = any(offer.get("late_chance") is not None for offer in offers)
    columns = [" ", "POOL", "NODE TYPE", "MARKET", ">NODES", ">$/HOUR", ">STARTS IN", ">RUNS", ">COST", "NOTE"]
    if late:
        columns.insert(-1, ">LATE")
    table = Grid(*columns, drop=("$/HOUR", "MARKET", "RUNS", "STARTS IN"))
    for offer in sorted(offers, key=_rank):
        table.add(
            "✔" if offer.get("chosen") else "",
            *(plain(offer.get(k)) for k in ("pool", "node_type", "market", "nodes")),
            dollars(offer.get("price_usd_per_hour")),
            age(offer.get("start_delay_s")),
            age(offer.get("runtime_s")),
            dollars(offer.get("cost_usd")),
            *([_percent(offer.get("late_chance"))] if late else []),
            plain(offer["out"]) if offer.get("out") else ", ".join(k for k in ("cheapest", "soonest") if offer.get(k)),
            style="bold green" if offer.get("chosen") else "dim" if offer.get("out") else "",
        )
    return table


def _percent(chance: float | None) -> str:
    if chance is None:
        return NOTHING
    return "<1%" if 0 < chance < 0.01 else ">99%" if 0.99 < chance < 1 else f"{chance:.0%}"


def _rank(offer: Row) -> tuple[bool, bool, bool, float]:
    cost_usd = offer.get("cost_usd")
    return not offer.get("chosen"), bool(offer.get("out")), cost_usd is None, float(cost_usd or 0.0)


def decisions_table(decisions: Sequence[Row], now: float) -> RenderableType:
    """What was decided, oldest first."""
    table = Grid("WHEN", "AGE", "VERDICT", "POLICY", "UNTIL", "WHY", drop=("AGE", "POLICY", "UNTIL"))
    for d in sorted(decisions, key=lambda d: float(d["at"])):
        verdict = status(d.get("verdict"), " " + plain(d["pool"]) if d.get("pool") else "")
        policy, until, why = plain(d.get("policy")), clock(d.get("until")), plain(d.get("sentence"))
        table.add(clock(d["at"]), age(now - d["at"]), verdict, policy, until, why)
    return table


def attempts_table(attempts: Sequence[Row], now: float) -> RenderableType:
    """Runs of a job, first one first."""
    table = Grid("ATTEMPT", "POOL", "STATUS", "OUTCOME", "STARTED", ">RAN", "MESSAGE", drop=("STARTED", "STATUS"))
    for a in attempts:
        ran = None if a.get("started_at") is None else (a.get("ended_at") or now) - a["started_at"]
        name, pool, message = (plain(a.get(k)) for k in ("attempt_id", "pool", "message"))
        table.add(
            name,
            pool,
            status(a.get("status")),
            status(a.get("outcome")),
            clock(a.get("started_at")),
            age(ran),
            message,
        )
    return table


def _headline(job: Row, newest: Row | None) -> Text:
    sentence = newest["sentence"] if newest else job.get("message") or "Nothing was decided about it yet."
    return Text.assemble((plain(job["submission_id"]), "bold"), " ", status(job.get("status")), ": ", plain(sentence))


def _job_facts(job: Row, now: float, shadow: Row | None, runs: Row | None) -> Text:
    facts = {
        "submitted": f"{clock(job.get('submitted_at'))} by {plain(job.get('user'))} for team {plain(job.get('team'))}",
        "needs": f"{plain(job.get('demand'))} ({plain(job.get('demand_source'))})",
        "was seen to use": job.get("observed"),
        "over-use": job.get("overuse"),
        "waited": age(job.get("wait_s")),
        "ran": age(job["runtime_s"]) if job.get("runtime_s") is not None else None,
        "has cost": dollars(job["cost_usd"]) if job.get("cost_usd") else None,
        "expected start": ago(job["expected_start_at"], now) if job.get("expected_start_at") else None,
        "ended": clock(job["ended_at"]) if job.get("ended_at") else None,
        "exit code": job.get("exit_code"),
        "error": job.get("error_type"),
        "expected to run": f"{age(runs['mean_s'])} ({_spread(runs)}{plain(runs['source'])})" if runs else None,
        "shadow policy": shadow_line(shadow) if shadow else None,
    }
    return Text("\n".join(f"{name}: {plain(value)}" for name, value in facts.items() if value is not None))
