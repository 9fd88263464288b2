"""Keeps HAProxy as the table says: starts it, finds it again, and tells it only what is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..domain.serving import Backend, Table
from ..errors import DataPlaneError
from .addresses import Addresses
from .admin import Admin, NoAnswer, pieces
from .configuration import Settings, configuration, fingerprint
from .files import Files, write
from .live import LiveSlot, look
from .plan import Plan, SlotKey, plan_of
from .process import Process
from .servers import Wanted, arranged, commands
from .shape import MAPS
from .slots import Slots

Maps = Mapping[str, Mapping[str, str]]


class Keeper:
    """One HAProxy and what it was told last. `table` is that table, empty before the first `apply`."""

    def __init__(self, files: Files, settings: Settings, script: str, tls: tuple[Path, Path] | None) -> None:
        self._files = files
        self._settings = settings
        self._script = script
        self._tls = tls
        self._process = Process(files)
        self._admin = Admin(str(files.admin))
        self._slots = Slots(files.folder / "slots.json")
        self._addresses = Addresses()
        self._told: tuple[int, Table, Maps] | None = None
        self._pending = False
        self.table = Table()

    def apply(self, table: Table) -> None:
        """Make it so. Raises DataPlaneError, after all that can be done is."""
        plan, mark = plan_of(table), self._mark()
        self.table = table
        found = self._process.running()
        if self._told and found == (self._told[0], mark) and table == self._told[1] and not self._pending:
            return
        self._slots.read()
        self._slots.assign(plan.slots)
        self._addresses.learn(b for backends in plan.slots.values() for b in backends)
        maps = self._maps(plan)
        pid = self._there(plan, maps, mark, found)
        self._bring_maps_and_servers(plan, maps, pid)
        self._addresses.complain()
        self._told = (pid, table, maps)

    def look(self) -> tuple[Mapping[str, LiveSlot], Mapping[str, SlotKey]]:
        """The slots in use, and what they are for. Starts HAProxy again if it died. Raises NoAnswer, DataPlaneError."""
        if self._process.running() is None:
            if self._told is None:
                raise NoAnswer("HAProxy does not run")
            self.apply(self.table)
        assigned = self._slots.assigned()
        return look(self._admin, assigned), assigned

    def stop(self, grace_s: float) -> None:
        """End HAProxy; it is not started again before the next `apply`."""
        self._told, self.table = None, Table()
        self._process.stop(grace_s)

    def _mark(self) -> str:
        pem = b""
        if self._tls:
            try:
                pem = b"\n".join(path.read_bytes().strip() for path in self._tls) + b"\n"
            except OSError as error:
                raise DataPlaneError(f"The data plane cannot read its certificate or key: {error}") from error
            write(self._files.pem, pem)
        return fingerprint(self._settings, self._script.encode(), pem)

    def _maps(self, plan: Plan) -> Maps:
        places = {place: self._slots.name(key) for place, key in plan.places.items()}
        return {"places": places, "routes": plan.routes, "grants": plan.grants, "keys": plan.keys}

    def _there(self, plan: Plan, maps: Maps, mark: str, found: tuple[int, str] | None) -> int:
        """Files for the next start, and a process with these settings; returns its pid."""
        slots = {self._slots.name(key): arranged(self._wanted(b), ()) for key, b in plan.slots.items()}
        write(self._files.configuration, configuration(self._settings, mark, slots))
        write(self._files.lua, self._script)
        for name in MAPS:
            write(self._files.map(name), "".join(pieces(maps[name].items())))
        if found is None:
            return self._process.start()
        return found[0] if found[1] == mark else self._process.start(replaces=found[0])

    def _bring_maps_and_servers(self, plan: Plan, maps: Maps, pid: int) -> None:
        """New members first, then the ways to them; those that leave go after nothing leads there any more."""
        live = look(self._admin, self._slots.assigned())
        complaints = self._servers(plan, live, leaving=False)
        before: Maps = self._told[2] if self._told and self._told[0] == pid else {}
        for name in MAPS:
            if before.get(name) != maps[name]:
                self._admin.replace_map(f"{name}.map", maps[name])
        live = look(self._admin, self._slots.assigned())
        complaints += self._servers(plan, live, leaving=True)
        self._clear(plan, live)
        if complaints:
            raise DataPlaneError("; ".join(complaints))

    def _servers(self, plan: Plan, live: Mapping[str, LiveSlot], *, leaving: bool) -> list[str]:
        complaints: list[str] = []
        self._pending = False
        for name, key in self._slots.assigned().items():
            slot = live[name]
            members = plan.slots.get(key)
            if members is None:
                members = plan.members(key) if slot.queued or slot.held else ()
            target = arranged(self._wanted(members), slot.servers)
            self._pending |= {s.name for s in slot.servers} != {s.name for s in target} or key not in plan.slots
            for command in commands(name, target, slot.servers, leaving=leaving):
                complaints += self._tell(command)
        return complaints

    def _tell(self, command: str) -> list[str]:
        """What HAProxy says against it. That a server cannot be deleted yet is no complaint: it is asked again."""
        try:
            self._admin.tell(command)
        except NoAnswer:
            raise
        except DataPlaneError as error:
            return [] if command.startswith("del server") else [str(error)]
        return []

    def _clear(self, plan: Plan, live: Mapping[str, LiveSlot]) -> None:
        """Take back slots that nothing leads to and nothing is in."""
        empty = [n for n, slot in live.items() if not slot.servers and not slot.sessions and not slot.held]
        self._slots.free([name for name in empty if self._slots.assigned()[name] not in plan.slots])

    def _wanted(self, backends: Sequence[Backend]) -> list[Wanted]:
        return [want for backend in backends for want in self._addresses.wanted(backend)]
