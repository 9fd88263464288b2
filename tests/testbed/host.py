"""One host: a Linux "machine" made of namespaces, an overlay root and sshd. Runs inside the sandbox."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .namespaces import child_of, gone

HERE = Path(__file__).parent
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EARLY = "/opt/testbed/bin"
"""Where a host's own commands lie: before everything else in its PATH."""

NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child")
ON_SITE = ("nsenter", "--net=/proc/1/ns/net")


@dataclass(frozen=True)
class Spec:
    """What a host is. Sizes are mount's: 512m, 2g."""

    name: str
    ip: str
    prefix: int
    bridge: str
    gateway: str
    authorized_key: str
    metadata: bool = False
    profile: str = ""
    ray: bool = True
    commands: Mapping[str, str] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    tmp: str = "2g"
    home: str = "512m"
    shm: str = "2g"

    @property
    def card(self) -> str:
        """The site's end of its network card; names of interfaces have at most 15 characters."""
        return "v" + hashlib.sha1(self.name.encode()).hexdigest()[:10]

    @property
    def path(self) -> str:
        """Its PATH: the environment with Ray stands in it, or does not."""
        return ":".join([EARLY, *([f"{sys.prefix}/bin"] if self.ray else []), SYSTEM_PATH])


def python_folders() -> list[str]:
    """What must be visible inside at its own path: the environment, and every prefix that its python runs through."""
    found = [sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)]
    link = Path(sys.prefix, "bin", "python")
    while link.is_symlink():
        link = Path(os.path.normpath(link.parent / link.readlink()))
        found.append(str(link.parents[1]))
    keep: list[str] = []
    for folder in found:
        if folder != "/" and not any(Path(folder).is_relative_to(k) for k in [*keep, "/usr"]):
            keep.append(folder)
    return keep


def boot(folder: Path, spec: Spec, timeout_s: float = 20.0) -> subprocess.Popen[bytes]:
    """Boot a host and wait until its sshd answers. Raises RuntimeError with its log. The process ends when it does."""
    home = folder / "hosts" / spec.name
    for part in ("upper", "work", "root", "files"):
        (home / part).mkdir(parents=True, exist_ok=True)
    _write_files(home / "files", spec)
    log = folder / "logs" / f"host-{spec.name}.log"
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["unshare", *NAMESPACES, "bash", str(HERE / "host_init.sh")],
            env=_environment(folder, home, spec), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, cwd="/",
        )  # fmt: skip
    if not _listens(process, log, before, timeout_s):
        process.kill()
        raise RuntimeError(f"host '{spec.name}' did not boot within {timeout_s:.0f} s: {log.read_text()[-2000:]}")
    known = {
        **asdict(spec),
        "card": spec.card,
        "path": spec.path,
        "unshare": process.pid,
        "init": child_of(process.pid),
    }
    (folder / "run" / f"{spec.name}.json").write_text(json.dumps(known))
    return process


def cut(folder: Path, name: str) -> None:
    """Power cut: SIGKILL to the host's first process takes every other with it. Its disk is gone too.

    Raises FileNotFoundError if there is no such host.
    """
    known = json.loads((folder / "run" / f"{name}.json").read_text())
    # It may have shut itself down long ago, and its numbers may be somebody else's now
    with suppress(OSError):
        if "host_init.sh" in Path(f"/proc/{known['unshare']}/cmdline").read_text():
            for pid in (known["init"], known["unshare"]):
                os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while not gone(known["init"]) and time.monotonic() < until:
        time.sleep(0.01)
    clear(folder, name)


def clear(folder: Path, name: str) -> None:
    """Remove what a host that has ended leaves: its end of the cable, its disk, its record."""
    record = folder / "run" / f"{name}.json"
    with suppress(FileNotFoundError):
        card = json.loads(record.read_text())["card"]
        subprocess.run([*ON_SITE, "ip", "link", "del", card], capture_output=True, check=False)
    shutil.rmtree(folder / "hosts" / name, ignore_errors=True)
    record.unlink(missing_ok=True)


def command_in(folder: Path, name: str, command: list[str]) -> list[str]:
    """The command line that runs a command in a host, as root, from the sandbox."""
    known = json.loads((folder / "run" / f"{name}.json").read_text())
    enter = ["nsenter", "--target", str(known["init"]), "--net", "--mount", "--uts", "--ipc", "--pid", "--"]
    return [*enter, "env", "-i", "-C", "/root", "HOME=/root", f"PATH={known['path']}", "LANG=C.UTF-8", *command]


def _write_files(files: Path, spec: Spec) -> None:
    for place, texts in (
        (EARLY, dict(spec.commands)),
        ("/var/lib/cloud/instance/scripts", {f"part-{n:03d}": text for n, text in enumerate(spec.scripts)}),
    ):
        for name, text in texts.items():
            path = files / place.lstrip("/") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)


def _environment(folder: Path, home: Path, spec: Spec) -> dict[str, str]:
    keys = folder / "keys"
    return {
        "PATH": SYSTEM_PATH,
        "HOST_NAME": spec.name,
        "HOST_IP": spec.ip,
        "HOST_PREFIX": str(spec.prefix),
        "HOST_BRIDGE": spec.bridge,
        "HOST_GATEWAY": spec.gateway,
        "HOST_CARD": spec.card,
        "HOST_METADATA": "1" if spec.metadata else "",
        "HOST_DIR": str(home),
        "HOST_BINDS": ":".join(python_folders()),
        "HOST_AUTHORIZED": spec.authorized_key,
        "HOST_KEY": str(keys / "hostkey"),
        "HOST_PATH": spec.path,
        "HOST_PROFILE": spec.profile,
        "HOST_SHUTDOWN": str(HERE / "host_shutdown.sh"),
        "HOST_TMP": spec.tmp,
        "HOST_HOME": spec.home,
        "HOST_SHM": spec.shm,
    }


def _listens(process: subprocess.Popen[bytes], log: Path, before: int, timeout_s: float) -> bool:
    """Whether its sshd says so in time. Asking over the network would take a second: that is how often ARP tries."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and process.poll() is None:
        if b"Server listening" in log.read_bytes()[before:]:
            return True
        time.sleep(0.02)
    return False


def main() -> None:
    """`host.py FOLDER boot SPEC_JSON | cut NAME`: from outside the sandbox."""
    folder, what, argument = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if what == "boot":
        given = json.loads(argument)
        boot(folder, Spec(**{**given, "scripts": tuple(given.get("scripts", ()))}))
    else:
        cut(folder, argument)


if __name__ == "__main__":
    main()
