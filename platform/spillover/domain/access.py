"""Who may do what: callers, their roles, and the tokens that prove who they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EVERY_TEAM = "*"
"""The team of a viewer who may look at everybody's work. It is no account: nothing is booked on it."""


class Role(StrEnum):
    """What a token allows. Each role allows all that the ones before it do.

    VIEWER looks at the jobs of its team. USER submits, and stops and deletes jobs of its own. OPERATOR looks at,
    stops and deletes everybody's jobs, folds and fences pools. ADMIN makes and revokes tokens, and submits for any
    team.
    """

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"

    def allows(self, least: Role) -> bool:
        """Whether this role is `least` or one above it."""
        return _ORDER.index(self) >= _ORDER.index(least)


_ORDER = tuple(Role)


@dataclass(frozen=True)
class Caller:
    """Who sends a request. Packages are kept apart by `user`, jobs are shown within `team`."""

    user: str
    team: str
    role: Role = Role.USER

    @property
    def sees_all(self) -> bool:
        """Whether every team's work is shown to the caller."""
        return self.role.allows(Role.OPERATOR) or self.team == EVERY_TEAM

    def sees(self, team: str) -> bool:
        """Whether work of that team is shown to the caller: jobs, logs, decisions, spend."""
        return self.sees_all or self.team == team

    def commands(self, user: str) -> bool:
        """Whether the caller may stop and delete jobs of that user."""
        return self.role.allows(Role.OPERATOR) or (self.role.allows(Role.USER) and self.user == user)


@dataclass(frozen=True)
class Token:
    """A token as it is kept: never the token itself, only its hash, and a short id to speak of it.

    Times are Unix seconds. None: for ever, never revoked, never used.
    """

    token_id: str
    token_hash: str
    caller: Caller
    created_at: float
    created_by: str
    expires_at: float | None = None
    revoked_at: float | None = None
    used_at: float | None = None

    def why_dead(self, now: float) -> str:
        """Why the token lets nobody in any more, or "" if it does."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return ""
