"""Puts control together from its parts."""

from __future__ import annotations

from dataclasses import dataclass

from .attempts import Attempts
from .bills import Bills, Compare
from .core import Core
from .endings import Endings
from .explaining import Explaining
from .finder import Finder
from .handover import Handover
from .host_orders import HostOrders
from .hosts import HostKeeper
from .insight import Insight
from .intake import Intake
from .job_views import JobViews
from .links import Links
from .logs import LogFiles, LogRelay
from .loop import Book, ControlLoop
from .machines import MachineWatch
from .moving import Moves, Moving
from .operators import Operators
from .overuse import Overuse
from .packages import Packages
from .passes import Passes
from .pool_views import PoolViews
from .pools import Pools
from .runs import runs_of
from .sending import PackageSender
from .service import Service
from .serving.api_keys import ApiKeys
from .serving.deploying import Deploying, ReadConfig
from .serving.keeper import Keeper
from .serving.metering import RequestMeter
from .serving.routing import Gate
from .serving.sites import make_sites
from .shadow import Shadow
from .shadow_report import ShadowReports
from .tokens import Tokens


@dataclass(frozen=True)
class Control:
    """The services for the gateway, and the loop that does the work."""

    core: Core
    service: Service
    insight: Insight
    operators: Operators
    tokens: Tokens
    hosts: HostOrders
    loop: ControlLoop
    pools: Pools
    relay: LogRelay
    served: Keeper
    serve: Deploying
    keys: ApiKeys

    async def close(self) -> None:
        """Stop following logs and let the store's threads go."""
        await self.relay.close()
        self.core.close()


def assemble(
    core: Core, link_key: bytes, book: Book, compare: Compare, moves: Moves, read_config: ReadConfig
) -> Control:
    """All parts around one core.

    `link_key` signs the addresses of packages, `book` is the ledger's meter, `compare` replays what has happened,
    `moves` says which running jobs should go elsewhere, `read_config` reads Serve config files as Ray does.
    """
    packages, files, endings = Packages(core), LogFiles(core.folder), Endings(core)
    links, finder, intake = Links(core, link_key), Finder(core), Intake(core, packages)
    shadow = Shadow(core, core.shadow) if core.shadow else None
    relay, passes, overuse = LogRelay(core, files), Passes(core, shadow), Overuse(core)
    sender, gate = PackageSender(packages, links), Gate(core)
    sites = make_sites(core, sender, gate)
    runs, served = runs_of(core, sites), Keeper(core, sites, gate, RequestMeter(core))
    attempts = Attempts(core, Handover(core, sender, endings, runs), endings, relay, runs)
    views, pools = JobViews(core, passes, overuse), Pools(core)
    reports = ShadowReports(core)
    explaining = Explaining(core, passes, intake, views, reports)
    moving, machines, keeper = Moving(core, passes, moves), MachineWatch(core), HostKeeper(core)
    return Control(
        core=core,
        service=Service(core, intake, packages, files, links, finder),
        insight=Insight(core, finder, views, PoolViews(core, passes), explaining, Bills(core, compare), reports),
        operators=Operators(core),
        tokens=Tokens(core),
        hosts=HostOrders(core),
        loop=ControlLoop(core, passes, moving, attempts, pools, machines, keeper, packages, overuse, served, book),
        served=served,
        serve=Deploying(core, packages, served.states, read_config),
        keys=ApiKeys(core),
        pools=pools,
        relay=relay,
    )
