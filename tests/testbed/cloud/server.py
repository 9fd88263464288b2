"""The cloud's process: `server.py FOLDER`, in a network namespace of its own inside the sandbox.

172.31.255.253:5000  the API: moto behind its faults
169.254.169.254:80   instance metadata
FOLDER/cloud/        records.json (the truth), calls.jsonl, admin.sock
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

# Any type will do: what it has is said in the cluster YAML. `ray up` attaches a managed policy that moto loads if asked.
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "false"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from ..host import ON_SITE
from ..sandbox import CLOUD_GATEWAY
from . import admin, metadata, past, records
from .capacity import Capacity
from .client import Cloud
from .ec2 import Ec2
from .faults import Weather
from .front import Front
from .machines import Machines

API = ("172.31.255.253", 5000)
ROLE = "ray-autoscaler-v1"


def connect_to_site() -> None:
    """A network card on the cloud's network, with the API's address and that of IMDS. On-prem hosts reach it too."""
    subprocess.run(
        [*ON_SITE, "ip", "-batch", "-"], check=True, text=True,
        input=f"link add vcloud type veth peer name eth0 netns {os.getpid()}\nlink set vcloud master br-ec2 up\n",
    )  # fmt: skip
    subprocess.run(
        ["ip", "-batch", "-"], check=True, text=True,
        input=f"link set lo up\naddr add {API[0]}/16 dev eth0\naddr add {metadata.ADDRESS}/32 dev eth0\n"
        f"link set eth0 up\nroute add 10.77.0.0/24 via {CLOUD_GATEWAY}\n",
    )  # fmt: skip


class CallLog:
    """The log of calls, a line each."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def append(self, call: dict[str, Any]) -> None:
        """One more."""
        with self._lock:
            self._file.write(json.dumps(call) + "\n")


def precreate_role(cloud: Cloud) -> None:
    """Ray's default instance profile and role. Where they exist, `ray up` does not sleep twice 15 s for IAM."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_instance_profile(InstanceProfileName=ROLE)
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    iam.add_role_to_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)


def main() -> None:
    """Serve until the sandbox ends."""
    folder = Path(sys.argv[1])
    faulthandler.register(signal.SIGUSR1)  # what every thread does, into the log
    wanted = json.loads((folder / "testbed.json").read_text())
    home = folder / "cloud"
    connect_to_site()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    machines = Machines(folder, wanted.get("boot_delay_s", 0.0), wanted.get("ending_s", 1.0))
    truth, capacity = records.Records(home / "records.json"), Capacity()
    ec2 = Ec2(folder, truth, machines, capacity)
    ec2.install()
    past.install(truth)
    weather = Weather(CallLog(home / "calls.jsonl").append)
    imds = metadata.Metadata(truth, ec2)
    front = Front(DomainDispatcherApplication(create_backend_app), weather, ec2)
    switches = admin.Admin(truth, ec2, machines, imds, weather, capacity)
    api = make_server(*API, front, threaded=True, request_handler=MotoRequestHandler)
    servers = [api, metadata.server(imds), admin.server(switches, home / "admin.sock")]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    cloud = Cloud(folder)
    if wanted.get("precreate_iam", True):
        precreate_role(cloud)
    cloud.client("ec2").describe_instances()  # the first call is slow
    (folder / "run" / "cloud-ready").touch()
    threads[0].join()


if __name__ == "__main__":
    main()
