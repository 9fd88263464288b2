"""A job that says of itself when it starts, that it lives (every half second), and when it ends.

It speaks to a listener that Spillover knows nothing of: one JSON line for each, one JSON line back, which says how
far earlier runs of the job came. A resumable job goes on from there. Standard library only: it runs on any cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
import uuid

STEP_S = 0.5
END_TRIES_S = 20.0
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray hands a driver its submission id in this variable


class Teller:
    """Sends lines. One that does not arrive is dropped: the next one says as much."""

    def __init__(self, addresses: str, job: str) -> None:
        parts = [address.rpartition(":") for address in addresses.split(",")]
        self._addresses = [(host, int(port)) for host, _, port in parts]
        self._who = {"job": job, "attempt": attempt_id(), "run": uuid.uuid4().hex, "host": socket.gethostname()}

    def tell(self, kind: str, step: int, code: int | None = None) -> dict[str, int] | None:
        """The answer, or None if there was none. The time is that of this very call."""
        line = {**self._who, "kind": kind, "at": time.time(), "step": step, "code": code}
        for address in list(self._addresses):
            heard = _send(address, json.dumps(line).encode() + b"\n")
            if heard is not None:
                self._addresses = [address]  # a host sees one of its networks' ends alone
                return heard
        return None

    def insist(self, kind: str, step: int, code: int | None = None) -> dict[str, int]:
        """As `tell`, again and again until it has arrived. Gives up after a while, loudly."""
        until = time.monotonic() + END_TRIES_S
        while time.monotonic() < until:
            heard = self.tell(kind, step, code)
            if heard is not None:
                return heard
            time.sleep(0.2)
        sys.exit(f"nobody listens at {self._addresses}")


def _send(address: tuple[str, int], line: bytes) -> dict[str, int] | None:
    try:
        with socket.create_connection(address, timeout=5) as there:
            there.sendall(line)
            with there.makefile() as answer:
                heard: dict[str, int] = json.loads(answer.readline())
                return heard
    except (OSError, ValueError):
        return None


def attempt_id() -> str:
    metadata = json.loads(os.environ.get(JOB_CONFIG, "{}")).get("metadata", {})
    return str(metadata.get("job_submission_id", "none"))


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sink", required=True, metavar="HOST:PORT,...", help="who listens; the first that answers is taken")
    p.add_argument("--job", required=True, help="the name that all its attempts share")
    p.add_argument("--steps", type=int, default=10, help="how many, of half a second each")
    p.add_argument("--code", type=int, default=0, help="the exit status at the end")
    p.add_argument("--resume", action="store_true", help="go on where an earlier run stopped")
    args = p.parse_args()

    teller = Teller(args.sink, args.job)
    heard = teller.insist("start", 0)
    step = min(heard.get("step", 0), args.steps) if args.resume else 0
    print(f"{args.job}: from step {step} of {args.steps}", flush=True)
    while step < args.steps:
        time.sleep(STEP_S)
        step += 1
        teller.tell("beat", step)
    teller.insist("end", step, args.code)
    print(f"{args.job}: ends with {args.code}", flush=True)
    return args.code


if __name__ == "__main__":
    sys.exit(main())
