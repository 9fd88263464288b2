"""Describe calls that show an earlier moment, as an eventually consistent API does."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState, Reservation, StateReason
from moto.ec2.utils import filter_reservations

from .ec2 import CODES, MESSAGES
from .records import Record, Records

_moment = threading.local()
_stock_reservations = InstanceBackend.all_reservations


class PastInstance(Instance):
    """A copy of an instance, as it was."""

    past_tags: list[dict[str, str]]

    def get_tags(self) -> list[dict[str, str]]:
        return self.past_tags

    def __del__(self) -> None:
        """The addresses are the real one's."""


@contextmanager
def moment(when: float) -> Iterator[None]:
    """Within it, this thread's look at instances shows a moment in the past."""
    _moment.when = when
    try:
        yield
    finally:
        del _moment.when


def install(records: Records) -> None:
    """Let moto's lists of instances show the moment that is asked for."""

    def all_reservations(backend: Any, filters: Any = None) -> list[Reservation]:
        when = getattr(_moment, "when", None)
        if when is None:
            return _stock_reservations(backend, filters)
        shown = [_reservation_at(records, each, when) for each in _stock_reservations(backend)]
        shown = [reservation for reservation in shown if reservation.instances]
        return shown if filters is None else filter_reservations(shown, filters)

    InstanceBackend.all_reservations = all_reservations


def _reservation_at(records: Records, reservation: Reservation, when: float) -> Reservation:
    seen = [_instance_at(records.get(instance.id), instance, when) for instance in reservation.instances]
    past = copy.copy(reservation)
    past.instances = [instance for instance in seen if instance is not None]
    return past


def _instance_at(record: Record, instance: Instance, when: float) -> PastInstance | None:
    was = record.at(when)
    if was is None:
        return None
    past: PastInstance = copy.copy(instance)
    past.__class__ = PastInstance
    past._private_ips = set()
    state, past._reason, cause = was
    past._state = InstanceState(state, CODES[state])
    past.state_reason = StateReason(MESSAGES[cause], cause) if cause else StateReason()
    past.past_tags = [
        {"key": key, "value": value, "resource_id": instance.id, "resource_type": "instance"}
        for key, value in record.tags_at(when).items()
    ]
    return past
