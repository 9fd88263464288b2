"""What the demo needs of the machine, checked before anything is started: every lack is named at once."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ..errors import SpilloverError
from .demo_jobs import JOB, ray_command

CPUS = 2
MEMORY_GIB = 4.5  # 3.8 measured at the most
DISK_GIB = 1.0
_GIB = 2**30


def check(jobs: Path, clusters: Path) -> None:
    """Raises SpilloverError with one line for each thing that is missing."""
    lacks = [*_machine_lacks(cpus(), memory_gib(), disk_gib()), *_software_lacks(), *_file_lacks(jobs, clusters)]
    if lacks:
        raise SpilloverError("The demo cannot run here:\n" + "\n".join(f"  - {lack}" for lack in lacks))


def _machine_lacks(cpu: float, memory: float, disk: float) -> list[str]:
    lacks = []
    if sys.platform != "linux":
        lacks.append(f"its clusters are made of Linux processes (/proc, 127.0.0.0/8), and this is {sys.platform}")
    if cpu < CPUS:
        lacks.append(f"it needs {CPUS} CPUs, and this process may use {cpu:g}")
    if memory < MEMORY_GIB:
        lacks.append(f"it needs {MEMORY_GIB:g} GiB of free memory for two Ray clusters, and there are {memory:.1f}")
    if disk < DISK_GIB:
        lacks.append(f"it needs {DISK_GIB:g} GiB free in /tmp, and there are {disk:.1f}")
    return lacks


def _software_lacks() -> list[str]:
    missing = [name for name in ("torch", "pyarrow", "fsspec") if find_spec(name) is None]
    lacks = [f"{', '.join(missing)} missing: `make .venv`, or pip install -e '.[jobs]'"] if missing else []
    if not ray_command().exists():
        lacks.append(f"there is no {ray_command()}: install ray[default] beside this Python")
    return lacks


def _file_lacks(jobs: Path, clusters: Path) -> list[str]:
    wanted = {jobs / JOB / "train.py": "--jobs DIR", clusters / "embedded.yaml": "--clusters DIR"}
    return [
        f"{path} is not there: run it in a checkout, or say {way}" for path, way in wanted.items() if not path.exists()
    ]


def cpus() -> float:
    """How many CPUs this process may use: its affinity, and its container's quota."""
    count = float(len(os.sched_getaffinity(0)))
    quota, _, period = _text("/sys/fs/cgroup/cpu.max").partition(" ")
    return min(count, int(quota) / int(period)) if quota.isdecimal() and period.isdecimal() else count


def memory_gib() -> float:
    """Free memory: the machine's, and what the container's limit leaves."""
    lines = dict(line.split(":", 1) for line in _text("/proc/meminfo").splitlines() if ":" in line)
    free = int(lines.get("MemAvailable", "0 kB").split()[0]) * 1024 / _GIB
    limit, used = _text("/sys/fs/cgroup/memory.max"), _text("/sys/fs/cgroup/memory.current")
    return min(free, (int(limit) - int(used)) / _GIB) if limit.isdecimal() and used.isdecimal() else free


def disk_gib() -> float:
    """Free space where the demo's folder will be."""
    found = os.statvfs("/tmp")  # noqa: S108  # only looked at
    return found.f_bavail * found.f_frsize / _GIB


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def checkout_folder(name: str) -> Path:
    """`jobs` or `clusters`: here, or in the checkout that this code is run from."""
    here = Path(name).absolute()
    return here if here.is_dir() else Path(__file__).resolve().parents[3] / name
