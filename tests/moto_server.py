"""moto's EC2 and S3 over HTTP on a free port, and clients to set them up with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import boto3
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

REGION = "us-west-2"
KEYS = {"aws_access_key_id": "AKIDKNOWN", "aws_secret_access_key": "known-secret"}


@dataclass(frozen=True)
class Cloud:
    """Where it listens. `provider` is the section of a cluster YAML that leads there."""

    endpoint: str

    @property
    def provider(self) -> dict[str, Any]:
        return {"type": "aws", "region": REGION, "aws_credentials": {**KEYS, "endpoint_url": self.endpoint}}

    @cached_property
    def ec2(self) -> Any:
        return boto3.Session().client("ec2", region_name=REGION, endpoint_url=self.endpoint, **KEYS)

    @cached_property
    def s3(self) -> Any:
        return boto3.Session().client("s3", region_name=REGION, endpoint_url=self.endpoint, **KEYS)

    def bucket(self, name: str) -> str:
        """Makes it. Returns what follows `s3://bucket/path` so that pyarrow finds it here."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return "?" + urlencode({"endpoint_override": self.endpoint, "region": REGION})

    def launch(self, tags: dict[str, str], count: int = 1, **how: Any) -> list[str]:
        """Instances' ids."""
        shown = [{"Key": key, "Value": value} for key, value in tags.items()]
        answer = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            InstanceType="m5.large",
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[{"ResourceType": "instance", "Tags": shown}],
            **how,
        )
        return [instance["InstanceId"] for instance in answer["Instances"]]

    def tags_of(self, name: str) -> dict[str, str]:
        """Of one instance."""
        found = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [name]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def state_of(self, name: str) -> str:
        """In EC2's words."""
        found = self.ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])


@contextmanager
def cloud() -> Iterator[Cloud]:
    """A server that knows nothing, until the end of the block. One at a time: moto keeps one state a process."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    moto_api_backend.reset()
    try:
        yield Cloud("http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()
