"""Puts control together from its parts."""

from __future__ import annotations

from dataclasses import dataclass

from .attempts import Attempts
from .core import Core
from .endings import Endings
from .handover import Handover
from .intake import Intake
from .links import Links
from .logs import LogFiles, LogRelay
from .loop import Book, ControlLoop
from .overuse import Overuse
from .packages import Packages
from .passes import Passes
from .pools import Pools
from .service import Service
from .views import Views


@dataclass(frozen=True)
class Control:
    """The service for the gateway, and the loop that does the work."""

    core: Core
    service: Service
    loop: ControlLoop
    pools: Pools
    relay: LogRelay

    async def close(self) -> None:
        """Stop following logs and let the store's threads go."""
        await self.relay.close()
        self.core.close()


def assemble(core: Core, link_key: bytes, book: Book) -> Control:
    """All parts around one core. `link_key` signs the addresses of packages, `book` is the ledger's meter."""
    packages, files, endings = Packages(core), LogFiles(core.folder), Endings(core)
    links = Links(core, link_key)
    relay, passes, overuse = LogRelay(core, files), Passes(core), Overuse(core)
    attempts = Attempts(core, Handover(core, packages, endings, links), endings, relay)
    views = Views(core, passes, overuse)
    service = Service(core, Intake(core, packages), packages, files, links, views)
    pools = Pools(core)
    loop = ControlLoop(core, passes, attempts, pools, packages, overuse, book)
    return Control(core, service, loop, pools, relay)
