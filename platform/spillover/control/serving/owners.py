"""Whose what Serve holds on a pool is: its actors belong to Serve's own core job, their names say to which replica."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...domain.job import Attempt
from ...domain.pool import Observation
from ...domain.serving import Application
from .replicas import each

ACTOR = "SERVE_REPLICA::"
"""How Serve's replica actors are named: `SERVE_REPLICA::application#deployment#id`."""


def with_owners(
    seen: Observation, attempts: Mapping[str, Sequence[Attempt]], applications: Mapping[str, Application]
) -> Observation:
    """The look at a pool with the attempts (by application, oldest first) as owners of Serve's actors.

    Actors of applications that are not ours become foreign use.
    """
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for use in seen.usage:
        if use.owner and use.owner.startswith(ACTOR):
            names[_deployment_of(use.owner)].append(use.owner)
    if not names:
        return seen
    owners: dict[str, str | None] = {}
    for (name, deployment), actors in names.items():
        here, size = attempts.get(name, ()), _each_of(applications.get(name), deployment)
        for place, actor in enumerate(sorted(actors)):
            # One that is being drained has no attempt any more: the newest of those left pays for it
            owners[actor] = here[min(place // size, len(here) - 1)].attempt_id if here else None
    usage = tuple(replace(u, owner=owners.get(u.owner or "", u.owner)) for u in seen.usage)
    return replace(seen, usage=usage)


def _deployment_of(actor: str) -> tuple[str, str]:
    name, _, rest = actor.removeprefix(ACTOR).partition("#")
    return name, rest.partition("#")[0]


def _each_of(application: Application | None, deployment: str) -> int:
    listed = (application.config.get("deployments") or ()) if application else ()
    return next((each(raw) for raw in listed if raw.get("name") == deployment), 1)
