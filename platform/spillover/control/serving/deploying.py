"""What Ray's Serve API asks of control. It only sets what should be; the keeper does the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...domain.access import Caller
from ...domain.answers import ApplicationView, Page
from ...domain.job import JobTarget
from ...domain.questions import ApplicationQuery
from ...domain.serving import Application
from ...errors import BadRequest, Forbidden, NotFound
from ..core import Core
from ..packages import Packages
from ..paging import page
from ..rights import check_submits
from .app_views import application_view
from .asked import read_applications
from .details import instance_details
from .fitting import check_fits
from .state import AppState

States = Callable[[], Awaitable[Sequence[AppState]]]
ReadConfig = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

_NOT_OURS = ("applications",)


class Deploying:
    """Takes Serve config files, and says what became of them.

    `states` are all applications as they are now. `read` checks a file as Ray does, and returns it as Ray's client
    would have sent it; it raises BadRequest in Ray's words.
    """

    def __init__(self, core: Core, packages: Packages, states: States, read: ReadConfig) -> None:
        self._core = core
        self._packages = packages
        self._states = states
        self._read = read
        self._one_by_one = asyncio.Lock()
        self._reading = asyncio.Lock()  # a reader takes much memory

    async def deploy(self, caller: Caller, config: Mapping[str, Any]) -> None:
        """Serve exactly the applications of this file for the caller. Other users' stay as they are.

        Raises BadRequest, Forbidden, NotInstalled.
        """
        check_submits(caller)
        async with self._reading:
            read = await self._read(config)
        now = self._core.clock.now()
        asked = read_applications(read["applications"], caller, self._core.settings.may_burst, now)
        for application in asked:
            await self._check_packages(caller, application)
            check_fits(self._core, application)
        async with self._one_by_one:
            await self._save(caller, asked, _note(read))
        self._core.wake.set()

    async def shutdown(self, caller: Caller) -> None:
        """Take all of the caller's applications down. Raises Forbidden."""
        check_submits(caller)
        async with self._one_by_one:
            await self._save(caller, [], "")
        self._core.wake.set()

    async def stop(self, caller: Caller, name: str) -> str:
        """Take one application down, whoever deployed it: its user or an operator may. Raises NotFound, Forbidden."""
        check_submits(caller)
        async with self._one_by_one:
            there = {a.name: a for a in await self._core.db(self._core.store.applications) if _sees(caller, a)}
            if name not in there:
                raise NotFound(f"There is no application '{name}'; `spillover applications` shows them.")
            application = there[name]
            if not caller.commands(application.user):
                who = f"this token is {caller.user}'s, a {caller.role} of team '{caller.team}'"
                raise Forbidden(f"Forbidden: application {name} is {application.user}'s; {who}.")
            event = self._core.event(caller.user, subject(name), "asked to be taken down")
            stopping = replace(application, target=JobTarget.STOP)
            await self._core.db(self._core.store.save_applications, [stopping], [event])
        self._core.wake.set()
        return f"Application {name} is being taken down."

    async def details(self, caller: Caller, *, redact: bool = False) -> Mapping[str, Any]:
        """Ray's ServeInstanceDetails of what the caller may see. Values of env_vars are their user's alone.

        `redact`: mask those too.
        """
        seen = [state for state in await self._states() if _sees(caller, state.application)]
        return instance_details(seen, None if redact else caller.user)

    async def applications(self, caller: Caller, query: ApplicationQuery) -> Page[ApplicationView]:
        """The applications that the caller may see, by name. Raises BadRequest."""
        pools = {name: runtime.pool for name, runtime in self._core.pools.items()}
        shown = [
            application_view(state, pools)
            for state in await self._states()
            if _sees(caller, state.application)
            and query.team in (None, state.application.team)
            and query.user in (None, state.application.user)
        ]
        return page(shown, query.limit, query.after)

    async def _check_packages(self, caller: Caller, application: Application) -> None:
        for uri in sorted(package_uris(application.config)):
            if not await self._packages.exists(caller.user, uri):
                raise BadRequest(
                    f"application '{application.name}': package {uri} does not exist. Upload it first, as Ray's job "
                    "client does, or name a folder that is on every node as local:///FOLDER."
                )

    async def _save(self, caller: Caller, asked: Sequence[Application], note: str) -> None:
        there = {a.name: a for a in await self._core.db(self._core.store.applications)}
        _check_not_taken(caller, asked, there.values())
        changed = [_next(a, there.get(a.name)) for a in asked]
        left = {a.name: a for a in there.values() if a.user == caller.user and a.target is JobTarget.RUN}
        gone = [replace(left[name], target=JobTarget.STOP) for name in left.keys() - {a.name for a in asked}]
        events = [self._core.event(caller.user, subject(a.name), _deployed(a) + note) for a in changed]
        events += [self._core.event(caller.user, subject(a.name), "asked to be taken down") for a in gone]
        await self._core.db(self._core.store.save_applications, [*changed, *gone], events)


def subject(name: str) -> str:
    """What an application is called in the history."""
    return f"serve:{name}"


def package_uris(config: Any) -> set[str]:
    """The uploaded packages that any runtime environment of an application refers to."""
    if isinstance(config, str):
        return {config} if config.startswith("gcs://") else set()
    parts = config.values() if isinstance(config, Mapping) else config if isinstance(config, list) else ()
    return set().union(*(package_uris(part) for part in parts))


def _sees(caller: Caller, application: Application) -> bool:
    return caller.user == application.user or caller.sees(application.team)


def _check_not_taken(caller: Caller, asked: Sequence[Application], there: Iterable[Application]) -> None:
    """Names and routes are there once for all users. Raises BadRequest that names each that is taken."""
    others = [a for a in there if a.user != caller.user]
    mistakes = []
    for application in asked:
        for other in others:
            if application.name == other.name:
                mistakes.append(f"the name '{other.name}' is taken by an application of {other.user}; take another one")
            elif application.route_prefix == other.route_prefix and other.target is JobTarget.RUN:
                prefix = f"the route_prefix '{other.route_prefix}'"
                mistakes.append(f"{prefix} is taken by {other.user}'s application '{other.name}'; take another one")
    if mistakes:
        raise BadRequest("; ".join(mistakes))


def _next(asked: Application, last: Application | None) -> Application:
    return replace(asked, generation=last.generation + 1) if last else asked


def _deployed(application: Application) -> str:
    terms = application.terms
    owned, rented = (f"{r.least} to {r.most}" for r in (terms.baseline, terms.burst))
    return f"deployed, generation {application.generation}: {owned} replicas on owned pools, {rented} on rented ones"


def _note(config: Mapping[str, Any]) -> str:
    aside = sorted(set(config) - set(_NOT_OURS))
    return f"; {', '.join(aside)} of the file left aside: how pools run Serve is set there" if aside else ""
