"""Calls that the test bed's own tests make of its cloud."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from testbed.bed import Testbed

PRICES = {"m5.large/on_demand": 3.6, "m5.large/spot": 1.8, "m5.xlarge/on_demand": 7.2}


def launch(bed: Testbed, ec2: Any, *, spot: bool = False, wait: bool = True, **options: Any) -> list[str]:
    """The ids of new instances, which have booted unless told otherwise."""
    if spot:
        options["InstanceMarketOptions"] = {"MarketType": "spot"}
    given = {"MinCount": 1, "MaxCount": 1, "ImageId": "ami-12c6146b", "InstanceType": "m5.large", **options}
    ids = [instance["InstanceId"] for instance in ec2.run_instances(**given)["Instances"]]
    if wait:
        until(lambda: all((bed.folder / "run" / f"{each}.json").exists() for each in ids))
    return ids


def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> None:
    """Wait until it holds. Raises AssertionError."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain"
        time.sleep(0.05)


def truth(bed: Testbed, instance_id: str) -> dict[str, Any]:
    """What truly became of an instance."""
    return next(instance for instance in bed.cloud.instances() if instance["id"] == instance_id)


def shown(ec2: Any, instance_id: str) -> dict[str, Any]:
    """What the API says of an instance."""
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return found


METADATA = """
import sys, urllib.error, urllib.request
def ask(path, **options):
    request = urllib.request.Request("http://169.254.169.254/latest/" + path, **options)
    return urllib.request.urlopen(request, timeout=5).read().decode()
try:
    token = "" if sys.argv[2:] else ask("api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    print(ask("meta-data/" + sys.argv[1], headers={"X-aws-ec2-metadata-token": token} if token else {}), 200)
except urllib.error.HTTPError as error:
    print("", error.code)
except OSError:
    print("", 0)
"""


def metadata(bed: Testbed, instance_id: str, path: str, *, token: bool = True) -> tuple[str, int]:
    """What an instance reads about itself, with a token or as in IMDSv1, and the HTTP status; 0 if nobody answers."""
    said = bed.run_on(instance_id, "python", "-c", METADATA, path, *([] if token else ["no token"])).stdout
    text, _, status = said.strip("\n").rpartition(" ")
    return text, int(status)
