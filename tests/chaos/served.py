"""The Spillover under test: as people run it, or with a bug planted in it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from server import BIN, FINAL, Server, clean_environment, http

from .check_jobs import MAX_ATTEMPTS
from .records import Told, ToldAttempt

PLANTED = Path(__file__).parent / "planted.py"


class ChaosServer(Server):
    """Started without waiting for it, since it is killed again and again."""

    def __init__(
        self,
        folder: Path,
        pools: Mapping[str, Any],
        *,
        bug: str = "",
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        base = {"policy": {"name": "immediate"}, "max_attempts": MAX_ATTEMPTS}
        super().__init__(folder, pools, **{**base, **settings})
        self.program: Sequence[str] = [sys.executable, "-P", str(PLANTED), bug] if bug else [str(BIN / "spillover")]
        self._environment = {**(environment or clean_environment(self.home)), "PYTHONUNBUFFERED": "1"}
        self.wanted = False
        self.crashes = 0

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.wanted = True
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "up", "-c", str(self.file)],
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self, timeout_s: float = 60) -> float:
        """Start it and wait until it serves. Returns the seconds that took."""
        began = time.monotonic()
        self.launch()
        self.wait_served(timeout_s)
        return time.monotonic() - began

    def wait_served(self, timeout_s: float = 60) -> None:
        """Raises AssertionError if it does not come up in time."""
        until = time.monotonic() + timeout_s
        while not self.serves():
            assert time.monotonic() < until, f"spillover does not serve: {self.log.read_text()[-3000:]}"
            time.sleep(0.2)

    def serves(self) -> bool:
        """Whether it answers now."""
        try:
            return http("GET", f"{self.address}/api/spillover/v1/health", None, timeout_s=5).status == 200
        except OSError:
            return False

    def kill9(self) -> None:
        self.wanted = False
        super().kill9()

    def crashed(self) -> bool:
        """Whether it has ended although nobody ended it; it is started again then."""
        if not self.wanted or self.process is None or self.process.poll() is None:
            return False
        self.crashes += 1
        self.launch()
        return True

    def known(self) -> dict[str, bool]:
        """All submission ids that it knows, and whether each has ended. Raises OSError while it does not answer."""
        answer = http("GET", f"{self.address}/api/jobs/", self.token, timeout_s=30)
        if answer.status != 200:
            raise OSError(f"list of jobs: {answer.status} {answer.last_line}")
        return {str(job["submission_id"]): job["status"] in FINAL for job in answer.json}

    def told(self, job: str) -> Told | None:
        """What it says of a job; None if it does not know it."""
        answer = http("GET", f"{self.address}/api/spillover/v1/jobs/{job}/explain", self.token, timeout_s=30)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OSError(f"explain {job}: {answer.status} {answer.last_line}")
        return _told(job, answer.json)


def _told(job: str, story: Mapping[str, Any]) -> Told:
    attempts = [
        ToldAttempt(
            attempt=a["attempt_id"],
            pool=a["pool"],
            committed_at=a["committed_at"],
            outcome=a["outcome"],
            ended_at=a["ended_at"],
            message=a["message"],
        )
        for a in story["attempts"]
    ]
    return Told(job, story["job"]["status"], story["job"]["message"], tuple(attempts))
