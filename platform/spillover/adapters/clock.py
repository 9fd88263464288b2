"""Real time."""

from __future__ import annotations

import asyncio
import time


class RealClock:
    """ports.Clock by the machine's clock."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
