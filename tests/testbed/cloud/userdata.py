"""What cloud-init makes of UserData: the scripts in it, in order."""

from __future__ import annotations

import gzip
from email import message_from_bytes
from email.message import Message

SCRIPTS = ("text/x-shellscript", "text/x-shellscript-per-instance", "text/cloud-boothook")


def scripts(data: bytes) -> tuple[str, ...]:
    """The scripts of a UserData, decoded: itself if it is one, or the scripts among its MIME parts. Boothooks go first.

    Raises ValueError for what a host here cannot carry out.
    """
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if not data.strip():
        return ()
    if data.lstrip().startswith(b"#!"):
        return (data.lstrip().decode(),)
    message = message_from_bytes(data.lstrip())
    if not message.is_multipart():
        raise ValueError(f"UserData that starts with {data[:40]!r} is neither a script nor MIME multipart")
    parts = [part for part in message.walk() if not part.is_multipart()]
    unknown = {kind for part in parts if (kind := _kind(part)) not in SCRIPTS}
    if unknown:
        raise ValueError(
            f"UserData parts of type {', '.join(sorted(unknown))} are not understood: {', '.join(SCRIPTS)}"
        )
    return tuple(_text(part) for part in sorted(parts, key=lambda part: _kind(part) != "text/cloud-boothook"))


def _kind(part: Message) -> str:
    """Its type; text/plain is looked at, as cloud-init does."""
    kind = part.get_content_type()
    return "text/x-shellscript" if kind == "text/plain" and _text(part).startswith("#!") else kind


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode() if isinstance(payload, bytes) else ""
