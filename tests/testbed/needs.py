"""What this machine lacks for a test bed."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess

TOOLS = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "rsync": "rsync",
    "tini": "tini",
}
"""Program, and the Debian package that has it."""

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
PROBE = """
mount -t tmpfs probe /tmp && mkdir /tmp/upper /tmp/work /tmp/root &&
mount -t overlay probe -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /tmp/root &&
ip link add probe type bridge && ip link add one type veth peer name other
"""
"""What a sandbox does to the kernel, in namespaces that are gone with it."""


@functools.cache
def missing() -> list[str]:
    """What is not here, each in words: empty if a test bed can run."""
    lacks = [] if os.geteuid() == 0 else ["root"]
    lacks += [f"{tool} (package {package})" for tool, package in TOOLS.items() if shutil.which(tool, path=PATH) is None]
    lacks += [f"Python's {module}" for module in ("boto3", "moto", "ray") if importlib.util.find_spec(module) is None]
    return lacks or _refusals()


def _refusals() -> list[str]:
    """Root in a container may not have the right to make namespaces."""
    namespaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork"]
    done = subprocess.run(
        [*namespaces, "sh", "-c", PROBE], capture_output=True, text=True, check=False, env={**os.environ, "PATH": PATH}
    )
    said = next(iter(done.stderr.splitlines()), "")
    return [] if done.returncode == 0 else [f"the right to make namespaces, overlays and bridges ({said})"]
