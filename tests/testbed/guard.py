"""Holds one sandbox: makes its namespaces, and ends everything in them when its owner is gone.

`guard.py FOLDER [stay]`: the owner is whoever holds the other end of standard input; with `stay`, SIGTERM ends it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from .namespaces import child_of, die_with_parent, gone, members


def start(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The sandbox's outermost process, and the pid of its first one."""
    python = [sys.executable, "-P", "-m", "testbed.sandbox", str(folder)]
    with (folder / "logs" / "sandbox.log").open("ab") as out:
        outer = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "tini", "--", *python],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
            preexec_fn=die_with_parent,  # noqa: PLW1509 - a guard has one thread
        )  # fmt: skip
    while (init := child_of(outer.pid)) is None:
        if outer.poll() is not None:
            raise RuntimeError(f"no sandbox: {(folder / 'logs' / 'sandbox.log').read_text()[-2000:]}")
        time.sleep(0.01)
    return outer, init


def end(outer: subprocess.Popen[bytes], init: int, network: int, owner: int) -> None:
    """SIGKILL to the first process takes all of the sandbox; then to what was started from outside in its network."""
    with suppress(OSError):
        os.kill(init, signal.SIGKILL)
    outer.kill()
    outer.wait()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        left = [pid for pid in members(network) if pid not in {os.getpid(), owner} and not gone(pid)]
        if gone(init) and not left:
            return
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def main() -> None:
    """Hold a sandbox until its owner goes, or it ends by itself."""
    folder, stay = Path(sys.argv[1]), sys.argv[2:] == ["stay"]
    owner = os.getppid()
    outer, init = start(folder)
    # Only now: a child would inherit it, and all of the sandbox would be deaf to SIGTERM.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    network = Path(f"/proc/{init}/ns/net").stat().st_ino
    (folder / "run" / "guard.pid").write_text(str(os.getpid()))
    (folder / "run" / "sandbox.pid").write_text(str(init))
    if not stay:
        os.set_blocking(0, False)
    while outer.poll() is None:
        if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT, signal.SIGHUP}, 0.1) is not None:
            break
        with suppress(BlockingIOError):
            if not stay and os.read(0, 1) == b"":
                break
    end(outer, init, network, 0 if stay else owner)
    for name in ("ready", "sandbox.pid", "guard.pid"):
        (folder / "run" / name).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
