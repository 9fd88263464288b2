"""From the bytes that a model writes to pieces of text: whole characters, and never a part of a stop sequence."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Writer:
    """Of one answer. Bytes that may be the beginning of a stop sequence are held until it is known."""

    def __init__(self, stops: Sequence[bytes] = ()) -> None:
        self.stops = tuple(stop for stop in stops if stop)
        self.is_stopped = False
        self._held = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def put(self, byte: int) -> str:
        """What can be shown now. When a stop sequence is whole, `is_stopped`: it and what follows is not shown."""
        self._held += bytes([byte])
        ended = max((stop for stop in self.stops if self._held.endswith(stop)), key=len, default=None)
        if ended is not None:
            self.is_stopped = True
            self._held = self._held[: -len(ended)]
            return self.end()
        cut = len(self._held) - self._begun()
        free, self._held = self._held[:cut], self._held[cut:]
        return self._decoder.decode(free)

    def end(self) -> str:
        """The rest; a character that was cut off is shown as U+FFFD."""
        rest, self._held = self._held, b""
        return self._decoder.decode(rest, final=True)

    def _begun(self) -> int:
        """How many of the last bytes a stop sequence may begin with."""
        longest = min(len(self._held), max((len(stop) for stop in self.stops), default=1) - 1)
        lengths = range(longest, 0, -1)
        return next((n for n in lengths if any(stop.startswith(self._held[-n:]) for stop in self.stops)), 0)
