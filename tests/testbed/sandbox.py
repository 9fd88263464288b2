"""What runs inside a sandbox from its first moment: networks, keys, on-prem hosts, the cloud. Then it waits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .host import Spec, boot

ONPREM_GATEWAY = "10.77.0.254"
CLOUD_GATEWAY = "172.31.255.254"
NETWORK = f"""\
link set lo up
link add br-onprem address 02:00:0a:4d:00:fe type bridge
addr add {ONPREM_GATEWAY}/24 dev br-onprem
link set br-onprem up
link add br-ec2 address 02:00:ac:1f:ff:fe type bridge
addr add {CLOUD_GATEWAY}/16 dev br-ec2
link set br-ec2 up
"""
"""A bridge without an address of its own takes one of its ports', and all its peers look for the old one for a minute."""


def onprem(folder: Path, number: int, key: str = "user") -> Spec:
    """The host op<number> as it should be; `key` names the pair whose public half is authorized."""
    authorized = str(folder / "keys" / f"{key}.pub")
    return Spec(f"op{number}", f"10.77.0.{number}", 24, "br-onprem", ONPREM_GATEWAY, authorized)


def make_keys(folder: Path) -> None:
    """`user` opens the hosts, `stranger` does not, `hostkey` is every host's own, as in a machine image."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("user", "stranger", "hostkey"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)


def main() -> None:
    """`sandbox.py FOLDER`: FOLDER/testbed.json says what is wanted; FOLDER/run/ready appears when it is there."""
    folder = Path(sys.argv[1])
    wanted = json.loads((folder / "testbed.json").read_text())
    # The upper directory of an overlay must not lie on the file system of its lower one (ELOOP): hence a tmpfs.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60%,mode=755", "hosts", folder / "hosts"], check=True)
    subprocess.run(["ip", "-batch", "-"], input=NETWORK.encode(), check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")  # the laptop is on-prem's way to the cloud's object storage
    make_keys(folder / "keys")
    cloud = _start_cloud(folder) if wanted["cloud"] else None
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: boot(folder, onprem(folder, number)), range(1, wanted["hosts"] + 1)))
    while cloud is not None and not (folder / "run" / "cloud-ready").exists():
        if cloud.poll() is not None:
            raise RuntimeError(f"the cloud ended: {(folder / 'logs' / 'cloud.log').read_text()[-3000:]}")
        time.sleep(0.05)
    (folder / "run" / "ready").touch()
    if cloud is not None:
        raise RuntimeError(f"the cloud ended with {cloud.wait()}")
    while True:
        time.sleep(3600)


def _start_cloud(folder: Path) -> subprocess.Popen[bytes]:
    """In a network namespace of its own, so that the laptop's 169.254.169.254 stays what it is: nobody."""
    with (folder / "logs" / "cloud.log").open("ab") as out:
        return subprocess.Popen(
            ["unshare", "--net", sys.executable, "-P", "-m", "testbed.cloud.server", str(folder)],
            stdout=out,
            stderr=out,
        )


if __name__ == "__main__":
    main()
