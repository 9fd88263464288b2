"""How chosen runs went over time: GPUs in use, the queue, and the bill as it grew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..results import Results, Run
from .chart import Axis, Frame, area, both, figure, line, rule
from .choice import Cast
from .figures import change, count, jobs, share, short_usd, usd
from .markup import Html, el, join
from .scale import Scale, days, from_zero

MOST_RUNS, MOST_POINTS = 3, 400
_DAY_S = 86_400.0

Pick = Callable[[Sequence[float]], float]


def over_time(results: Results, cast: Cast) -> Html:
    """The lead, the reference and one more in small plots of like scale; the bills of all policies in one."""
    few = [run for run in cast.leads if run.curves.at_s][:MOST_RUNS]
    if not few:
        return el("p", "The runs were made without curves over time.")
    return join(
        (
            el("div", *(_use(results, cast, run, few) for run in few), class_="multiples"),
            el("div", *(_queue(cast, run, few) for run in few), class_="multiples"),
            _spend(cast),
        )
    )


def thin(values: Sequence[float], pick: Pick) -> list[float]:
    """At most 400 of many: one for each stretch of like length, as `pick` says (its largest, its last)."""
    step = -(-len(values) // MOST_POINTS) or 1
    return [pick(values[k : k + step]) for k in range(0, len(values), step)]


def _last(values: Sequence[float]) -> float:
    return values[-1]


def _times(run: Run) -> list[float]:
    return [at / _DAY_S for at in thin(run.curves.at_s, _last)]


def _day_axis(runs: Sequence[Run], steps: int = 4) -> Axis:
    return Axis(days(max(run.curves.at_s[-1] for run in runs), steps), "days since the first submission", count)


def _use(results: Results, cast: Cast, run: Run, few: Sequence[Run]) -> Html:
    """Owned and rented GPUs in use, one upon the other."""
    pool = float(results.world.nodes * results.world.gpus_per_node)
    tops = [a + b for r in few for a, b in zip(r.curves.owned_gpus, r.curves.cloud_gpus, strict=True)]
    frame = Frame(_day_axis(few), Axis(from_zero([pool * 1.05, *tops], 4), "GPUs in use", count))
    at, owned = _times(run), thin(run.curves.owned_gpus, _last)
    both_kinds = [a + b for a, b in zip(owned, thin(run.curves.cloud_gpus, _last), strict=True)]
    tips = [
        f"day {t:.1f}: {count(o)} owned, {count(b - o)} rented" for t, o, b in zip(at, owned, both_kinds, strict=True)
    ]
    drawn = frame.drawn(
        area(frame, at, [0.0] * len(at), owned, "owned"),
        area(frame, at, owned, both_kinds, "rented"),
        line(frame, at, both_kinds, "thin", tips),
        rule(frame, pool, f"{count(pool)} owned"),
        label=f"GPUs in use over time under {run.label}: {share(run.utilisation)} of the owned ones are busy.",
    )
    names = [el("span", el("i", class_=f"swatch {kind}"), kind, class_="key") for kind in ("owned", "rented")]
    title = join(
        (cast.key(run), f"{share(run.utilisation)} of owned GPUs busy, {count(run.cloud_gpu_h)} GPU-hours rented")
    )
    return figure(title, drawn, el("p", *names, class_="legend"))


def _queue(cast: Cast, run: Run, few: Sequence[Run]) -> Html:
    """Jobs that wait: the most in each stretch of time."""
    frame = Frame(
        _day_axis(few),
        Axis(_roof([v for r in few for v in r.curves.queued]), "jobs that wait for room", count),
        height=200,
    )
    at, queued = _times(run), thin(run.curves.queued, max)
    tips = [f"day {t:.1f}: {jobs(q)} waiting" for t, q in zip(at, queued, strict=True)]
    most = max(range(len(queued)), key=queued.__getitem__)
    style = cast.style(run.policy)
    drawn = frame.drawn(
        area(frame, at, [0.0] * len(at), queued, style),
        line(frame, at, queued, f"thin {style}", tips),
        label=f"Jobs that wait over time under {run.label}: at most {count(queued[most])}.",
    )
    return figure(join((cast.key(run), _longest(queued[most], at[most]))), drawn)


def _longest(most: float, day: float) -> str:
    return f"The queue is longest on day {count(day)}, {jobs(most)}" if most else "No job waits for room"


def _roof(values: Sequence[float]) -> Scale:
    return from_zero(values, 3)


def _spend(cast: Cast) -> Html:
    """The bills of all policies as they grew."""
    shown = [run for run in cast.leads if run.curves.at_s]
    lead, other = cast.lead, cast.reference
    beside = f", {change(lead.cloud_usd, other.cloud_usd)} beside {other.label}" if other else ""
    title = f"The cloud bill as it grew: {usd(lead.cloud_usd)} in the end under {lead.label}{beside}"
    names = [cast.line(run.policy, f"{run.label}: {usd(run.cloud_usd)}") for run in shown]
    return figure(title, both(lambda width: _spend_plot(cast, shown, width)), el("p", *names, class_="legend"))


def _spend_plot(cast: Cast, shown: Sequence[Run], width: float) -> Html:
    spent = [v for run in shown for v in run.curves.spent_usd]
    frame = Frame(_day_axis(shown, 8), Axis(from_zero(spent), "cloud bill so far", short_usd), width, 320)
    lines = [line(frame, _times(r), _bill(r), cast.style(r.policy), _bill_tips(r)) for r in reversed(shown)]
    ends = ", ".join(f"{run.label} {usd(run.cloud_usd)}" for run in shown)
    return frame.drawn(*lines, label=f"The cloud bill over time; in the end: {ends}.")


def _bill(run: Run) -> list[float]:
    return thin(run.curves.spent_usd, _last)


def _bill_tips(run: Run) -> list[str]:
    return [f"day {t:.1f}, {run.policy}: {usd(v)}" for t, v in zip(_times(run), _bill(run), strict=True)]
