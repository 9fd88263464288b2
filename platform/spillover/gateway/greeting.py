"""What `spillover up` says when it serves: how Ray's own clients take it."""

from __future__ import annotations

from pathlib import Path

from .tls import Certificates

_NO_TOKEN = "FILE"  # noqa: S105  # the name of a file


def greeting(address: str, token_file: Path | None, tls: Certificates | None = None) -> str:
    """The lines to paste into a shell. Without `token_file` the administrator's first token was revoked."""
    verify = f"--verify {tls.certificate} " if tls and tls.is_self_signed else ""
    lines = [
        f"Spillover serves at {address}",
        "Ray's clients take it with:",
        f"  export RAY_API_SERVER_ADDRESS={address}",
        "  export RAY_AUTH_MODE=token",
        f"  export RAY_AUTH_TOKEN_PATH={token_file or f'{_NO_TOKEN}    # of mode 600, with your token in it'}",
        f"  ray job submit {verify}--working-dir . -- python train.py",
    ]
    if verify:
        lines.append(f"The certificate is self-signed: every `ray job` command needs {verify.strip()}")
    elif address.startswith("https:"):
        lines.append("If the authority of the certificate is your own: every `ray job` command needs --verify CA_FILE")
    return "\n".join(lines)
