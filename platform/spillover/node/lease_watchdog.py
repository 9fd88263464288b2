"""Ends this machine when its lease ends, whatever runs on it. Root starts it at boot, from the instance's user data.

    lease_watchdog.py EXPIRES FIRST_S [--imds URL] [--run DIR] [--state DIR] [--shutdown COMMAND] [--check]

EXPIRES is the lease's end at creation (Unix seconds), FIRST_S how long a new machine may live whatever the lease says.
The lease is renewed, or cut short, by the instance's tag `spillover-lease-expires`, read through instance metadata.

The deadline stands on CLOCK_BOOTTIME, which nobody can set and which goes on while the machine is suspended. A tag's
value is converted once, when it is first seen, by the time that the metadata service tells (its Date header). No
answer, or a value that makes no sense: the last known deadline stands. It is published for other programs in
DIR/lease-ends, as JSON: `ends` and `set_at` (CLOCK_BOOTTIME), and what a restart of this program goes on from.

Standard library alone, for Python 3.7 and later: machine images have old ones.
"""

from __future__ import annotations

import argparse
import contextlib
import email.utils
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TAG = "spillover-lease-expires"
READ_S = 5.0
LOOK_S = 1.0
IMDS_TIMEOUT_S = 2.0
# A value further ahead is a mistake, such as milliseconds: nobody leases a machine for longer.
LONGEST_S = 366 * 86400
# How long the machine gets to go down in one way before the next is tried.
ENDS = ((20.0, "shutdown -h now"), (10.0, "systemctl poweroff -f"))
SYSRQ_S = 10.0
# The kernel's own PID namespace. In any other one, sysrq would end the machine around us, which is not ours.
MACHINES_OWN_PIDS = "pid:[4026531836]"


class Imds:
    """Instance metadata, version 2: a token first. `get` raises OSError (HTTPError, if it is there and says no)."""

    def __init__(self, base_url: str = "http://169.254.169.254") -> None:
        self._base = base_url
        self._token = ""
        # No proxy of the environment may stand between
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> tuple[str, float]:
        """The text at a path, and what time the service thinks it is (ours, if it does not say)."""
        try:
            return self._get(path)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
        self._token = ""
        return self._get(path)

    def _get(self, path: str) -> tuple[str, float]:
        if not self._token:
            header = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
            self._token = self._open("PUT", "api/token", header)[0]
        return self._open("GET", f"meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})

    def _open(self, method: str, path: str, headers: dict[str, str]) -> tuple[str, float]:
        url = f"{self._base}/latest/{path}"
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310  # our own argument
        with self._opener.open(request, timeout=IMDS_TIMEOUT_S) as answer:
            return answer.read(4096).decode(), _time_of(answer.headers.get("Date"))


def _time_of(date: str | None) -> float:
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return time.time()


class Deadline:
    """When the machine ends: the lease's end, or that of its first seconds if that is later. All on CLOCK_BOOTTIME."""

    def __init__(self, lease_ends: float, first_ends: float, now: float) -> None:
        self.lease_ends = lease_ends
        self.first_ends = first_ends
        self.set_at = now
        self._seen = ""

    @property
    def ends(self) -> float:
        """The later of the two."""
        return max(self.lease_ends, self.first_ends)

    def saw(self, value: str, wall: float, now: float) -> bool:
        """Take the tag's value, if it is a new one. Raises ValueError if it is no time, or one too far ahead."""
        if value == self._seen:
            return False
        left = int(value) - wall
        if left > LONGEST_S:
            raise ValueError(f"{value} is more than a year ahead")
        self._seen = value
        self.lease_ends, self.set_at = now + left, now
        return True


class Watchdog:
    """Waits for the deadline, and ends the machine. Everything from outside comes in through the arguments."""

    def __init__(
        self,
        deadline: Deadline,
        imds: Imds,
        end: Callable[[], None],
        publish: Callable[[Deadline], None],
        clock: Callable[[], float],
    ) -> None:
        self._deadline = deadline
        self._imds = imds
        self._end = end
        self._publish = publish
        self._clock = clock
        self._complaint = ""

    def read(self) -> None:
        """Look at the tag once. Whatever goes wrong, the deadline that was known stands."""
        try:
            value, wall = self._imds.get(f"tags/instance/{TAG}")
            if self._deadline.saw(value.strip(), wall, self._clock()):
                say("lease", value.strip(), "ends in", round(self._deadline.ends - self._clock()), "s")
                self._publish(self._deadline)
            self._complaint = ""
        except Exception as error:
            if repr(error) != self._complaint:  # an outage is told once
                say("no renewal:", repr(error))
            self._complaint = repr(error)

    def read_forever(self) -> None:
        """In a thread of its own: a metadata service that hangs must not hold the end up."""
        while True:
            self.read()
            time.sleep(READ_S)

    def wait_and_end(self, sleep: Callable[[float], None]) -> None:
        """Return only after the machine was told to end."""
        while True:
            left = self._deadline.ends - self._clock()
            if left <= 0:
                break
            sleep(min(left, LOOK_S))
        say("the lease has ended: so does this machine")
        self._end()


def end_machine(run: Callable[[str], None], sleep: Callable[[float], None], sysrq: Callable[[], None]) -> None:
    """One way down after the other, until this program is gone with its machine."""
    while True:
        for wait_s, command in ENDS:
            say("running:", command)
            run(command)
            sleep(wait_s)
        sysrq()
        sleep(SYSRQ_S)


def run_command(command: str) -> None:
    """Start it, and do not wait: it may hang."""
    try:
        subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL)
    except OSError as error:
        say(command, "failed:", repr(error))


def power_off_by_kernel(proc: Path = Path("/proc")) -> None:
    """The kernel's own power switch, which asks nobody. Not in a container, where it is somebody else's."""
    try:
        if os.readlink(str(proc / "self/ns/pid")) == MACHINES_OWN_PIDS:  # noqa: PTH115  # Path has it from 3.9 on
            (proc / "sys/kernel/sysrq").write_text("1")
            (proc / "sysrq-trigger").write_text("s")
            (proc / "sysrq-trigger").write_text("o")
    except OSError as error:
        say("sysrq failed:", repr(error))


class Files:
    """What outlives this program: the deadline until the next boot, and for ever that the machine was born once."""

    def __init__(self, run: Path, state: Path, boot_id: str) -> None:
        self._published = run / "lease-ends"
        self._born = state / "born"
        self._boot_id = boot_id

    def deadline(self, expires: float, first_s: float, wall: float, now: float) -> Deadline:
        """Where this program left off if it was restarted. A reboot does not grant the first seconds anew."""
        before = self._before()
        if before:
            return Deadline(before["lease_ends"], before["first_ends"], before["set_at"])
        first_ends = now if self._born.exists() else now + first_s
        _written(self._born, self._boot_id)
        return Deadline(now + expires - wall, first_ends, now)

    def publish(self, deadline: Deadline) -> None:
        """For the notice poller, and for a restart of this program."""
        known = {name: getattr(deadline, name) for name in ("ends", "set_at", "lease_ends", "first_ends")}
        _written(self._published, json.dumps({**known, "boot_id": self._boot_id}))

    def _before(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._published.read_text())
            return known if known["boot_id"] == self._boot_id else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _written(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # Ray's user reads it, whatever root's umask
        draft = path.with_name(path.name + ".draft")
        draft.write_text(text)
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        say("cannot write", path, repr(error))


def say(*words: object) -> None:
    """To the log, which may lie on a full disk."""
    with contextlib.suppress(OSError):
        sys.stdout.write(" ".join([time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), *map(str, words)]) + "\n")
        sys.stdout.flush()


def hard_to_kill() -> None:
    """Deaf to polite signals, in a session of its own, and the last that the kernel takes when memory runs out."""
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    for harden in (os.setsid, lambda: Path("/proc/self/oom_score_adj").write_text("-1000")):
        try:
            harden()
        except OSError as error:
            say("not as hard to kill as it should be:", repr(error))


def boottime() -> float:
    """Seconds since boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def main(arguments: Sequence[str]) -> int:
    """Run until the machine ends."""
    parser = argparse.ArgumentParser(prog="lease_watchdog")
    parser.add_argument("expires", type=float)
    parser.add_argument("first_s", type=float)
    parser.add_argument("--imds", default="http://169.254.169.254")
    parser.add_argument("--run", type=Path, default=Path("/run/spillover"))
    parser.add_argument("--state", type=Path, default=Path("/var/lib/spillover"))
    parser.add_argument("--shutdown", help="run this once, in place of all that ends the machine")
    parser.add_argument("--check", action="store_true", help="only see whether this Python can run it")
    options = parser.parse_args(arguments)
    if options.check:
        boottime()
        return 0
    hard_to_kill()
    files = Files(options.run, options.state, _boot_id())
    deadline = files.deadline(options.expires, options.first_s, time.time(), boottime())
    files.publish(deadline)
    say("this machine ends in", round(deadline.ends - boottime()), "s unless its lease is renewed")

    def end() -> None:
        if options.shutdown:
            run_command(options.shutdown)
        else:
            end_machine(run_command, time.sleep, power_off_by_kernel)

    watchdog = Watchdog(deadline, Imds(options.imds), end, files.publish, boottime)
    threading.Thread(target=watchdog.read_forever, daemon=True).start()
    watchdog.wait_and_end(time.sleep)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
