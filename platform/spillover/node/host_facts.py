"""What is so on the host that this runs on: Ray, Python, disk, ports, GPUs. Linux; the standard library alone."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

_LISTENING = "0A"
_PROC = Path("/proc")
_ASK = "import sys, importlib.metadata as m; print(sys.version.split()[0], m.version('ray'))"


def gather(ports: Iterable[int], mine: set[int], temp_dir: str) -> dict[str, Any]:
    """All facts. `mine` are the ids of processes whose ports count as free."""
    disk = shutil.disk_usage(_existing(Path(temp_dir).expanduser()))
    python, ray = ray_versions()
    return {
        "python": python,
        "ray": ray,
        "disk_free_bytes": disk.free,
        "disk_used_share": disk.used / (disk.used + disk.free) if disk.used + disk.free else 0.0,
        "ports": {str(port): holder for port, holder in _held(set(ports), mine).items()},
        "gpus": gpus(),
        "hostname": socket.gethostname(),
    }


def ray_versions() -> tuple[str, str]:
    """Versions of the Python that runs the `ray` on PATH, and of that Ray; "" for what is not there."""
    script = shutil.which("ray")
    if script is None:
        return "", ""
    with suppress(OSError):
        # Long interpreter paths stand in the second line, behind a `#!/bin/sh`
        head = Path(script).read_bytes()[:1000].decode(errors="replace").splitlines()[:3]
        for python in re.findall(r"/[^\s\"']*python[\d.]*", "\n".join(head)):
            words = _words([python, "-c", _ASK])
            if len(words) == 2:
                return words[0], words[1]
    # `ray, version 2.60.0`: slower, for it loads Ray
    return "", next(iter(reversed(_words([script, "--version"]))), "")


def _words(command: list[str]) -> list[str]:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []


def gpus() -> int | None:
    """How many NVIDIA GPUs work here; None if there are others, which nobody here can count."""
    if shutil.which("nvidia-smi") is None:
        return None if Path("/dev/kfd").exists() else 0
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0


def node_id(pids: Iterable[int]) -> str:
    """The Ray node that one of these processes is, by the command line of its raylet; "" if none is."""
    for pid in pids:
        with suppress(OSError):
            words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            for word in words:
                if word.startswith(("--node_id=", "--node-id=")):
                    return word.partition("=")[2]
    return ""


def clock() -> float:
    """Unix seconds, as `date` shows them to people here."""
    try:
        return float(_words(["date", "+%s.%N"])[0])
    except (IndexError, ValueError):
        return time.time()


def boot_id() -> str:
    """Another one after each boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def environment_of(pid: int) -> dict[str, str]:
    """The environment that a process was started with."""
    raw = (_PROC / str(pid) / "environ").read_bytes().decode(errors="replace")
    return dict(item.split("=", 1) for item in raw.split("\0") if "=" in item)


def gcs_address(pid: int, port: int) -> str:
    """Where a `gcs_server` process listens, by its own command line; `port` if that does not say."""
    words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    given = dict(word.lstrip("-").split("=", 1) for word in words if "=" in word)
    place = given.get("node-ip-address") or given.get("node_ip_address") or "127.0.0.1"
    return f"{place}:{given.get('gcs_server_port') or port}"


def _existing(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def _held(ports: set[int], mine: set[int]) -> dict[int, str]:
    """Which of the ports somebody else listens on, and who, as far as that can be seen."""
    inodes = _listening(ports)
    if not inodes:
        return {}
    owners = _owners(set(inodes))
    held: dict[int, str] = {}
    for inode, port in inodes.items():
        pid = owners.get(inode)
        if pid is None or pid not in mine:
            held[port] = _name(pid)
    return held


def _listening(ports: set[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                port = int(fields[1].rpartition(":")[2], 16)
                if fields[3] == _LISTENING and port in ports:
                    found[fields[9]] = port
    return found


def _owners(inodes: set[str]) -> dict[str, int]:
    owners: dict[str, int] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            for handle in (entry / "fd").iterdir():
                with suppress(OSError):
                    link = str(handle.readlink())
                    if link.startswith("socket:[") and link[8:-1] in inodes:
                        owners[link[8:-1]] = int(entry.name)
    return owners


def _name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"{(_PROC / str(pid) / 'comm').read_text().strip()} (pid {pid})"
    except OSError:
        return f"pid {pid}"
