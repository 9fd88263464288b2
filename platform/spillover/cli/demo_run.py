"""Runs a demo from its folder's making to the proof that nothing is left; a signal at any moment only shortens it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from ..bootstrap.serving import Platform, platform
from ..config import load_settings
from ..errors import SpilloverError
from .demo_compare import comparison
from .demo_face import Face, make_face
from .demo_registry import Place, registered
from .demo_site import CLOUD, DEMO_MARK, NAMES, ONPREM, PRICES, PRICES_SAY, RULES, TEAMS, end_site, prepare, still_there
from .demo_story import Ending, Story
from .demo_summary import comparison_table, summary
from .text import age, dollars

T = TypeVar("T")

FAILED, INTERRUPTED = 1, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Somebody asked the demo to end."""


class Stop:
    """Whether somebody asked the demo to end. Asking twice does not cut the clean-up short."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self._face: Face | None = None
        for signum in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, self.ask)

    def ask(self) -> None:
        """What a signal does."""
        again = self._wanted.is_set()
        self._wanted.set()
        if self._face:
            text = "Still cleaning up, and that is not cut short." if again else "Stopping: ending what was started."
            self._face.say(text)

    def lost(self) -> None:
        """Nobody reads the output any more."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        self._wanted.set()

    def tell(self, face: Face) -> None:
        """Where to say that the request was heard."""
        self._face = face

    def check(self) -> None:
        """Raises Interrupted if somebody asked."""
        if self._wanted.is_set():
            raise Interrupted

    async def unless(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, or cancel it, wait for its end and raise Interrupted when somebody asks."""
        task, asked = asyncio.create_task(work), asyncio.create_task(self._wanted.wait())
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not task.done():
            task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        self.check()
        if isinstance(result, BaseException):
            raise result
        return result


async def run_demo(jobs: Path, clusters: Path, *, keep: bool) -> int:
    """The whole demo. Returns the exit code."""
    stop, started_at = Stop(), time.time()
    face = make_face(started_at, stop.lost)
    stop.tell(face)
    try:
        with registered(face.say) as place:
            place.keep = keep
            try:
                return await _at(place, stop, face, jobs, clusters)
            finally:
                face.still()
                _say_end(place, face, started_at)
    except Interrupted:
        return INTERRUPTED


async def _at(place: Place, stop: Stop, face: Face, jobs: Path, clusters: Path) -> int:
    stop.check()
    os.environ[DEMO_MARK] = str(place.site.root)  # for the launchers that the platform starts
    prepare(place.site, clusters / "embedded.yaml", place.blocks)
    logging.basicConfig(filename=place.site.root / "demo.log", level=logging.INFO)
    settings = load_settings(place.site.settings_file, environ={})
    _say_begin(face)
    tables: list[Any] = []
    ending: Ending | None = None
    failure = ""
    try:
        async with platform(settings, fold_on_exit=True, say=face.say) as running:
            try:
                ending = await stop.unless(Story(running, place.site, jobs, face).run())
                tables = _tables(running, ending)
            except SpilloverError as error:
                failure = str(error)
            finally:
                face.still()
    finally:
        _prove(place, face)
    for table in tables:
        face.table(table)
    return _judge(place, face, ending, failure)


def _tables(running: Platform, ending: Ending) -> list[Any]:
    rows = comparison(running.control.core)
    return [summary(ending.jobs, ending.cost), comparison_table(rows)]


def _judge(place: Place, face: Face, ending: Ending | None, failure: str) -> int:
    bad = [job for job in ending.jobs if job.status != "succeeded"] if ending else []
    for job in bad:
        face.say(f"{job.submission_id} {job.status}: {job.message}")
    if failure:
        face.say(f"The demo failed: {failure}")
    if bad or failure:
        place.keep = True
    return FAILED if bad or failure else 0


def _prove(place: Place, face: Face) -> None:
    """Look for whatever may still run, and end it."""
    left = still_there(place.site)
    if not left:
        face.say("Nothing is left running: the provider lists no node, and no process carries the demo's marks.")
        return
    face.say(f"Still there after folding: {', '.join(left)}. Ending them.")
    stubborn = end_site(place.site, keep=True)
    face.say(f"These would not end: {', '.join(stubborn)}" if stubborn else "Now nothing is left running.")


def _say_begin(face: Face) -> None:
    face.say(
        f"Two Ray clusters on this machine, one worker of 2 CPUs each: {ONPREM}, owned, {dollars(PRICES[ONPREM])} an "
        f"hour; {CLOUD}, rented, {dollars(PRICES[CLOUD])} an hour, at zero until it is needed."
    )
    stay = ", ".join(team for team, may in TEAMS.items() if not may)
    face.say(f"{PRICES_SAY}. A job bursts at: {', or '.join(RULES)}. Team {stay} may not leave the building.")
    face.say(f"Raising {NAMES[0]}; jobs follow as soon as it is up.")


def _say_end(place: Place, face: Face, started_at: float) -> None:
    if place.keep:
        face.say(f"Its settings, store and logs are kept in {place.site.root}.")
    face.say(f"The demo took {age(time.time() - started_at)}.")
