"""How a job ends: its last line says what happened, and its exit code is 0 or not."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from textwrap import shorten

LOG_DELAY_S = 1.0  # lines of workers reach the driver by way of files


def run(main: Callable[[], str]) -> int:
    """Run a driver. What it returns is told after `done: `, why it failed after `failed: `."""
    try:
        report = main()
    except Exception as error:  # whatever it was, the last line says so, and the exit code is not 0
        _disconnect(LOG_DELAY_S)
        if _is_a_bug(error):
            traceback.print_exception(error)
        print(f"failed: {reason(error)}", flush=True)
        return 1
    _disconnect()
    print(f"done: {report}", flush=True)
    return 0


def reason(error: BaseException) -> str:
    """The first failed rank's own error, else what it says: on one line, and no longer than a line should be."""
    failures: dict[int, BaseException] = getattr(error, "worker_failures", {})
    rank, cause = min(failures.items(), default=(None, error), key=lambda failure: failure[0])
    cause = getattr(cause, "cause", None) or cause  # a task's own error, without the traceback that Ray makes of it
    text = shorten(str(cause), width=300, placeholder=" ...") or type(cause).__name__
    return text if rank is None else f"rank {rank}: {text}"


def _is_a_bug(error: BaseException) -> bool:
    """ValueError is what users are told of; what failed on a worker has left its traceback in the log."""
    return not isinstance(error, ValueError | OSError) and type(error).__module__.partition(".")[0] != "ray"


def _disconnect(delay_s: float = 0.0) -> None:
    """Before the last line, so that it is the last; at exit Ray would sleep for half a second."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return
    time.sleep(delay_s)
    ray.shutdown()
