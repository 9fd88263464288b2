"""EC2 instances of one account and region as machines: listed, ended, and given a new end, over EC2's API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..domain.provider import Machine
from ..errors import ProviderError
from .aws_dress import TAG_EXPIRES, TAG_INSTALLATION
from .aws_instance import machine_of, times_of_ends
from .aws_session import AwsError, AwsSession

_PAGE = 500
_AT_ONCE = 200
"""Ids in one call. EC2 takes a thousand, and does nothing for any of them if it refuses one."""

_GONE = {"InvalidInstanceID.NotFound"}
_OF_ONE = ("InvalidInstanceID", "OperationNotPermitted", "UnauthorizedOperation", "IncorrectInstanceState", "InvalidID")
"""Codes that may be about one of the ids alone. After the others, such as throttling, asking id by id is no use."""


class AwsMachines:
    """ports.Provider for the account and region of a cluster YAML's `provider` section.

    EC2 does not always tell when an instance has ended: not if its own `shutdown` or the spot market ended it. Then it
    is the time when a listing first showed it ended, so `machines` should be called often.
    """

    def __init__(self, provider: Mapping[str, Any], installation: str, clock: Callable[[], float] = time.time) -> None:
        self._session = AwsSession(provider)
        self._installation = installation
        self._clock = clock
        self._seen_ended: dict[str, float] = {}

    async def machines(self) -> Sequence[Machine]:
        instances = await asyncio.to_thread(self._instances)
        self._seen_ended = times_of_ends(instances, self._seen_ended, self._clock())
        return [machine_of(instance, self._seen_ended) for instance in instances]

    async def end(self, ids: Sequence[str]) -> None:
        await asyncio.to_thread(
            self._for_all, "TerminateInstances", ids, lambda ec2, some: ec2.terminate_instances(InstanceIds=some)
        )

    async def renew(self, ids: Sequence[str], expires_at: float) -> None:
        tags = [{"Key": TAG_EXPIRES, "Value": str(int(expires_at))}]
        await asyncio.to_thread(
            self._for_all, "CreateTags", ids, lambda ec2, some: ec2.create_tags(Resources=some, Tags=tags)
        )

    async def usable_until(self) -> float | None:
        return await asyncio.to_thread(self._session.usable_until)

    def _instances(self) -> list[Mapping[str, Any]]:
        ec2 = self._session.client("ec2")
        asked = [{"Name": f"tag:{TAG_INSTALLATION}", "Values": [self._installation]}]
        with self._session.asking("DescribeInstances"):
            pages = ec2.get_paginator("describe_instances").paginate(
                Filters=asked, PaginationConfig={"PageSize": _PAGE}
            )
            return [i for page in pages for reservation in page["Reservations"] for i in reservation["Instances"]]

    def _for_all(self, call: str, ids: Sequence[str], ask: Callable[[Any, list[str]], Any]) -> None:
        """For all at once; where EC2 refuses one, one by one. Raises ProviderError naming those that were refused."""
        refused: dict[str, AwsError] = {}
        for start in range(0, len(ids), _AT_ONCE):
            refused.update(self._for_some(call, list(ids[start : start + _AT_ONCE]), ask))
        if refused:
            raise ProviderError(f"{next(iter(refused.values()))} (for {', '.join(refused)})")

    def _for_some(
        self, call: str, ids: list[str], ask: Callable[[Any, list[str]], Any]
    ) -> Iterator[tuple[str, AwsError]]:
        ec2 = self._session.client("ec2")
        try:
            with self._session.asking(call):
                ask(ec2, ids)
        except AwsError as error:
            if len(ids) > 1 and error.code.startswith(_OF_ONE):
                for one in ids:
                    yield from self._for_some(call, [one], ask)
            elif error.code not in _GONE:
                yield from ((one, error) for one in ids)
