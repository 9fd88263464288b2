"""All that users of the Python SDK may import: `spillover.client` shows these names."""

from __future__ import annotations

from ..domain.access import Role
from ..domain.answers import (
    AttemptView,
    Bill,
    Comparison,
    CostRow,
    DecisionView,
    EventView,
    Explanation,
    Health,
    HostView,
    JobFacts,
    LeaseView,
    NewToken,
    NodeView,
    OfferView,
    PoolInfo,
    QueueEntry,
    Quote,
    TokenView,
)
from ..errors import (
    BadArgument,
    BadRequest,
    Forbidden,
    NoServer,
    NotFound,
    Refused,
    RequestError,
    SpilloverError,
    Unauthenticated,
)
from .client import Client
from .metadata import job_metadata

__all__ = [
    "AttemptView",
    "BadArgument",
    "BadRequest",
    "Bill",
    "Client",
    "Comparison",
    "CostRow",
    "DecisionView",
    "EventView",
    "Explanation",
    "Forbidden",
    "Health",
    "HostView",
    "JobFacts",
    "LeaseView",
    "NewToken",
    "NoServer",
    "NodeView",
    "NotFound",
    "OfferView",
    "PoolInfo",
    "QueueEntry",
    "Quote",
    "Refused",
    "RequestError",
    "Role",
    "SpilloverError",
    "TokenView",
    "Unauthenticated",
    "job_metadata",
]
