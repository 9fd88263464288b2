"""Ray of one cluster on one host that others may use too: checked, started, stopped and drained by its own handle.

    python3 host_ray.pyz check|start|status|stop|drain REQUEST

REQUEST is JSON. The last line on stdout is JSON: `{"ok": true, ...}` or `{"ok": false, "error": "..."}`. It is run in
the shell that the cluster YAML's commands get. `ray stop` is never called: it would end every Ray on the machine.

What belongs to the cluster: processes with the cluster's mark in their environment, those that were there when the
start was done (by process id and start time, for Ray overwrites the environment of some), and all their children.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spillover.node import host_facts, processes
from spillover.node.processes import Mark, Process

MARK = "SPILLOVER_HOST_DIR"
LOCK_TIMEOUT_S = 120.0
COMMAND_TIMEOUT_S = 1500.0
_LOG_MAX_BYTES = 4 * 2**20
_REASON = "DRAIN_NODE_REASON_PREEMPTION"

# As Ray's own launcher wraps commands. `ray stop` means this cluster's Ray here, and that was ended before.
_WRAPPED = (
    'source ~/.bashrc; ray() {{ if [ "${{1-}}" = stop ]; then :; else command ray "$@"; fi; }}; '
    "export OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore && ({command})"
)

Request = dict[str, Any]


class HostRayError(Exception):
    """Something could not be done; the text says what and why."""


class OwnRay:
    """The cluster's folder on this host, and the processes that are its own."""

    def __init__(self, folder: str) -> None:
        self.folder = Path.home() / folder
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._record = self.folder / "ray.json"
        self._mark = Mark(MARK, self.folder)

    def find(self) -> list[Process]:
        """All that runs."""
        return processes.find([self._mark], self._recorded())

    def end(self) -> None:
        """End all of it: gently, then not."""
        if left := processes.end([self._mark], self._recorded()):
            raise HostRayError(f"processes {left} would not end")
        self._record.unlink(missing_ok=True)

    def record(self) -> None:
        """Remember what runs, for Ray writes its processes' titles over their environment."""
        draft = self._record.with_suffix(".draft")
        found = [[process.pid, process.started] for process in self.find()]
        draft.write_text(json.dumps({"boot": host_facts.boot_id(), "processes": found}))
        draft.replace(self._record)

    def _recorded(self) -> processes.Known:
        try:
            record = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return frozenset()
        # After a reboot the same ids and times may be somebody else's
        found = record["processes"] if record["boot"] == host_facts.boot_id() else ()
        return frozenset((int(pid), str(started)) for pid, started in found)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One change at a time: a start whose caller died may still be under way."""
        until = time.monotonic() + LOCK_TIMEOUT_S
        with (self.folder / "lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > until:
                        text = f"another start or stop has been under way for {LOCK_TIMEOUT_S:g} s"
                        raise HostRayError(text) from None
                    time.sleep(0.2)
            yield

    # commands

    def run(self, command: str, variables: dict[str, str]) -> None:
        """Run one command of the cluster YAML. Raises HostRayError with its last words."""
        log = self.folder / "commands.log"
        if log.exists() and log.stat().st_size > _LOG_MAX_BYTES:
            log.replace(log.with_suffix(".old"))
        with log.open("ab") as file:
            begin = file.tell()
            done = subprocess.run(
                ["bash", "--login", "-i", "-c", _WRAPPED.format(command=command)],
                env={**os.environ, **variables, MARK: str(self.folder)},
                cwd=Path.home(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                close_fds=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
                start_new_session=True,
            )
        if done.returncode:
            words = log.read_bytes()[begin:].decode(errors="replace").strip().splitlines()
            last = next((line.strip() for line in reversed(words) if line.strip()), "it said nothing")
            raise HostRayError(f"`{command}` ended with status {done.returncode}: {last} (log there: {log})")


def check(request: Request) -> dict[str, Any]:
    """What must be known before Ray is started here."""
    began, at = time.time(), host_facts.clock()
    own = OwnRay(request["folder"])
    mine = own.find()
    facts = host_facts.gather(request["ports"], {process.pid for process in mine}, request["temp_dir"])
    node_id = host_facts.node_id(process.pid for process in mine)
    return {**facts, "at": at, "took_s": time.time() - began, "node_id": node_id}


def start(request: Request) -> dict[str, Any]:
    """End what an earlier start left, set the host up if that has changed, and start."""
    own = OwnRay(request["folder"])
    variables = {str(name): str(value) for name, value in request["environment"].items()}
    with own.alone():
        own.end()
        _set_up(own, request["setup"], variables)
        try:
            for command in request["start"]:
                own.run(command, variables)
        except (HostRayError, subprocess.TimeoutExpired):
            own.record()
            own.end()
            raise
        own.record()
        return {"node_id": host_facts.node_id(process.pid for process in own.find())}


def _set_up(own: OwnRay, commands: list[str], variables: dict[str, str]) -> None:
    """Run the setup commands, unless the very same ones have been run here."""
    done = own.folder / "setup.sha256"
    digest = hashlib.sha256(json.dumps(commands).encode()).hexdigest()
    if not commands or (done.exists() and done.read_text() == digest):
        return
    for command in commands:
        own.run(command, variables)
    done.write_text(digest)


def status(request: Request) -> dict[str, Any]:
    """Whether anything of the cluster runs here."""
    return {"running": bool(OwnRay(request["folder"]).find())}


def stop(request: Request) -> dict[str, Any]:
    """End the cluster's Ray here, and nothing else."""
    own = OwnRay(request["folder"])
    with own.alone():
        own.end()
    return {}


def drain(request: Request) -> dict[str, Any]:
    """On the head: have a node take nothing new. What runs there goes on."""
    own = OwnRay(request["folder"])
    head = next((process for process in own.find() if process.name == "gcs_server"), None)
    if head is None:
        raise HostRayError("the cluster's head does not run here")
    environment = host_facts.environment_of(head.pid)  # its token, its `ray`
    ray = shutil.which("ray", path=environment.get("PATH"))
    if ray is None:
        raise HostRayError("there is no `ray` where the head was started")
    options = {
        "--address": host_facts.gcs_address(head.pid, request["port"]),
        "--node-id": request["node_id"],
        "--reason": _REASON,
        "--reason-message": request["why"],
        "--deadline-remaining-seconds": str(int(request["deadline_s"])),
    }
    words = [ray, "drain-node", *(word for option in options.items() for word in option)]
    environment.pop(MARK, None)  # a stop must not take it for Ray
    done = subprocess.run(
        words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        last = next((line for line in reversed((done.stderr + done.stdout).splitlines()) if line.strip()), "no reason")
        raise HostRayError(f"`ray drain-node` ended with status {done.returncode}: {last}")
    return {}


ACTIONS = {"check": check, "start": start, "status": status, "stop": stop, "drain": drain}


def main(arguments: list[str]) -> int:
    """Do one action, print one line, return the exit status."""
    try:
        answer = {"ok": True, **ACTIONS[arguments[0]](json.loads(arguments[1]))}
    except Exception as error:  # the line on stdout is the caller's only answer, whatever went wrong
        text = str(error) if isinstance(error, HostRayError) else f"{type(error).__name__}: {error}"
        answer = {"ok": False, "error": text}
    print(json.dumps(answer), flush=True)  # noqa: T201
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
