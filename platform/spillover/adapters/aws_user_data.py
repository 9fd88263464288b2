"""The user data of an EC2 machine under a lease: at boot, root starts the lease watchdog, before all that users add."""

from __future__ import annotations

import base64
import gzip
import math
from email import message_from_string
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

from ..domain.provider import Lease
from ..errors import LauncherError
from ..node import lease_watchdog

LIMIT_BYTES = 16 * 1024
"""EC2's limit, before the encoding in base64 that boto3 does."""

_BOUNDARY = "==spillover-user-data=="

# How cloud-init tells user data apart: by how it begins.
_KINDS = {
    "#!": "x-shellscript",
    "#cloud-boothook": "cloud-boothook",
    "#cloud-config-archive": "cloud-config-archive",
    "#cloud-config": "cloud-config",
    "#include-once": "x-include-once-url",
    "#include": "x-include-url",
    "#part-handler": "part-handler",
    "## template: jinja": "jinja2",
}

# A boot hook of cloud-init: at every boot, and early, before anything that may hang. systemd keeps the watchdog alive.
# DefaultDependencies=no, because a shutdown must not stop what sees to it that the shutdown succeeds. Without a Python
# that can run it, the machine lives no longer than its lease said when it was created.
_SCRIPT = """\
#!/bin/sh
# Spillover: this machine ends when its lease ends. Lease {lease}.
dir=/var/lib/spillover
run="python3 $dir/lease_watchdog.py {expires} {first_s}"
mkdir -p $dir
base64 -d <<'END' | gunzip > $dir/lease_watchdog.py
{program}
END
if ! $run --check; then
  end=$(( $(date +%s) + {first_s} ))
  [ $end -gt {expires} ] || end={expires}
  shutdown -h +$(( (end - $(date +%s) + 59) / 60 ))
  exit 0
fi
if [ -d /run/systemd/system ] && cat > /etc/systemd/system/spillover-lease.service <<END
[Unit]
Description=Ends this machine when its Spillover lease ends
DefaultDependencies=no
After=local-fs.target
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/env $run
Restart=always
RestartSec=1
OOMScoreAdjust=-1000
[Install]
WantedBy=sysinit.target
END
then
  systemctl daemon-reload
  systemctl enable spillover-lease.service
  systemctl start --no-block spillover-lease.service && exit 0
fi
setsid sh -c "trap '' TERM HUP INT; while :; do $run; sleep 1; done" </dev/null >>/var/log/spillover-lease.log 2>&1 &
"""


def user_data(lease: Lease, own: str, where: str) -> str:
    """The watchdog's script, with what the user's own user data does after it.

    The same arguments give the same text. Raises LauncherError, which begins with `where`.
    """
    script = _script(lease)
    whole = MIMEMultipart(boundary=_BOUNDARY)
    for part in (_part(script, "cloud-boothook"), *(_parts(own, where) if own.strip() else ())):
        whole.attach(part)
    text = whole.as_string()
    size = len(text.encode())
    if size > LIMIT_BYTES:
        text = f"{size} bytes of user data, and EC2 takes {LIMIT_BYTES}; {len(script)} are Spillover's"
        raise LauncherError(f"{where}: {text}. Move the rest of 'UserData' into setup_commands or an image")
    return text


def whole_seconds(lease: Lease) -> tuple[int, int]:
    """A lease's end (Unix seconds) and the first seconds of a machine under it, as tags and scripts write them."""
    return math.ceil(lease.expires_at), math.ceil(lease.first_s)


def _script(lease: Lease) -> str:
    source = Path(lease_watchdog.__file__).read_bytes()
    program = base64.encodebytes(gzip.compress(source, mtime=0)).decode().strip()
    expires, first_s = whole_seconds(lease)
    return _SCRIPT.format(lease=lease.id, expires=expires, first_s=first_s, program=program)


def _parts(own: str, where: str) -> list[Message]:
    if own.lower().startswith(("content-type: multipart", "mime-version:")):
        return [part for part in message_from_string(own).walk() if not part.is_multipart()]
    kind = next((kind for start, kind in _KINDS.items() if own.startswith(start)), None)
    if kind is None:
        raise LauncherError(
            f"{where}: 'UserData' begins with {own.splitlines()[0][:40]!r}, which cloud-init does not know; "
            f"write plain text that begins with {', '.join(_KINDS)} or a MIME multipart"
        )
    return [_part(own, kind)]


def _part(text: str, kind: str) -> MIMEText:
    try:
        text.encode("ascii")
    except UnicodeEncodeError:
        return MIMEText(text, kind, "utf-8")
    return MIMEText(text, kind, "us-ascii")
