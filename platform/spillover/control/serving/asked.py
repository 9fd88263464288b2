"""From a Serve config file to the applications that its user asks for, or to a refusal that names every mistake."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...domain.access import Caller, Role
from ...domain.serving import Application, ServeTerms
from ...errors import BadRequest, Forbidden
from .block import read_block

RAYS_NAME, RAYS_ROUTE = "default", "/"
"""What Ray calls an application that has no name, and where it serves one that has no route."""

# It names jobs, backends and columns of the log
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ROUTE = re.compile(r"/|(?:/[A-Za-z0-9._~-]+)+")


def read_applications(
    entries: Sequence[Mapping[str, Any]], caller: Caller, teams: Collection[str], now: float
) -> list[Application]:
    """The applications of a file that Ray finds nothing wrong with. Raises BadRequest, Forbidden."""
    found, mistakes = [], []
    for entry in entries:
        try:
            found.append(_application(entry, caller, teams, now))
        except BadRequest as error:
            mistakes.append(error.text)
    if mistakes:
        raise BadRequest("; ".join(mistakes))
    return found


def _application(entry: Mapping[str, Any], caller: Caller, teams: Collection[str], now: float) -> Application:
    name, route = entry.get("name", RAYS_NAME), entry.get("route_prefix", RAYS_ROUTE)
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"application {name!r}: use 1 to 64 letters, digits, '_', '-' and '.' as a name, starting with a letter, a "
            "digit or '_'"
        )
    if route is None or not _ROUTE.fullmatch(route):
        # Ray's words for the two that it finds itself, when the application starts
        raise BadRequest(f"application '{name}': {_why_no_route(route)}")
    terms, config = read_block(entry)
    return Application(name, caller.user, _team(name, terms, caller, teams), route, config, terms, now)


def _why_no_route(route: str | None) -> str:
    if route is None:
        return "route_prefix is null, so that no request would reach it; write one, such as '/chat'"
    got = f'Got "{route}" for route_prefix. Route prefix'
    if not route.startswith("/"):
        return f'{got} must start with "/".'
    if route.endswith("/"):
        return f'{got} cannot end with "/" unless the entire prefix is just "/".'
    return f"{got} may hold letters, digits and '._~-' between its slashes."


def _team(name: str, terms: ServeTerms, caller: Caller, teams: Collection[str]) -> str:
    team = terms.team or caller.team
    if team != caller.team and caller.role is not Role.ADMIN:
        mine = f"your token is of team '{caller.team}'"
        raise Forbidden(f"Forbidden: {mine}: it cannot deploy '{name}' for team '{team}'.")
    if team not in teams:
        near = difflib.get_close_matches(team, teams, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(teams))}"
        raise BadRequest(f"application '{name}': team '{team}' is not in the settings; {hint}")
    return team
