"""What the settings say as far as it is clear, so that one mistake does not hide others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .positions import mapping
from .schema import AnyPool, AttachedPool, Defaults, LaunchedPool, Listen, Policy, Settings, Team


@dataclass(frozen=True)
class Parts:
    """The parts that have no mistake of their own. `complete`: nothing was left out."""

    policy: Policy | None = None
    defaults: Defaults | None = None
    listen: Listen | None = None
    teams: Mapping[str, Team] = field(default_factory=dict, hash=False)
    pools: Mapping[str, AnyPool] = field(default_factory=dict, hash=False)
    shadow_policy: Policy | None = None
    complete: bool = False


def whole(settings: Settings) -> Parts:
    """The parts of settings that are right as a whole."""
    return Parts(
        policy=settings.policy,
        defaults=settings.defaults,
        listen=settings.listen,
        teams=settings.teams,
        pools=settings.pools,
        shadow_policy=settings.shadow_policy,
        complete=True,
    )


def parts_of(tree: Mapping[str, Any]) -> Parts:
    """Whatever can be understood by itself."""
    teams = {str(name): _valid(Team, team) for name, team in mapping(tree.get("teams")).items()}
    pools = {str(name): _pool(pool) for name, pool in mapping(tree.get("pools")).items()}
    return Parts(
        policy=_of_field("policy", tree),
        defaults=_of_field("defaults", tree),
        listen=_of_field("listen", tree),
        teams={name: team for name, team in teams.items() if team},
        pools={name: pool for name, pool in pools.items() if pool},
        shadow_policy=_of_field("shadow_policy", tree),
    )


def _pool(raw: Any) -> AnyPool | None:
    found: AnyPool | None = _valid(AttachedPool if mapping(raw).get("kind") == "attached" else LaunchedPool, raw)
    return found


def _of_field(name: str, tree: Mapping[str, Any]) -> Any:
    known = Settings.model_fields[name]
    if name in tree:
        return _valid(known.rebuild_annotation(), tree[name])
    return None if known.is_required() else known.get_default(call_default_factory=True)


def _valid(kind: Any, raw: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError:
        return None
