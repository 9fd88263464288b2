"""What may be asked of a new token. Every refusal names the field, the value and the remedy."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection

from ..domain.access import EVERY_TEAM, Caller, Role
from ..domain.questions import TokenRequest
from ..errors import BadRequest
from .core import SYSTEM

DEFAULT_LIFE_S = 90 * 86400.0
LONGEST_LIFE_S = 3650 * 86400.0

# It stands in addresses, tables and the history.
_USER = re.compile(r"\w[\w.@+-]{0,63}")


def holder(asked: TokenRequest, teams: Collection[str]) -> Caller:
    """Who would hold the token. Raises BadRequest."""
    role = _role(asked.role)
    _check_user(asked.user)
    _check_team(asked.team, role, teams)
    return Caller(asked.user, asked.team, role)


def expiry(asked: TokenRequest, now: float) -> float | None:
    """When the token would expire; None: never, which must be asked for as 0. Raises BadRequest."""
    return end_of_life(asked.expires_in_s, now, "a token")


def end_of_life(expires_in_s: float | None, now: float, what: str) -> float | None:
    """When `what` would end that lives so long, by default DEFAULT_LIFE_S; 0: never, so None. Raises BadRequest."""
    life = DEFAULT_LIFE_S if expires_in_s is None else expires_in_s
    if not (math.isfinite(life) and 0 <= life <= LONGEST_LIFE_S):
        raise BadRequest(
            f"expires_in_s {life:g} is no life of {what}: write up to {LONGEST_LIFE_S:.0f} seconds (ten years), "
            f"0 for one that never expires, or leave it out for {DEFAULT_LIFE_S / 86400:.0f} days"
        )
    return now + life if life else None


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise BadRequest(f"role '{name}' is unknown; {_near(name, tuple(Role))}") from None


def _check_user(user: str) -> None:
    if not _USER.fullmatch(user):
        raise BadRequest(
            f"user {user!r} is no name for a user: write up to 64 letters, digits, '.', '-', '_', '@' or '+', "
            "with a letter or digit first"
        )
    if user == SYSTEM:
        raise BadRequest(f"user '{SYSTEM}' is who acts in the history when nobody asked for it; take another name")


def _check_team(team: str, role: Role, teams: Collection[str]) -> None:
    if team == EVERY_TEAM:
        if role is not Role.VIEWER:
            raise BadRequest(
                f"team '{EVERY_TEAM}' is for viewers, who only look; a token of the role '{role}' needs a team of its "
                f"own: {', '.join(teams)}"
            )
    elif team not in teams:
        raise BadRequest(f"team '{team}' is none of the settings' teams; {_near(team, tuple(teams))}")


def _near(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
