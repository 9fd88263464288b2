"""What the reader is told first: one run's bill and wait, and what was compared."""

from __future__ import annotations

from ...units import show_duration, show_instant
from ..results import Results, Run
from .choice import NO_WAIT, Cast, no_wait
from .figures import change, count, hours, jobs, sentence, share, short_usd, usd
from .markup import Html, el, join


def headline(results: Results, cast: Cast) -> Html:
    """The sentences and the figures at the top."""
    lead = cast.lead
    return join(
        (
            el("p", *_verdict(results, lead), class_="verdict"),
            el(
                "div",
                _card("cloud bill", usd(lead.cloud_usd), _against(results, lead)),
                _card(
                    "mean wait", show_duration(lead.wait.mean_s), f"9 in 10 jobs under {show_duration(lead.wait.p90_s)}"
                ),
                _card("owned GPUs busy", share(lead.utilisation), f"{count(lead.owned_gpu_h)} GPU-hours"),
                _card(
                    "jobs that rented",
                    share(lead.bursts / max(1, lead.jobs)),
                    f"{count(lead.bursts)} of {count(lead.jobs)}",
                ),
                class_="cards",
            ),
            el("ul", *(el("li", *sentence) for sentence in _beside(results, cast))),
            el("p", *_compared(results), class_="soft"),
        )
    )


def _verdict(results: Results, lead: Run) -> tuple[str, ...]:
    bill, wait = el("b", usd(lead.cloud_usd)), el("b", _wait(lead))
    named = el("b", _spoken(lead))
    dear = no_wait(results)
    if dear is None or dear is lead:
        return (named, ": the cloud bill is ", bill, ", at a mean wait of ", wait, " a job.")
    return (
        *(named, ": the cloud bill is ", bill, " instead of ", el("b", usd(dear.cloud_usd)), " ("),
        *(el("b", change(lead.cloud_usd, dear.cloud_usd)), "), at a mean wait of ", wait, " a job. "),
        "The larger bill is that of renting at once for every job that finds no room.",
    )


def _spoken(run: Run) -> str:
    """`marginal at $5 an hour of waiting`, if that is all that was set."""
    worth = run.settings.get("value_of_waiting")
    if len(run.settings) == 1 and isinstance(worth, int | float):
        return f"{run.policy} at {short_usd(worth)} an hour of waiting"
    return run.label


def _beside(results: Results, cast: Cast) -> list[tuple[str, ...]]:
    lead, other = cast.lead, cast.reference
    said: list[tuple[str, ...]] = []
    if other is not None and other.policy != NO_WAIT:
        than = change(lead.cloud_usd, other.cloud_usd)
        said.append(
            (
                *(
                    "The nearest run of ",
                    el("b", other.policy),
                    f" by wait ({other.label}): {usd(other.cloud_usd)} at ",
                ),
                f"{_wait(other)}. Beside it, {lead.policy}'s bill is {than}, its wait {_times(lead, other)}.",
            )
        )
    if lead.bound_usd:  # a bound of nothing says nothing
        said.append((_floor(results, lead, lead.bound_usd),))
    if lead.misses:
        said.append((f"{jobs(lead.misses)} missed the deadline.",))
    if lead.unplaced:
        said.append((f"{jobs(lead.unplaced)} had not ended when the replay did.",))
    return said


def _floor(results: Results, lead: Run, bound_usd: float) -> str:
    said = (
        f"No schedule with that mean wait spends less than {usd(bound_usd)}, not even one that knows the future, moves "
        "jobs at no cost and rents without start-up."
    )
    dear = no_wait(results)
    if dear is None or dear.cloud_usd <= bound_usd:
        return said
    return f"{said} Of the way there from renting at once, {lead.policy} goes {share(closed(lead, dear, bound_usd))}."


def closed(run: Run, dear: Run, bound_usd: float) -> float:
    """The share of the gap between a dearer run and the bound that a run closes."""
    return (dear.cloud_usd - run.cloud_usd) / (dear.cloud_usd - bound_usd)


def _compared(results: Results) -> tuple[str, ...]:
    facts, world = results.trace, results.world
    begins = f" from {show_instant(facts.begins_at)}" if facts.begins_at else ""
    return (
        f"Compared on {facts.source}: {jobs(facts.jobs)} over {count(facts.span_s / 86_400)} days{begins}, ",
        f"{count(facts.gpu_h)} GPU-hours, replayed on {count(world.nodes)} owned nodes of {world.gpus_per_node} GPUs ",
        f"each (the trace asks for {share(facts.load)} of what they have). ",
        *(f"{sentence(note)} " for note in _notes(results)),
        "The trace's SHA-256 begins with ",
        el("code", facts.sha256[:12] or "–"),
        ".",
    )


def _notes(results: Results) -> tuple[str, ...]:
    """Those of the record, and the prices if none of them says those."""
    notes, world = results.record.notes, results.world
    if any(note.lower().startswith("prices") for note in notes):
        return notes
    told = (
        f"a GPU-hour costs {usd(world.on_demand_usd)} on demand, {usd(world.spot_usd)} on spot where spot is replayed"
    )
    return (told, *notes)


def _wait(run: Run) -> str:
    return (
        f"{show_duration(run.wait.mean_s)} ({hours(run.wait.mean_s)})"
        if run.wait.mean_s >= 60
        else show_duration(run.wait.mean_s)
    )


def _times(run: Run, other: Run) -> str:
    return change(run.wait.mean_s, other.wait.mean_s) if other.wait.mean_s else show_duration(run.wait.mean_s)


def _against(results: Results, run: Run) -> str:
    dear = no_wait(results)
    if dear is None or dear is run:
        return f"{count(run.cloud_gpu_h)} GPU-hours"
    return f"{change(run.cloud_usd, dear.cloud_usd)} beside renting at once"


def _card(name: str, value: str, below: str) -> Html:
    return el("div", el("small", name), el("b", value), el("small", below))
