"""Drains this Ray node when its machine is about to end, so that jobs can write a checkpoint just in time.

    notices.py [--head] [--imds URL] [--lease FILE] [--proc DIR] [--lock FILE] [--drain COMMAND]

Runs beside Ray, as Ray's user, and looks each second at two things:
- EC2's spot notice (`spot/instance-action` in the instance metadata), two minutes ahead as a rule;
- the end of the machine's lease, as the lease watchdog publishes it in FILE. It is taken for certain only in the last
  two minutes, or in the last quarter of a lease so short that two minutes are more than that: until then it is
  likely to be renewed, and Ray cannot take a drain back.

Either becomes `ray drain-node` for this node, tried again until Ray's control service takes it; then the program ends.
A head is drained only for its own spot notice, that is, if it is a spot instance: a head that drains takes the drivers
along, which have to tell their workers what to save.

Standard library and the `ray` command alone, for Python 3.8 and later.
"""

from __future__ import annotations

import argparse
import email.utils
import fcntl
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from calendar import timegm
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

LOOK_S = 1.0
# Ray is told an earlier end: its command line takes a moment, and a node that dies before its deadline counts as failed
EARLY_S = 2
RETRY_S = 2.0
IMDS_TIMEOUT_S = 2.0
LEASE_WARNING_S = 120.0
# `ray` takes seconds to start on a busy machine
DRAIN_TIMEOUT_S = 30.0


class Ending(NamedTuple):
    """Why the machine ends, and when (CLOCK_BOOTTIME)."""

    reason: str
    at: float


class SpotNotice:
    """EC2's spot notice, through instance metadata version 2."""

    def __init__(self, base_url: str, clock: Callable[[], float]) -> None:
        self._base = base_url
        self._clock = clock
        self._token = ""
        # No proxy of the environment may stand between
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __call__(self) -> Ending | None:
        """The notice, if there is one. No answer counts as none."""
        try:
            text, wall = self._get("spot/instance-action")
            notice = json.loads(text)
            at = timegm(time.strptime(notice["time"], "%Y-%m-%dT%H:%M:%SZ"))
            return Ending(f"EC2 takes this spot instance back ({notice['action']})", self._clock() + at - wall)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                self._token = ""
            return None
        except Exception:
            return None

    def is_spot(self) -> bool | None:
        """Whether this is a spot instance; None as long as the metadata service does not say."""
        try:
            return self._get("instance-life-cycle")[0] == "spot"
        except Exception:
            return None

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
    """What time the metadata service thinks it is: notices are written by its clock. Ours, if it does not say."""
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return time.time()


class LeaseEnd:
    """The lease's end, as the watchdog on this machine publishes it."""

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock

    def __call__(self) -> Ending | None:
        """The end, once it is near. Without a watchdog there is no lease to speak of."""
        try:
            lease = json.loads(self._file.read_text())
            ends, length = float(lease["ends"]), float(lease["ends"]) - float(lease["set_at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        near = ends - self._clock() <= min(LEASE_WARNING_S, length / 4)
        return Ending("the lease of this machine ends", ends) if near else None


class Poller:
    """Looks until an ending is seen and Ray has taken the drain. All from outside comes in through the arguments."""

    def __init__(
        self,
        sources: Sequence[Callable[[], Ending | None]],
        drain: Callable[[str, int], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._sources = sources
        self._drain = drain
        self._clock = clock
        self._sleep = sleep

    def run(self) -> None:
        """Return once the node drains. A drain that failed is tried again while there is an ending to see."""
        while True:
            endings = [ending for ending in (source() for source in self._sources) if ending]
            if not endings:
                self._sleep(LOOK_S)
                continue
            first = min(endings, key=lambda ending: ending.at)
            left = max(0, int(first.at - self._clock()) - EARLY_S)
            say(first.reason, "in", left, "s")
            if self._drain(first.reason, left):
                say("the node drains")
                return
            self._sleep(RETRY_S)


class RayDrain:
    """`ray drain-node` for the node that runs here."""

    def __init__(self, command: str, proc: Path, environment: dict[str, str]) -> None:
        self._command = shlex.split(command)
        self._proc = proc
        self._environment = environment

    def __call__(self, reason: str, left_s: int) -> bool:
        """Whether Ray took it."""
        arguments = [*self._command, *_this_node(self._proc), "--reason", "DRAIN_NODE_REASON_PREEMPTION"]
        arguments += ["--reason-message", reason, "--deadline-remaining-seconds", str(left_s)]
        try:
            done = subprocess.run(
                arguments,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=DRAIN_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            say("not drained:", repr(error))
            return False
        if done.returncode:
            say("not drained:", done.stdout.decode(errors="replace")[-1000:])
        return done.returncode == 0


def _this_node(proc: Path) -> list[str]:
    """Which node of which cluster, from the one raylet's command line.

    Without it `ray drain-node` finds out by itself, but starts a driver for that.
    """
    found = []
    for file in proc.glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        if words[0].endswith("/raylet"):
            flags = dict(word.lstrip("-").split("=", 1) for word in words if word.startswith("--") and "=" in word)
            found.append((flags.get("node_id"), flags.get("gcs-address")))
    if len(found) != 1 or not all(found[0]):
        return []
    return ["--node-id", str(found[0][0]), "--address", str(found[0][1])]


def environment_for_ray(inherited: dict[str, str]) -> dict[str, str]:
    """Ray's commands need the cluster's token, and not the address of another cluster."""
    environment = {name: value for name, value in inherited.items() if name != "RAY_ADDRESS"}
    if Path(inherited.get("HOME", "/"), ".ray/auth_token").exists():
        environment.setdefault("RAY_AUTH_MODE", "token")
    return environment


def say(*words: object) -> None:
    """To the log."""
    sys.stdout.write(" ".join([time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), *map(str, words)]) + "\n")
    sys.stdout.flush()


def boottime() -> float:
    """Seconds since boot, on the clock that the lease watchdog uses."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _alone(lock: Path) -> Any:
    """The lock of the one poller of this machine, or None: Ray's start commands may run more than once."""
    file = lock.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return None
    return file


def main(arguments: Sequence[str]) -> int:
    """Run until the node drains."""
    parser = argparse.ArgumentParser(prog="notices")
    parser.add_argument("--head", action="store_true", help="this is the cluster's head")
    parser.add_argument("--imds", default="http://169.254.169.254")
    parser.add_argument("--lease", type=Path, default=Path("/run/spillover/lease-ends"))
    parser.add_argument("--proc", type=Path, default=Path("/proc"))
    parser.add_argument("--lock", type=Path, default=Path(f"/tmp/spillover-notices-{os.getuid()}.lock"))  # noqa: S108
    parser.add_argument("--drain", default="ray drain-node", help="the command, without its options")
    options = parser.parse_args(arguments)
    lock = _alone(options.lock)
    if lock is None:
        say("another one runs already")
        return 0
    spot = SpotNotice(options.imds, boottime)
    sources: list[Callable[[], Ending | None]] = [spot]
    if not options.head:
        sources.append(LeaseEnd(options.lease, boottime))
    while options.head and not (is_spot := spot.is_spot()):
        if is_spot is not None:
            say("this head is no spot instance: there is nothing to watch")
            return 0
        time.sleep(RETRY_S)
    drain = RayDrain(options.drain, options.proc, environment_for_ray(dict(os.environ)))
    Poller(sources, drain, boottime, time.sleep).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
