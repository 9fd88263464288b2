"""The options of `spillover backtest` and `spillover what-if`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

FORMATS = "`csv`, `parquet`, `slurm` (sacct --parsable2), `kueue`, `ray` (GET /api/jobs/)"


def _one_of(*known: str) -> Callable[[str | None], str | None]:
    """A callback that lets one of these words through, or none."""

    def checked(word: str | None) -> str | None:
        if word is not None and word not in known:
            raise typer.BadParameter(f"'{word}' is none of {', '.join(known)}.")
        return word

    return checked


def _option(*flags: str, metavar: str, text: str, **more: Any) -> Any:
    return typer.Option(*flags, metavar=metavar, show_default=False, help=text, **more)


Trace = Annotated[Path | None, typer.Argument(metavar="[TRACE]", show_default=False, help=f"The trace: {FORMATS}.")]
FromStore = Annotated[bool, typer.Option("--from-store", help="Play what ran here: the history of the settings.")]
FormatName = Annotated[
    str | None, _option("--format", metavar="NAME", text=f"What the trace is: {FORMATS}. Else seen from it.")
]
Nodes = Annotated[
    int | None,
    _option(
        "--nodes", metavar="N", min=0, text="Owned nodes; else the settings', else the fewest that are not overloaded."
    ),
]
GpusPerNode = Annotated[
    int | None, _option("--gpus-per-node", metavar="G", min=1, text="GPUs of an owned node; 8 where nobody says.")
]
Count = Annotated[
    str | None,
    _option(
        "--count",
        metavar="gpus|cpus",
        text="What a gang asks for; GPUs where any job has some.",
        callback=_one_of("gpus", "cpus"),
    ),
]
Policies = Annotated[
    list[str] | None, _option("--policy", "-p", metavar="NAME", text="A policy. May be repeated. Else a useful few.")
]
Set = Annotated[
    list[str] | None,
    _option(
        "--set",
        metavar="KEY=VALUE",
        text="A setting of all policies that have it, `policy.value_of_waiting=5`; of one, "
        "`starburst.coefficient=0.1,0.2`, where each value is a run; of the world, `world.startup_s=60`.",
    ),
]
Prices = Annotated[
    Path | None, _option("--prices", metavar="FILE", text="US dollars a GPU-hour by market, or a catalogue of types.")
]
Instance = Annotated[
    str | None, _option("--instance", metavar="TYPE", text="The catalogue's prices of this type, such as p3.16xlarge.")
]
Region = Annotated[str, typer.Option("--region", metavar="REGION", help="Where the catalogue's prices are of.")]
SpotTrace = Annotated[
    Path | None, _option("--spot-trace", metavar="DIR", text="Recorded spot markets: availability/ and price/.")
]
OrderName = Annotated[
    str | None,
    _option(
        "--order",
        metavar="easy|in_order|any",
        text="Who may pass whom. `easy`, as it is live: who delays nobody.",
        callback=_one_of("easy", "in_order", "any"),
    ),
]
KnownRuntimes = Annotated[
    bool, typer.Option("--known-runtimes", help="Policies see the real run times, as no live one can.")
]
Movable = Annotated[
    float | None,
    _option(
        "--movable",
        metavar="SHARE",
        min=0.0,
        max=1.0,
        text="So many jobs can be moved, where the trace does not say which; they are drawn by --seed.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="What is drawn with it is drawn again.")]
First = Annotated[int | None, _option("--first", metavar="N", min=1, text="Only the first N jobs.")]
Last = Annotated[
    str | None, _option("--last", metavar="N|TIME", text="Only the last N jobs, or those of the last 30d.")
]
Window = Annotated[
    str | None,
    _option("--window", metavar="FROM:TO", text="Only this part of the trace's time: 50%:100%, 30d:60d."),
]
LeaveOut = Annotated[
    int,
    typer.Option("--leave-out", min=0, metavar="N", help="Play the first and the last N jobs, but do not count them."),
]
Workers = Annotated[
    int | None,
    _option(
        "--workers", metavar="N", min=1, text="Runs side by side, as Ray tasks; 1 is without Ray. Else as it pays."
    ),
]
By = Annotated[
    str | None,
    _option(
        "--by",
        metavar="team|size|length",
        text="Also who waits and who spends, group by group.",
        callback=_one_of("team", "size", "length"),
    ),
]
WithBound = Annotated[
    bool,
    typer.Option(
        "--bound", help="Also what no policy could go below at each wait, not even one that knows the future."
    ),
]
SpeedCheck = Annotated[
    bool, typer.Option("--speed-check", help="Play the first run three times in one process, and tell jobs a second.")
]
SpeedAgainst = Annotated[
    Path | None,
    _option(
        "--speed-against",
        metavar="FILE",
        text="A CSV with jobs_per_s, to set beside it. Starburst's simulator (ATC'24 artefact) reached 264 to 4,467.",
    ),
]
Report = Annotated[Path | None, _option("--report", metavar="FILE.html", text="Write the report with its plots.")]
Out = Annotated[Path | None, _option("--out", metavar="FILE.json", text="Write the JSON of record.")]
Config = Annotated[
    Path | None, _option("--config", "-c", metavar="FILE", text="The settings; else ./spillover.yaml, if it is there.")
]
RecordJson = Annotated[bool, typer.Option("--json", help="Print the JSON of record.")]
