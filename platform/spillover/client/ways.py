"""How people say what was not found, or was found wrong: for messages of those who find and ask a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ways:
    """What to set: as a command's option, or as an argument in Python."""

    option: str
    address: str
    token: str
    ca_file: str


COMMAND_LINE = Ways("--address", "--address or SPILLOVER_ADDRESS", "Set RAY_AUTH_TOKEN", "SPILLOVER_CA_FILE")
PYTHON = Ways(
    "Client(address=...)",
    "Client(address=...) or SPILLOVER_ADDRESS",
    "Pass Client(token=...), or set RAY_AUTH_TOKEN",
    "Client(ca_file=...) or SPILLOVER_CA_FILE",
)
