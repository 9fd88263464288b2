"""The tally of run times in machine code: the functions of `placement.tally`, which live code calls as they stand."""

from __future__ import annotations

from typing import Any

from ...placement import tally
from ...placement.policies.compiled import compiled

promise: Any = compiled(tally.promise)
forecast: Any = compiled(tally.forecast)
start: Any = compiled(tally.start)
pause: Any = compiled(tally.pause)
end: Any = compiled(tally.end)
