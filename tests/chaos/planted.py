"""Spillover with a bug in it: `python -P planted.py NAME up -c FILE`. A checker that misses one of these is worthless.

Each bug is what a slip in the code could do: the fence before a second attempt left out, the tags forgotten, a job
handed over twice, a second of each machine not booked. The rest is the installed Spillover, unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any


def skip_fence() -> None:
    """A pool that does not answer is taken for gone: what it ran is run again elsewhere."""
    from spillover.control.attempts import Attempts
    from spillover.domain.pool import PoolState, PoolStatus

    honest = Attempts._surely_lost

    def hasty(self: Attempts, attempt: Any, state: PoolState) -> str | None:
        if state.status is PoolStatus.UNREACHABLE:
            return f"Pool {state.name} does not answer."
        return honest(self, attempt, state)

    Attempts._surely_lost = hasty  # type: ignore[method-assign]


def double_attempt() -> None:
    """A job is handed over twice, under two attempt ids."""
    from spillover.control.handover import Handover

    honest = Handover._send

    async def eager(self: Handover, job: Any, attempt: Any) -> None:
        await honest(self, job, attempt)
        await honest(self, job, replace(attempt, attempt_id=f"{attempt.attempt_id}-a9"))

    Handover._send = eager  # type: ignore[method-assign]


def forget_tag() -> None:
    """Machines are created without the tag that says when their lease ends."""
    from spillover.bootstrap import pools

    honest = pools.dress

    def careless(*what: Any, **more: Any) -> dict[str, Any]:
        dressed = honest(*what, **more)
        for node_type in dressed["available_node_types"].values():
            for given in node_type["node_config"]["TagSpecifications"]:
                given["Tags"] = [tag for tag in given["Tags"] if tag["Key"] != "spillover-lease-expires"]
        return dressed

    pools.dress = careless


def lost_second() -> None:
    """Each machine's meter ends a second too early."""
    from spillover.ledger import metering

    honest = metering.ends

    def hasty(*what: Any) -> dict[str, float]:
        return {name: at - 1.0 for name, at in honest(*what).items()}

    metering.ends = hasty


BUGS: dict[str, Callable[[], None]] = {
    "skip_fence": skip_fence,
    "forget_tag": forget_tag,
    "lost_second": lost_second,
    "double_attempt": double_attempt,
}


def main() -> None:
    """Plant the bug, then be the command line."""
    name = sys.argv.pop(1)
    BUGS[name]()
    from spillover.cli.main import app

    sys.argv[0] = "spillover"
    app()


if __name__ == "__main__":
    main()
