"""Ports and loopback networks that nobody on this machine uses, for the demo's clusters."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from pathlib import Path

from ..errors import SpilloverError
from ..node.local_layout import PORTS, PORTS_PER_CLUSTER

_FIRST = 20_000
_KERNELS_OWN = 32_768  # from here on the kernel hands ports out by itself, unless it was told otherwise
_SPOT_CHECKS = (100, 200, 300)


def free_blocks(count: int, taken: Collection[int] = ()) -> list[int]:
    """The first ports of that many free blocks, none of them in `taken`. Raises SpilloverError if there are too few."""
    bases = [b for b in range(_FIRST, _end() - PORTS_PER_CLUSTER, PORTS_PER_CLUSTER) if b not in taken]
    found: list[int] = []
    for base in random.sample(bases, len(bases)):
        if len(found) < count and _is_free_block(base):
            found.append(base)
    if len(found) < count:
        raise SpilloverError(
            f"the demo needs {count} blocks of {PORTS_PER_CLUSTER} free ports between {_FIRST} and {_end()}, and "
            f"there are {len(found)}; end what listens there, or try again later"
        )
    return found


def free_nets(count: int, taken: Collection[str] = ()) -> list[str]:
    """That many loopback networks such as `127.77.5`, none of them in `taken`."""
    nets: list[str] = []
    while len(nets) < count:
        net = f"127.{random.randint(50, 250)}.{random.randint(1, 250)}"  # noqa: S311  # no secret
        if net not in taken and net not in nets:
            nets.append(net)
    return nets


def _end() -> int:
    """Where the kernel's own range begins; its usual place if that would leave us nothing."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _KERNELS_OWN
    return first if first >= _FIRST + 4 * PORTS_PER_CLUSTER else _KERNELS_OWN


def _is_free_block(base: int) -> bool:
    return all(_is_free(base + offset) for offset in {*PORTS.values(), *_SPOT_CHECKS})


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104  # never listens
        except OSError:
            return False
    return True
