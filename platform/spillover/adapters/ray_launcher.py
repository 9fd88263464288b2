"""`ray up` and `ray down` for one pool, each in a child process that dies with us.

Call from the thread that lives as long as the server (asyncio's main one): Linux ends the child when
the thread that started it ends.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from spillover.domain.provider import ProviderNode, Raised
from spillover.errors import LauncherError

CHILD = "spillover.adapters.launcher_child"
CHILD_GRACE_S = 8.0


class RayLauncher:
    """Raises, folds and lists clusters by their YAML. One at a time a YAML: others wait for its lock."""

    async def raise_cluster(self, config_path: Path, *, no_restart: bool, log_path: Path) -> Raised:
        """Bring the head up. `no_restart` leaves a head that is there untouched, and its jobs alive."""
        flags = ["--no-restart"] if no_restart else []
        answer = await self._child("up", config_path, log_path, *flags)
        return Raised(str(answer["head_ip"]), _nodes(answer))

    async def fold(self, config_path: Path, log_path: Path) -> list[ProviderNode]:
        """End the cluster, and return what the provider still has of it: nothing, when it is gone."""
        return list(_nodes(await self._child("down", config_path, log_path)))

    async def nodes(self, config_path: Path, log_path: Path = Path(os.devnull)) -> list[ProviderNode]:
        """What the provider has now, a launch that was cut off included."""
        return list(_nodes(await self._child("nodes", config_path, log_path)))

    async def _child(self, action: str, config: Path, log: Path, *flags: str) -> dict[str, Any]:
        arguments = ["-m", CHILD, action, str(config), "--parent", str(os.getpid()), *flags]
        with log.open("ab") as chatter:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=chatter,
                start_new_session=True,
            )
        try:
            out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                await asyncio.shield(asyncio.ensure_future(_end(process)))
        return _read(action, config, log, process.returncode, out)


def write_config(template: Mapping[str, Any], path: Path, *, max_workers: int, lease_id: str = "") -> None:
    """Write the cluster YAML with a lease's cap: no node type may go above it, and none must start more."""
    config = deepcopy(dict(template))
    config["max_workers"] = max_workers
    for name, node_type in config.get("available_node_types", {}).items():
        if name != config.get("head_node_type"):
            node_type["max_workers"] = min(node_type.get("max_workers", max_workers), max_workers)
            node_type["min_workers"] = min(node_type.get("min_workers", 0), max_workers)
    _replace(path, _header(lease_id) + yaml.safe_dump(config, sort_keys=False, width=1000))


def is_for_lease(path: Path, lease_id: str) -> bool:
    """Whether the cluster YAML was written for this lease."""
    return path.exists() and path.read_text().startswith(_header(lease_id))


def _header(lease_id: str) -> str:
    return f"# lease {lease_id}\n"


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    # A provider section may hold credentials
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(action: str, config: Path, log: Path, status: int | None, out: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        raise LauncherError(f"{action} {config.name}: ended with status {status} and no answer (log: {log})") from None
    if not answer["ok"]:
        raise LauncherError(f"{action} {config.name}: {answer['error']} (log: {log})")
    return answer


def _nodes(answer: Mapping[str, Any]) -> tuple[ProviderNode, ...]:
    return tuple(ProviderNode(**node) for node in answer["nodes"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the child end its commands; if it does not, end the whole group."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), CHILD_GRACE_S)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
