"""The short codes of decisions. They name the kind of reason, never a number, so that they hold from tick to tick."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a job waits or runs. Policies add their own codes for bursts, such as `burst_threshold`.

    Taken: FITS_BASELINE runs on an owned pool now; ONLY_BURST bursts because no baseline pool can ever run it.
    Waiting: BACKOFF until the next attempt is due; NEVER_FITS no pool can run it; WAITS_BASELINE for room;
    BEHIND_FIRST fits now but would delay the first blocked job; POOL_BLOCKED every pool that could run it is closed
    for now; NO_ROOM its pools are rented ones and full; NEVER_BURSTS only rented pools could run it and the policy
    rents none; ROOM_IS_MADE: resumable jobs are being stopped on the pool that it waits for.
    Running: COMES_HOME from rented nodes to owned room; GIVES_WAY to a job that could not come home later.
    """

    FITS_BASELINE = "fits_baseline"
    ONLY_BURST = "only_burst"
    BACKOFF = "backoff"
    NEVER_FITS = "never_fits"
    WAITS_BASELINE = "waits_baseline"
    BEHIND_FIRST = "behind_first"
    POOL_BLOCKED = "pool_blocked"
    NO_ROOM = "no_room"
    NEVER_BURSTS = "never_bursts"
    ROOM_IS_MADE = "room_is_made"
    COMES_HOME = "comes_home"
    GIVES_WAY = "gives_way"
