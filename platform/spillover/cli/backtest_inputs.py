"""What a backtest is made of, from what was said on the command line, the settings and the files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadArgument, SettingsError

if TYPE_CHECKING:
    from ..backtest.readers import Loaded, Reading
    from ..backtest.world import World
    from ..config import Settings

SETTINGS = Path("spillover.yaml")


@dataclass(frozen=True)
class TraceAsked:
    """Which trace, how it is read, and which part of it is played."""

    file: Path | None
    from_store: bool
    format: str | None
    count: str | None
    movable: float | None
    seed: int
    first: int | None
    last: str | None
    window: str | None


@dataclass(frozen=True)
class WorldAsked:
    """The owned nodes, prices and rules of the replay."""

    nodes: int | None
    gpus_per_node: int | None
    prices: Path | None
    instance: str | None
    region: str
    spot_trace: Path | None
    order: str | None
    known_runtimes: bool


def settings_at(config: Path | None) -> Settings | None:
    """The settings of that file, or of ./spillover.yaml if there is one. Raises SettingsError for what is wrong."""
    if config is None and not SETTINGS.exists():
        return None
    from ..config import read_settings

    reading = read_settings(config or SETTINGS)
    if reading.settings is None:
        raise SettingsError([str(finding) for finding in reading.told() if not finding.warning])
    return reading.settings


def load_trace(asked: TraceAsked, settings: Settings | None) -> Loaded:
    """The part of the trace, or of the history, that is to be played. Raises BadArgument."""
    from ..backtest.readers import Reading, read_trace
    from ..backtest.sizing import part

    how = Reading(asked.count, asked.movable, asked.seed)
    if asked.from_store:
        loaded = _history(asked, settings, how)
    elif asked.file is None:
        raise BadArgument("say which trace to play, or --from-store for what ran here")
    else:
        loaded = read_trace(asked.file, how, asked.format)
    return replace(loaded, trace=part(loaded.trace, first=asked.first, last=asked.last, window=asked.window))


def _history(asked: TraceAsked, settings: Settings | None, how: Reading) -> Loaded:
    if asked.file is not None:
        raise BadArgument(f"play either {asked.file} or --from-store, not both")
    if settings is None:
        raise BadArgument(
            "--from-store plays the history of the settings: there is no spillover.yaml here; say -c FILE"
        )
    from ..bootstrap.backtesting import load_history

    return load_history(settings, how).loaded


def make_world(asked: WorldAsked, loaded: Loaded, settings: Settings | None) -> tuple[World, list[str]]:
    """The world, and in sentences where its sizes and prices come from. Raises BadArgument."""
    from ..backtest.prices import default_source, read_prices
    from ..backtest.world import Order

    world, notes = _sized(asked, loaded, settings)
    if asked.prices or asked.instance:
        prices = read_prices(asked.prices, asked.instance, asked.region)
        world = prices.put_on(world)
        notes = [note for note in notes if not note.startswith("prices:")] + [prices.source]
    elif not any(note.startswith("prices:") for note in notes):
        notes.append(default_source(world))
    if asked.spot_trace:
        from ..backtest.spot import read_spot

        spot = read_spot(asked.spot_trace)
        world = replace(world, spot=spot.zones, spot_usd=world.spot_usd if spot.usd is None else spot.usd)
        notes.append(spot.source)
    if asked.order:
        world = replace(world, order=Order(asked.order))
    return replace(world, known_runtimes=asked.known_runtimes), notes


def _sized(asked: WorldAsked, loaded: Loaded, settings: Settings | None) -> tuple[World, list[str]]:
    """As many nodes as are asked for, else those of the settings, else the fewest that the jobs do not overload."""
    from ..backtest.sizing import fitting_nodes, mean_demand
    from ..backtest.world import World

    if asked.nodes is None and asked.gpus_per_node is None and settings is not None:
        from ..bootstrap.backtesting import live_setup

        live = live_setup(settings, loaded.count)
        return live.world, list(live.notes)
    per_node = asked.gpus_per_node or 8
    if asked.nodes is not None:
        return World(asked.nodes, per_node), []
    nodes = fitting_nodes(loaded.trace, per_node)
    told = (
        f"owned: {nodes} nodes with {per_node} GPUs, the fewest that the jobs do not overload: they keep "
        f"{mean_demand(loaded.trace):,.0f} GPUs busy on average; --nodes takes another number"
    )
    return World(nodes, per_node), [told]
