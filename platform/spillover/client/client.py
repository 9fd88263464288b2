"""The Python SDK: Spillover's own API with typed questions and answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from ..domain.access import Role
from ..domain.answers import (
    ApplicationView,
    Bill,
    EventView,
    Explanation,
    Health,
    HostView,
    KeyView,
    Message,
    NewKey,
    NewToken,
    PoolInfo,
    QueueEntry,
    Quote,
    ShadowReport,
    TokenView,
    UsageReport,
)
from ..domain.pool import PoolKind, PoolRole
from . import reading
from .arguments import Duration, Names, Workers, argument, boolean_text, day_text, names_text, seconds_of, unix_text
from .connect import find_server
from .metadata import job_metadata
from .transport import TIMEOUT_S, call
from .ways import PYTHON

T = TypeVar("T")


class Client:
    """Asks a Spillover server. Holds no connection: threads may share it.

    The server and the token are found as `spillover` and Ray's clients find them: `SPILLOVER_ADDRESS`,
    `RAY_API_SERVER_ADDRESS`, or the server that this user started last; `RAY_AUTH_TOKEN`, `RAY_AUTH_TOKEN_PATH`, or
    that server's token file. `ca_file` is whom to trust besides the authorities of this machine, else
    `SPILLOVER_CA_FILE`. Jobs are submitted through Ray's `JobSubmissionClient`, with metadata from `job_metadata`.

    Every method raises NoServer if no Spillover server answers within `timeout_s`, and the RequestError of the status
    if it refuses: Unauthenticated, Forbidden, NotFound, BadRequest. All are SpilloverErrors.
    """

    def __init__(
        self,
        address: str | None = None,
        token: str | None = None,
        *,
        ca_file: str | Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        server = find_server(address, PYTHON)
        if token is not None:
            server = dataclasses.replace(server, token=token.strip(), token_from="Client(token=...)")  # noqa: S106
        if ca_file is not None:
            server = dataclasses.replace(server, ca_file=str(Path(ca_file).expanduser()))
        self._server = server
        self._timeout_s = timeout_s

    @property
    def address(self) -> str:
        """Where the server is."""
        return self._server.address

    def __repr__(self) -> str:
        return f"Client({self.address!r})"

    def health(self) -> Health:
        """Whether the server serves: `ok`, or `starting`. Takes no token."""
        return reading.one(Health, self._call("GET", "health", also=(503,)), self.address)

    def queue(
        self,
        *,
        team: str | None = None,
        user: str | None = None,
        status: Names | None = None,
        pool: str | None = None,
        limit: int | None = None,
    ) -> list[QueueEntry]:
        """Jobs that have not ended: those on pools first, then those that wait, in their order. At most `limit`."""
        return self._list(QueueEntry, "queue", limit, team=team, user=user, status=_names("status", status), pool=pool)

    def pools(
        self,
        *,
        kind: PoolKind | str | None = None,
        role: PoolRole | str | None = None,
        status: Names | None = None,
        limit: int | None = None,
    ) -> list[PoolInfo]:
        """The pools as they are now: nodes, use, lease, spend. At most `limit`."""
        return self._list(PoolInfo, "pools", limit, kind=kind, role=role, status=_names("status", status))

    def explain(self, any_id: str) -> Explanation:
        """Everything that was decided about a job, and every offer with its numbers."""
        return reading.one(Explanation, self._call("GET", "jobs", any_id, "explain"), self.address)

    def quote(
        self,
        entrypoint: str | None = None,
        *,
        workers: Workers | None = None,
        runtime: Duration | None = None,
        max_runtime: Duration | None = None,
        deadline: datetime | str | None = None,
        priority: int | str | None = None,
        team: str | None = None,
        pools: Names | None = None,
        regions: Names | None = None,
        markets: Names | None = None,
        needs: Names | None = None,
        data: str | None = None,
        resumable: bool | None = None,
        entrypoint_num_cpus: float | None = None,
        entrypoint_num_gpus: float | None = None,
        entrypoint_memory: int | None = None,
        entrypoint_resources: Mapping[str, float] | None = None,
        entrypoint_label_selector: Mapping[str, str] | None = None,
    ) -> Quote:
        """What would become of a job if it were submitted now: every offer, and the one that would be chosen.

        Nothing is started. The arguments are those of `job_metadata`, and those of Ray's `submit_job`: an entrypoint
        that has run before tells how long it takes and what it uses.
        """
        metadata = job_metadata(
            workers=workers,
            runtime=runtime,
            max_runtime=max_runtime,
            deadline=deadline,
            priority=priority,
            team=team,
            pools=pools,
            regions=regions,
            markets=markets,
            needs=needs,
            data=data,
            resumable=resumable,
        )
        body = {
            "entrypoint": entrypoint,
            "metadata": metadata,
            "entrypoint_num_cpus": entrypoint_num_cpus,
            "entrypoint_num_gpus": entrypoint_num_gpus,
            "entrypoint_memory": entrypoint_memory,
            "entrypoint_resources": entrypoint_resources and dict(entrypoint_resources),
            "entrypoint_label_selector": entrypoint_label_selector and dict(entrypoint_label_selector),
        }
        return reading.one(Quote, self._call("POST", "quote", body=body), self.address)

    def cost(
        self,
        by: Names | None = None,
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        team: str | None = None,
        compare: bool = False,
    ) -> Bill:
        """What was spent from the day `since` until the day before `until` (UTC), grouped by these columns.

        Columns: `pool`, `team`, `user`, `job`, `market`, `day`, `node_type`. With `compare`, the same jobs are also
        replayed as 'never burst' and 'always cloud'.
        """
        query = {
            "by": _names("by", by),
            "since": argument("since", day_text, since),
            "until": argument("until", day_text, until),
            "team": team,
            "compare": argument("compare", boolean_text, compare),
        }
        return reading.one(Bill, self._call("GET", "cost", query=query), self.address)

    def shadow(self, *, days: int = 7, newest: int = 20) -> ShadowReport:
        """Where the shadow policy would have done otherwise in the last `days`, with the `newest` such jobs.

        Raises BadRequest if the settings name no `shadow_policy`.
        """
        query = {"days": str(days), "limit": str(newest)}
        return reading.one(ShadowReport, self._call("GET", "shadow", query=query), self.address)

    def events(
        self,
        subject: str | None = None,
        *,
        actor: str | None = None,
        since: datetime | float | None = None,
        limit: int | None = 200,
    ) -> list[EventView]:
        """Who did what, newest first: to a job, a pool or a token. At most `limit`; None: all that there is."""
        moment = argument("since", unix_text, since)
        return self._list(EventView, "events", limit, subject=subject, actor=actor, since=moment)

    def tokens(
        self,
        *,
        user: str | None = None,
        role: Role | str | None = None,
        dead: bool = False,
        limit: int | None = None,
    ) -> list[TokenView]:
        """The tokens that let somebody in, oldest first; with `dead` also the others. For administrators."""
        wanted = argument("dead", boolean_text, dead)
        return self._list(TokenView, "tokens", limit, user=user, role=role, dead=wanted)

    def create_token(
        self, user: str, team: str, *, role: Role | str = Role.USER, expires_in: Duration | None = None
    ) -> NewToken:
        """Make a token; `secret` is shown this once. For administrators.

        `expires_in` is a timedelta, seconds, or text such as `30d`. None: 90 days; 0: never.
        """
        seconds = argument("expires_in", seconds_of, expires_in)
        body = {"user": user, "team": team, "role": role, "expires_in_s": seconds}
        return reading.one(NewToken, self._call("POST", "tokens", body=body), self.address)

    def revoke_token(self, token_id: str) -> str:
        """Let a token in no more, from now on. Returns a sentence that says so. For administrators."""
        return self._order("DELETE", "tokens", token_id)

    def applications(
        self, *, team: str | None = None, user: str | None = None, limit: int | None = None
    ) -> list[ApplicationView]:
        """The served applications, by name: where they run, how busy they are, what they cost. At most `limit`."""
        return self._list(ApplicationView, "applications", limit, team=team, user=user)

    def stop_application(self, name: str) -> str:
        """Take one application down: one's own, or as an operator any. Returns a sentence that says so."""
        return self._order("DELETE", "applications", name)

    def keys(self, *, tenant: str | None = None, dead: bool = False, limit: int | None = None) -> list[KeyView]:
        """The keys that let requests to applications in, oldest first; with `dead` also others. For administrators."""
        wanted = argument("dead", boolean_text, dead)
        return self._list(KeyView, "keys", limit, tenant=tenant, dead=wanted)

    def create_key(
        self,
        tenant: str,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        regions: Names | None = None,
        applications: Names | None = None,
        expires_in: Duration | None = None,
    ) -> NewKey:
        """Make a key for requests to applications; `secret` is shown this once. For administrators.

        Its requests are metered for `tenant`, and served in these regions alone, by these applications alone. A limit
        of None is none. `expires_in` is a timedelta, seconds, or text such as `30d`. None: 90 days; 0: never.
        """
        body = {
            "tenant": tenant,
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
            "regions": _list_of("regions", regions),
            "applications": _list_of("applications", applications),
            "expires_in_s": argument("expires_in", seconds_of, expires_in),
        }
        return reading.one(NewKey, self._call("POST", "keys", body=body), self.address)

    def revoke_key(self, key_id: str) -> str:
        """Let a key in no more. Returns a sentence that says so. For administrators."""
        return self._order("DELETE", "keys", key_id)

    def usage(
        self,
        by: Names | None = None,
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        tenant: str | None = None,
    ) -> UsageReport:
        """What requests to applications came to from the day `since` until the day before `until` (UTC).

        Columns to group by: `tenant`, `application`, `key`, `pool`, `day`.
        """
        query = {
            "by": _names("by", by),
            "since": argument("since", day_text, since),
            "until": argument("until", day_text, until),
            "tenant": tenant,
        }
        return reading.one(UsageReport, self._call("GET", "usage", query=query), self.address)

    def fence(self, pool: str) -> str:
        """Declare that whatever ran on an unreachable pool runs no more. Returns what follows. For operators."""
        return self._order("POST", "pools", pool, "fence")

    def fold(self, pool: str) -> str:
        """Take a launched pool without jobs down now. Returns what follows. For operators."""
        return self._order("POST", "pools", pool, "fold")

    def hosts(self, pool: str | None = None, *, limit: int | None = None) -> list[HostView]:
        """The hosts of pools that name them one by one, the head first. For operators."""
        return self._list(HostView, "hosts", limit, pool=pool)

    def repair_host(self, pool: str, host: str) -> str:
        """Try a host that is missing now, whatever its back-off. Returns what follows. For operators."""
        return self._order("POST", "pools", pool, "hosts", host, "repair")

    def drain_host(self, pool: str, host: str) -> str:
        """Begin nothing new on a host; when its jobs have ended, end Ray there. Returns what follows. For operators."""
        return self._order("POST", "pools", pool, "hosts", host, "drain")

    def undrain_host(self, pool: str, host: str) -> str:
        """Bring a drained host back. Returns what follows. For operators."""
        return self._order("POST", "pools", pool, "hosts", host, "undrain")

    def _order(self, method: str, *path: str) -> str:
        return reading.one(Message, self._call(method, *path), self.address).message

    def _list(self, item: type[T], path: str, limit: int | None, /, **query: str | None) -> list[T]:
        def page(part: Mapping[str, str | None]) -> str:
            return self._call("GET", path, query={**query, **part})

        return reading.pages(item, page, limit, self.address)

    def _call(
        self,
        method: str,
        *path: str,
        query: Mapping[str, str | None] | None = None,
        body: Any = None,
        also: tuple[int, ...] = (),
    ) -> str:
        return call(self._server, method, path, query, body, timeout_s=self._timeout_s, also=also)


def _names(name: str, value: Names | None) -> str | None:
    return argument(name, names_text, value)


def _list_of(name: str, value: Names | None) -> list[str]:
    text = _names(name, value)
    return text.split(",") if text else []
