"""What can be asked of Spillover's own API: the fields of a query, for the server, the OpenAPI page and the SDK.

A field's `help` says what it means, `choices` what it may be. Lists in a query are parted by commas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .access import Role
from .job import JobStatus
from .pool import PoolKind, PoolRole, PoolStatus

COST_COLUMNS = ("pool", "team", "user", "job", "market", "day", "node_type")
USAGE_COLUMNS = ("tenant", "application", "key", "pool", "day")
MOST_ITEMS = 10_000


def _field(default: Any, text: str, choices: Sequence[str] = ()) -> Any:
    return field(default=default, metadata={"help": text, "choices": tuple(choices)})


def _limit(default: int) -> Any:
    return _field(default, f"How many items at most, 1 to {MOST_ITEMS}.")


def _after() -> Any:
    return _field(None, "`next` of the page before.")


_LIVE = tuple(s.value for s in JobStatus if not s.final)


@dataclass(frozen=True)
class QueueQuery:
    """Which jobs that have not ended."""

    team: str | None = _field(None, "Only this team's.")
    user: str | None = _field(None, "Only this user's.")
    status: tuple[str, ...] = _field((), "Only those in one of these states.", _LIVE)
    pool: str | None = _field(None, "Only those on this pool.")
    limit: int = _limit(100)
    after: str | None = _after()


@dataclass(frozen=True)
class PoolQuery:
    """Which pools."""

    kind: str | None = _field(None, "Only pools of this kind.", [k.value for k in PoolKind])
    role: str | None = _field(None, "Only pools of this role.", [r.value for r in PoolRole])
    status: tuple[str, ...] = _field((), "Only those in one of these states.", [s.value for s in PoolStatus])
    limit: int = _limit(100)
    after: str | None = _after()


@dataclass(frozen=True)
class HostQuery:
    """Which hosts."""

    pool: str | None = _field(None, "Only this pool's.")
    limit: int = _limit(1000)
    after: str | None = _after()


@dataclass(frozen=True)
class EventQuery:
    """Which part of the history."""

    subject: str | None = _field(
        None, "A submission id, `serve:NAME` of an application, `pool:NAME`, a pool's name, `token:ID` or `key:ID`."
    )
    actor: str | None = _field(None, "Only what this user did; `spillover` is Spillover itself.")
    since: float | None = _field(None, "Only from this moment on, in Unix seconds.")
    limit: int = _limit(200)
    after: str | None = _after()


@dataclass(frozen=True)
class CostQuery:
    """Which part of the bill, and how it is grouped. Days are UTC."""

    by: tuple[str, ...] = _field((), "Columns to group by; the whole sum by `kind` if none are named.", COST_COLUMNS)
    since: str | None = _field(None, "The first day, YYYY-MM-DD.")
    until: str | None = _field(None, "The day after the last one, YYYY-MM-DD.")
    team: str | None = _field(None, "Only what this team's jobs cost.")
    compare: bool = _field(False, "Also replay the same jobs as 'never burst' and 'always cloud'.")  # noqa: FBT003


@dataclass(frozen=True)
class ShadowQuery:
    """How far back."""

    days: int = _field(7, f"The last so many times 24 hours, 1 to {MOST_ITEMS}; 30 days are kept.")
    limit: int = _limit(20)


@dataclass(frozen=True)
class TokenQuery:
    """Which tokens."""

    user: str | None = _field(None, "Only this user's.")
    role: str | None = _field(None, "Only those of this role.", [r.value for r in Role])
    dead: bool = _field(False, "Also those that are revoked or have expired.")  # noqa: FBT003
    limit: int = _limit(100)
    after: str | None = _after()


@dataclass(frozen=True)
class TokenRequest:
    """A token to be made."""

    user: str = field(metadata={"help": "Who will hold it: jobs and packages are kept under this name."})
    team: str = field(metadata={"help": "Whose account pays; `*` for a viewer of every team's work."})
    role: str = _field("user", "What it allows: also all that the roles before it do.", [r.value for r in Role])
    expires_in_s: float | None = _field(None, "How long it lives. Null: 90 days; 0: for ever.")


@dataclass(frozen=True)
class ApplicationQuery:
    """Which served applications."""

    team: str | None = _field(None, "Only this team's.")
    user: str | None = _field(None, "Only this user's.")
    limit: int = _limit(100)
    after: str | None = _after()


@dataclass(frozen=True)
class KeyQuery:
    """Which keys."""

    tenant: str | None = _field(None, "Only this tenant's.")
    dead: bool = _field(False, "Also those that are revoked or have expired.")  # noqa: FBT003
    limit: int = _limit(100)
    after: str | None = _after()


@dataclass(frozen=True)
class KeyRequest:
    """A key to be made."""

    tenant: str = field(metadata={"help": "Who its requests are metered for: a team, or any name."})
    requests_per_minute: int | None = _field(None, "How many requests it may send. Null: any number.")
    tokens_per_minute: int | None = _field(None, "How many tokens, read and written. Null: any number.")
    regions: tuple[str, ...] = _field((), "Its requests are served there alone. Empty: anywhere.")
    applications: tuple[str, ...] = _field((), "Those that it may call. Empty: all.")
    expires_in_s: float | None = _field(None, "How long it lives. Null: 90 days; 0: for ever.")


@dataclass(frozen=True)
class UsageQuery:
    """Which requests, and how they are grouped. Days are UTC."""

    by: tuple[str, ...] = _field((), "Columns to group by; one sum if none are named.", USAGE_COLUMNS)
    since: str | None = _field(None, "The first day, YYYY-MM-DD.")
    until: str | None = _field(None, "The day after the last one, YYYY-MM-DD.")
    tenant: str | None = _field(None, "Only this tenant's.")
