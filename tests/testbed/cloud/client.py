"""The cloud as tests see it: its switches, and the truth behind its API."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import bill as rules

ENDPOINT = "http://172.31.255.253:5000"
REGION = "us-west-2"


class Cloud:
    """Works from anywhere on this machine; only boto3's client must be used in the sandbox's network."""

    endpoint = ENDPOINT
    region = REGION
    credentials: Mapping[str, str] = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def client(self, service: str, *, attempts: int | None = None) -> Any:
        """A client of boto3: to be made, and used, inside the test bed. With `attempts=1` it does not try again."""
        import boto3  # its import takes half a second
        from botocore.config import Config

        config = Config(retries={"total_max_attempts": attempts}) if attempts else None
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=self.region, config=config, **self.credentials
        )

    def set_faults(self, **faults: Any) -> None:
        """Change these faults (see faults.Faults) and leave the others; `seed=` starts the dice anew."""
        self._call("set_faults", **faults)

    def clear_faults(self) -> None:
        """No faults from now on."""
        self._call("clear_faults")

    def api_down(self, seconds: float, how: str = "503") -> None:
        """The API is lost for a while: "503" or "reset". Instances, IMDS and object storage go on."""
        self.set_faults(down_until=time.time() + seconds, down_how=how)

    def capacity(self, limits: Mapping[str, int | None]) -> None:
        """How many instances there can be: {"m5.large/spot": 1, "m5.large/on_demand/us-west-2a": 0}; None is endless."""
        self._call("capacity", limits=dict(limits))

    def interrupt(self, instance_id: str, in_s: float = 12, *, notice: bool = True) -> None:
        """Reclaim a spot instance after so many seconds: with notice in its metadata until then, or out of the blue."""
        self._call("interrupt", instance_id=instance_id, in_s=in_s, notice=notice)

    def crash(self, instance_id: str) -> None:
        """Its host dies, and the API goes on to list it as running."""
        self._call("crash", instance_id=instance_id)

    def silence_metadata(self, *instance_ids: str) -> None:
        """These instances get no answer from IMDS any more ("*": all of them); called without any, all do again."""
        self._call("silence_metadata", instance_ids=list(instance_ids))

    def instances(self) -> list[dict[str, Any]]:
        """The truth: id, ip, type, market, zone, state, launched, ended, end_cause, tags, tag_history, runs, states."""
        path = self._folder / "cloud" / "records.json"
        found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        return found

    def bill(self, prices: Mapping[str, float]) -> list[dict[str, Any]]:
        """What each instance has cost until now: see bill.bill."""
        return rules.bill(self.instances(), prices, time.time())

    def calls(self) -> list[dict[str, Any]]:
        """Each call of the API but those of object storage: at, took_s, service, action, outcome, error."""
        path = self._folder / "cloud" / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _call(self, method: str, **arguments: Any) -> Any:
        connection = http.client.HTTPConnection("testbed", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(str(self._folder / "cloud" / "admin.sock"))
        try:
            connection.request("POST", f"/{method}", json.dumps(arguments))
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(body)
        return json.loads(body)
