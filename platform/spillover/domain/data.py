"""Data that jobs read: where it lives, and how much of it there is."""

from __future__ import annotations

from dataclasses import dataclass

from ..units import parse_size


@dataclass(frozen=True)
class Data:
    """A job's data: its address as users write it, and its size."""

    url: str
    size_bytes: int

    @property
    def gb(self) -> float:
        """Its size in GB of 10^9 bytes, in which egress is billed."""
        return self.size_bytes / 1e9


@dataclass(frozen=True)
class Place:
    """Where data lives whose address begins with `prefix`, and what a GB costs that leaves that region."""

    prefix: str
    region: str
    egress_usd_per_gb: float


def parse_data(text: str) -> Data:
    """`s3://bucket/set=120GB`. Raises ValueError."""
    url, _, size = text.rpartition("=")
    if not url.strip():
        raise ValueError(f"'{text}' does not say how much there is; write it as 's3://bucket/set=120GB'")
    try:
        return Data(url.strip(), parse_size(size))
    except ValueError as error:
        raise ValueError(f"'{text}': the size '{size}' {error}") from None
