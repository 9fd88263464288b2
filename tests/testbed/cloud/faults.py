"""How the cloud's API misbehaves: a layer in front of moto, so that the truth behind it stays untouched."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Faults:
    """What can go wrong with a call. Probabilities from 0 to 1; all are off by default."""

    throttle: float = 0.0
    """RequestLimitExceeded, and nothing is done."""
    late: tuple[float, float] = (0.0, 0.0)
    """Probability and seconds: it is done at once, and answered that much later."""
    create_then_fail: float = 0.0
    """RunInstances is carried out, and answered with InternalError."""
    twice: float = 0.0
    """RunInstances without ClientToken is carried out twice, and answered with the first set."""
    twice_despite_token: float = 0.0
    """The same for calls with a ClientToken, which EC2 never does. boto3 puts a token in by itself."""
    refuse_terminate: float = 0.0
    """TerminateInstances is answered with UnauthorizedOperation or InternalError."""
    terminate_ignored: float = 0.0
    """TerminateInstances is answered as if it were done."""
    stale_s: float = 0.0
    """DescribeInstances and DescribeInstanceStatus show what was so many seconds ago."""
    down_until: float = 0.0
    """Unix seconds: until then every call is answered as `down_how` says. Object storage and IMDS go on."""
    down_how: str = "503"
    """"503", or "reset": the connection is cut without an answer."""
    actions: tuple[str, ...] = ()
    """Only these calls are throttled, late or down; all if empty."""


class Dice:
    """One seeded stream a fault: what happens to one kind of call does not depend on how many others there were."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._streams: dict[str, random.Random] = {}

    def roll(self, name: str, probability: float) -> bool:
        """Whether it happens now."""
        return probability > 0 and self.number(name) < probability

    def number(self, name: str) -> float:
        """The next number of a stream, from 0 to 1."""
        with self._lock:
            return self._streams.setdefault(name, random.Random(f"{self._seed}/{name}")).random()


class Weather:
    """The faults of now, and the log of all calls."""

    def __init__(self, append: Callable[[dict[str, Any]], None]) -> None:
        self.faults = Faults()
        self.dice = Dice(0)
        self.append = append

    def set(self, seed: int | None = None, **changes: Any) -> None:
        """Change these faults, and leave the others. A seed starts the dice anew. Raises ValueError for unknown ones."""
        names = [field.name for field in fields(Faults)]
        if unknown := set(changes) - set(names):
            raise ValueError(f"no fault {', '.join(sorted(unknown))}: there are {', '.join(names)}, and seed")
        as_tuples = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
        self.faults = Faults(**{**asdict(self.faults), **as_tuples})
        if seed is not None:
            self.dice = Dice(seed)

    def clear(self) -> None:
        """A fine day. The dice go on where they were."""
        self.faults = Faults()

    def touches(self, action: str) -> bool:
        """Whether throttling, lateness and outage are meant for this call."""
        return not self.faults.actions or action in self.faults.actions

    def down(self, action: str) -> bool:
        """Whether the API is lost to this call."""
        return self.touches(action) and time.time() < self.faults.down_until
