"""The instance metadata service (IMDS) at 169.254.169.254: who asks is known by the address that it asks from."""

from __future__ import annotations

import base64
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .ec2 import Ec2
from .records import Record, Records

ADDRESS = "169.254.169.254"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


def stamp(at: float) -> str:
    """A time as IMDS writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class Metadata:
    """What the service knows."""

    def __init__(self, records: Records, ec2: Ec2) -> None:
        self.notices: dict[str, float] = {}
        """When an instance will be reclaimed, by its id."""
        self.silent: set[str] = set()
        """Instances that get no answer; "*" is all of them."""
        self._records = records
        self._ec2 = ec2
        self._tokens: dict[str, tuple[str, float]] = {}

    def caller(self, ip: str) -> Record | None:
        """Who lives at an address, and is answered."""
        record = self._records.at_address(ip)
        return None if record is None or self.silent & {"*", record.id} else record

    def enabled(self, record: Record) -> bool:
        """HttpEndpoint."""
        return bool(self._ec2.instances[record.id].metadata_options.http_endpoint != "disabled")

    def new_token(self, record: Record, ttl_s: int) -> str:
        """A session token of IMDSv2."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (record.id, time.monotonic() + ttl_s)
        return token

    def allowed(self, record: Record, token: str | None) -> bool:
        """A token must be this instance's and alive; none at all does where HttpTokens is optional."""
        if token is None:
            return bool(self._ec2.instances[record.id].metadata_options.http_tokens != "required")
        owner, until = self._tokens.get(token, ("", 0.0))
        return owner == record.id and time.monotonic() < until

    def answer(self, record: Record, path: str) -> str | None:
        """The text at a path below /latest/; None is a 404."""
        instance = self._ec2.instances[record.id]
        if path == "user-data":
            return base64.b64decode(str(instance.user_data)).decode() if instance.user_data else None
        if path == "dynamic/instance-identity/document":
            return json.dumps(self._identity(record))
        kind, _, rest = path.partition("/")
        return self._metadata(record, instance).get(rest) if kind == "meta-data" else None

    def _metadata(self, record: Record, instance: Any) -> dict[str, str]:
        known = {
            "instance-id": record.id,
            "instance-type": record.type,
            "local-ipv4": record.ip,
            "hostname": instance.private_dns_name,
            "local-hostname": instance.private_dns_name,
            "placement/availability-zone": record.zone,
            "placement/region": record.region,
            "instance-life-cycle": record.market.replace("_", "-"),
        }
        if instance.metadata_options.instance_metadata_tags == "enabled":
            known["tags/instance"] = "\n".join(record.tags)
            known.update({f"tags/instance/{key}": value for key, value in record.tags.items()})
        if (at := self.notices.get(record.id)) is not None:
            known["spot/instance-action"] = json.dumps({"action": "terminate", "time": stamp(at)})
            known["spot/termination-time"] = stamp(at)
        if instance.iam_instance_profile:
            known.update(_credentials())
        return known

    @staticmethod
    def _identity(record: Record) -> dict[str, str]:
        return {
            "instanceId": record.id,
            "instanceType": record.type,
            "availabilityZone": record.zone,
            "region": record.region,
            "privateIp": record.ip,
        }


def _credentials() -> dict[str, str]:
    """So that boto3 on an instance with a profile finds credentials."""
    role, now = "ray-autoscaler-v1", time.time()
    secret = {
        "Code": "Success", "LastUpdated": stamp(now), "Type": "AWS-HMAC", "AccessKeyId": "ASIATESTBED",
        "SecretAccessKey": "x", "Token": "x", "Expiration": stamp(now + 6 * 3600),
    }  # fmt: skip
    return {"iam/security-credentials": role, f"iam/security-credentials/{role}": json.dumps(secret)}


def server(metadata: Metadata) -> ThreadingHTTPServer:
    """The HTTP server. Whoever is no instance, or has been made deaf, gets no answer at all: the connection is closed."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            record = metadata.caller(self.client_address[0])
            if record is None:
                return
            ttl = self.headers.get(TTL, "")
            if not metadata.enabled(record):
                self._say(403)
            elif self.path != "/latest/api/token" or not ttl.isdigit():
                self._say(400)
            else:
                self._say(200, metadata.new_token(record, int(ttl)))

        def do_GET(self) -> None:
            record = metadata.caller(self.client_address[0])
            if record is None:
                return
            if not metadata.enabled(record):
                self._say(403)
            elif not metadata.allowed(record, self.headers.get(TOKEN)):
                self._say(401)
            else:
                text = metadata.answer(record, self.path.removeprefix("/latest/").rstrip("/"))
                self._say(404 if text is None else 200, text or "")

        def _say(self, status: int, text: str = "") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return ThreadingHTTPServer((ADDRESS, 80), Handler)
