"""Runs the commands of a cluster YAML as a local node: its HOME, its address, its ports, its token."""

# ruff: noqa: FBT001, FBT002 -- the signatures are Ray's
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from filelock import FileLock
from ray.autoscaler.command_runner import CommandRunnerInterface

from spillover.node import processes
from spillover.node.local_layout import Layout
from spillover.node.local_ray import write_ray
from spillover.node.local_state import LocalNode
from spillover.node.processes import Mark

_RAY_STOP = re.compile(r"\bray\s+stop\b")
# What Ray itself puts before a command: `true && source ~/.bashrc; export A=b; ray stop`
_ONLY_RAY_STOP = re.compile(r"(?:\s*export\s[^;&|]*[;&]+)*\s*ray\s+stop\s*(?:--force)?\s*;?\s*")
_LOG_TAIL_CHARS = 2000


class LocalCommandRunner(CommandRunnerInterface):  # type: ignore[misc]  # Ray has no types
    """Commands run in the caller's process group, so that a launcher that ends takes them along."""

    def __init__(self, layout: Layout, node_id: str, node: LocalNode, pass_env: frozenset[str]) -> None:
        self._layout = layout
        self._node_id = node_id
        self._node = node
        self._pass_env = pass_env
        self._dir = layout.node_dir(node_id)
        self._mark = layout.node_mark(node_id)

    def run(
        self,
        cmd: str | None = None,
        timeout: int | None = 120,
        exit_on_fail: bool = False,
        port_forward: object = None,
        with_output: bool = False,
        environment_variables: dict[str, object] | None = None,
        run_env: str = "auto",
        ssh_options_override_ssh_key: str = "",
        shutdown_after_run: bool = False,
    ) -> bytes | str:
        """Run a shell command on the node; most arguments only make sense over SSH."""
        time.sleep(max(0.0, self._node.ready_at - time.time()))
        if not cmd:
            return ""
        if _RAY_STOP.search(cmd):
            self._check_ray_stop(cmd)
            # `ray down` stops the head first. Workers go with it: a raylet without its head takes long to give up
            self._end(self._layout.mark if self._node.is_head else self._mark)
            return ""
        environment = self._environment(environment_variables or {})
        if not re.search(r"\bray\s+start\b", cmd):
            return self._shell(cmd, environment, timeout, with_output)
        write_ray(self._dir / "bin", self._node_id)
        environment["PATH"] = os.pathsep.join([str(self._dir / "bin"), environment["PATH"]])
        # Raylets that share a session folder race for their sockets' names when they start at once
        with FileLock(self._layout.start_lock):
            self._end(self._mark)  # of a start that was cut off; a second `ray up` restarts Ray besides
            return self._shell(cmd, environment, timeout, with_output)

    def run_rsync_up(self, source: str, target: str, options: dict[str, Any] | None = None) -> None:
        """Copy to the node."""
        there = self._path(target)
        there.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, there, dirs_exist_ok=True)
        else:
            shutil.copy(source, there)

    def run_rsync_down(self, source: str, target: str, options: dict[str, Any] | None = None) -> None:
        """Copy from the node."""
        shutil.copy(self._path(source), target)

    def remote_shell_command_str(self) -> str:
        """What a person types to look around on the node."""
        return f"cd {self._dir}"

    @staticmethod
    def _check_ray_stop(cmd: str) -> None:
        if not _ONLY_RAY_STOP.fullmatch(cmd):
            raise ValueError(f"`ray stop` inside a longer command would reach every Ray on this machine: {cmd}")

    def _end(self, mark: Mark) -> None:
        """What `ray stop` means here. The real one would end every Ray that it can see."""
        left = processes.end([mark])
        if left:
            raise RuntimeError(f"processes {left} of node {self._node_id} would not end")

    def _shell(self, cmd: str, environment: dict[str, str], timeout: int | None, with_output: bool) -> bytes | str:
        with (self._dir / "commands.log").open("ab") as log:
            done = subprocess.run(
                ["bash", "-c", cmd],
                env=environment,
                cwd=self._dir,
                timeout=timeout if timeout and timeout > 0 else None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if with_output else log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, cmd, stderr=self._log_tail())
        return done.stdout if with_output else ""

    def _environment(self, given: dict[str, object]) -> dict[str, str]:
        # Ray hands resources and labels over as dicts
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
        return self._layout.environment(self._node_id, self._node.ip, os.environ, self._pass_env) | texts

    def _path(self, path: str) -> Path:
        return self._dir / path[2:] if path.startswith("~/") else Path(path)

    def _log_tail(self) -> str:
        return (self._dir / "commands.log").read_text(errors="replace")[-_LOG_TAIL_CHARS:]
