"""Looks for machines that should not be there, with or without a server: when one is dead, leaks happen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..adapters.clock import RealClock
from ..adapters.launched_pool import read_cluster
from ..adapters.sql_store import SqlStore
from ..config import LaunchedPool, Settings
from ..control.core import SYSTEM
from ..control.reaper import strays
from ..domain.provider import Machine, Stray
from ..errors import PoolError, SettingsError
from ..ports import Event, Provider
from .pools import make_provider

_GONE_WITHIN_S = 60.0
_LOOK_EVERY_S = 2.0


@dataclass(frozen=True)
class Leaks:
    """What was found. `strays` carry what became of them in `error`: "" if they are gone, or were only listed.

    `leased` are the machines that may be there, `silent` says of each pool whose provider did not answer why.
    """

    strays: tuple[Stray, ...]
    leased: tuple[Machine, ...]
    silent: tuple[tuple[str, str], ...]
    asked: tuple[str, ...]


def find_leaks(settings: Settings, *, end: bool) -> Leaks:
    """List strays in the accounts of all launched pools, and end them unless they are only to be listed.

    Raises SettingsError if this installation never had a server: then nothing of its own can be there.
    """
    folder = settings.state_dir
    if not (folder / "spillover.db").exists():
        raise SettingsError([f"state_dir: {folder} holds no database: no server of these settings was ever started"])
    store = SqlStore.in_folder(folder)
    try:
        providers = make_providers(settings, store.installation_id())
        return asyncio.run(Search(store, providers).run(end=end))
    finally:
        store.close()


def make_providers(settings: Settings, installation: str) -> dict[str, Provider]:
    """Who rents out the machines of each launched pool, where we can ask."""
    launched = {name: raw for name, raw in settings.pools.items() if isinstance(raw, LaunchedPool)}
    made = {name: make_provider(read_cluster(raw.cluster), installation) for name, raw in launched.items()}
    return {name: provider for name, provider in made.items() if provider is not None}


class Search:
    """One search through all accounts."""

    def __init__(self, store: SqlStore, providers: dict[str, Provider]) -> None:
        self._store = store
        self._providers = providers
        self._clock = RealClock()
        self._silent: dict[str, str] = {}

    async def run(self, *, end: bool) -> Leaks:
        """Look, and end what should not be there."""
        before = self._store.pool_states()
        listed = await self._all()
        machines = {machine.id: machine for machine, _ in listed.values()}
        after = self._store.pool_states()
        found = strays(machines.values(), before, after, self._clock.now())
        ids = {stray.machine.id for stray in found}
        leased = tuple(m for m in machines.values() if m.state.there and m.id not in ids)
        if end:
            found = await self._end(found, {i: listed[i][1] for i in ids})
        return Leaks(tuple(found), leased, tuple(self._silent.items()), tuple(self._providers))

    async def _all(self) -> dict[str, tuple[Machine, Provider]]:
        """All machines with who rents them out. Pools in one account show each other's: each is listed once."""
        found: dict[str, tuple[Machine, Provider]] = {}
        for name, provider in self._providers.items():
            try:
                found.update({machine.id: (machine, provider) for machine in await provider.machines()})
            except PoolError as error:
                self._silent[name] = str(error)
        return found

    async def _end(self, found: list[Stray], owners: dict[str, Provider]) -> list[Stray]:
        refused: dict[str, str] = {}
        for stray in found:
            self._note(stray, f"stray machine {stray.machine.id}, {stray.why}: ending it")
            try:
                await owners[stray.machine.id].end([stray.machine.id])
            except PoolError as error:
                refused[stray.machine.id] = str(error)
        left = await self._left({stray.machine.id for stray in found} - refused.keys())
        return [_told(stray, refused.get(stray.machine.id), still=stray.machine.id in left) for stray in found]

    async def _left(self, ids: set[str]) -> set[str]:
        """Those that their provider still shows after a while."""
        until = self._clock.now() + _GONE_WITHIN_S
        while ids and self._clock.now() < until:
            there = {machine.id for machine, _ in (await self._all()).values() if machine.state.there}
            ids &= there
            if ids:
                await self._clock.sleep(_LOOK_EVERY_S)
        return ids

    def _note(self, stray: Stray, text: str) -> None:
        subject = f"pool:{stray.machine.pool or 'unknown'}"
        self._store.add_event(Event(self._clock.now(), SYSTEM, subject, text))


def _told(stray: Stray, refused: str | None, *, still: bool) -> Stray:
    error = refused or (f"still there {_GONE_WITHIN_S:g} s after its end was accepted" if still else "")
    return Stray(stray.machine, stray.why, 1, error)
