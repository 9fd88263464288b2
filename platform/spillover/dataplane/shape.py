"""The fixed measures of the data plane, and why they are so."""

from __future__ import annotations

# A request is sent again only if HAProxy still has it: head and body must fit the buffer (less 1 KiB that HAProxy keeps
# for what it adds). Larger ones are never retried once they reached a server.
BUFFER_BYTES = 64 * 1024

# HAProxy's time limit of a queue belongs to a backend, and backends cannot be made at run time: so some are made for
# each limit. A route's requests wait for the longest of these that is not over its own time limit.
QUEUE_S = (1, 5, 15, 60, 300)
SLOTS_EACH = 24

# An idle machine answers in a millisecond, one that works hard may not: a check that is refused counts at once, one
# that is slow may take this long.
CHECK = "inter 500ms fastinter 100ms fall 2 rise 1 observe layer4 error-limit 2 on-error sudden-death"
CHECK_TIMEOUT = "3s"

# Servers are tried in the order of their ids; new ones get ids in between.
ID_STEP = 1 << 16
HOLD_ID = (1 << 31) - 1

MAPS = ("places", "routes", "grants", "keys")  # in the order in which they are brought up to date


def slot_names() -> dict[str, int]:
    """All slots, with their queue's time limit in seconds."""
    return {f"q{queue_s}-{i}": queue_s for queue_s in QUEUE_S for i in range(SLOTS_EACH)}
