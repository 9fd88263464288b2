"""Gangs on owned nodes: whole nodes first, then the rest on one more. First fit, or best fit, which keeps nodes
whole.
"""

from __future__ import annotations

from .jit import jit
from .state import FREE, ON_OWNED, State


@jit
def fit(s: State, units: int, size: int, best: bool) -> int:
    """Nodes for a gang into `scratch`; returns how many, 0 if there is no room. Nodes hold `size` units."""
    whole, rest, found, nodes = units // size, units % size, 0, len(s.free)
    if units > s.counts[FREE] or whole + (rest > 0) > nodes:
        return 0
    for node in range(nodes):
        if found == whole:
            break
        if s.free[node] == size:
            s.scratch[found] = node
            found += 1
    if found < whole:
        return 0
    if rest > 0:
        node = _for_rest(s, rest, size, found, best)
        if node < 0:
            return 0
        s.scratch[found] = node
        found += 1
    return found


@jit
def _for_rest(s: State, rest: int, size: int, taken: int, best: bool) -> int:
    """The node for what is left of a gang beside its whole nodes, the first `taken` of `scratch`; -1 if none has
    room.
    """
    chosen, least = -1, size + 1
    for node in range(len(s.free)):
        free = s.free[node]
        if free < rest or free >= least:
            continue
        if free == size and taken > 0:
            used = False
            for k in range(taken):
                used = used or s.scratch[k] == node
            if used:
                continue
        chosen, least = node, free
        if not best or free == rest:
            break
    return chosen


@jit
def part(units: int, size: int, place: int) -> int:
    """How many units the part at that place of a gang has."""
    return size if place < units // size else units % size


@jit
def take(s: State, job: int, parts: int, size: int) -> None:
    """The job holds the first `parts` nodes of `scratch` from now on."""
    s.job[job].parts = parts
    for k in range(parts):
        s.nodes_of[s.job[job].first + k] = s.scratch[k]
        s.free[s.scratch[k]] -= part(s.job[job].units, size, k)
    s.counts[FREE] -= s.job[job].units
    s.job[job].slot = s.counts[ON_OWNED]
    s.owned[s.counts[ON_OWNED]] = job
    s.counts[ON_OWNED] += 1


@jit
def give(s: State, job: int, size: int) -> None:
    """Give back what the job holds on owned nodes."""
    for k in range(s.job[job].parts):
        s.free[s.nodes_of[s.job[job].first + k]] += part(s.job[job].units, size, k)
    s.counts[FREE] += s.job[job].units
    s.counts[ON_OWNED] -= 1
    last = s.owned[s.counts[ON_OWNED]]
    s.owned[s.job[job].slot] = last
    s.job[last].slot = s.job[job].slot
    s.job[job].slot = -1
