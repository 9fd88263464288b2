"""`spillover demo`: a few minutes of hybrid cloud on one machine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from .output import failures

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def demo(
    jobs: Annotated[
        Path | None, typer.Option("--jobs", metavar="DIR", help="Where train_bytes/ is.", show_default="jobs")
    ] = None,
    clusters: Annotated[
        Path | None, typer.Option("--clusters", metavar="DIR", help="Where embedded.yaml is.", show_default="clusters")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with settings, store and logs.")] = False,
) -> None:
    """Run real training on two Ray clusters on this machine, and see what waits, what bursts, and what it costs."""
    for signum in _SIGNALS:  # like Ctrl-C, until the demo itself takes them over
        signal.signal(signum, signal.default_int_handler)
    with failures():
        import asyncio

        from .demo_needs import check, checkout_folder

        jobs, clusters = jobs or checkout_folder("jobs"), clusters or checkout_folder("clusters")
        check(jobs.absolute(), clusters.absolute())
        from .demo_run import run_demo

        raise typer.Exit(asyncio.run(run_demo(jobs.absolute(), clusters.absolute(), keep=keep)))
