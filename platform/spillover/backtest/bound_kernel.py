"""The Lagrangian of the relaxed problem at given prices: every job at its cheapest. Compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from .bound_pause import pause, spread
from .bound_start import CLOUD, occupy, start
from .columns import Bools, Floats, Ints


@njit(cache=True)
def cheapest(
    submit: Floats,
    run: Floats,
    gpus: Floats,
    movable: Bools,
    first: Ints,
    last: Ints,
    edges: Floats,
    price: Floats,
    wait_price: float,
    used: Floats,
) -> tuple[float, float]:
    """The sum over jobs of the least price of owned hours, cloud hours (1 each) and waiting; and the hours waited.

    `edges` and `price` include the slot without end, which is free. `used` is filled with the GPU-hours that the jobs
    then take from the owned accelerators in each slot, where a price of 1 counts as owned.
    """
    capped = np.minimum(price, 1.0)
    spent, spent_capped, ceiling = _spent(edges, price), _spent(edges, capped), _ceiling(price)
    heap_prices, heap_hours = np.empty(len(price) + 1), np.empty(len(price) + 1)
    paused, rising = np.zeros(len(price)), np.zeros(len(price) + 1)
    used[:] = 0.0
    total, waited = 0.0, 0.0
    for job in range(len(submit)):
        begin, length, size, a, b = submit[job], run[job], gpus[job], first[job], last[job]
        if not movable[job]:
            cost, at = start(begin, length, size, (a, b), wait_price, edges, price, spent, ceiling)
            total += cost
            if at != CLOUD:
                waited += at - begin
                occupy(at, at + length, size, a, edges, used)
            continue
        end = begin + length
        if size > wait_price:
            cost, end, dearest = pause(begin, length, size, a, wait_price, edges, capped, heap_prices, heap_hours)
        if end > begin + length:
            spread(begin, length, size, a, end, dearest, edges, capped, paused)
            waited += end - begin - length
        else:
            cost = size * (
                spent_capped[b] + (end - edges[b]) * capped[b] - spent_capped[a] - (begin - edges[a]) * capped[a]
            )
            paused[a] -= size * (begin - edges[a])
            paused[b] += size * (end - edges[b])
            rising[a] += size
            rising[b] -= size
        total += cost
    _add(paused, rising, edges, price, used)
    return total, waited


@njit(cache=True)
def _spent(edges: Floats, price: Floats) -> Floats:
    """The integral of the price up to each edge but the last, which is at infinity."""
    sums = np.zeros(len(price))
    for slot in range(len(price) - 1):
        sums[slot + 1] = sums[slot] + price[slot] * (edges[slot + 1] - edges[slot])
    return sums


@njit(cache=True)
def _ceiling(price: Floats) -> Floats:
    """The highest price from each slot on."""
    highest = price.copy()
    for slot in range(len(price) - 2, -1, -1):
        highest[slot] = max(highest[slot], highest[slot + 1])
    return highest


@njit(cache=True)
def _add(moved: Floats, rising: Floats, edges: Floats, price: Floats, used: Floats) -> None:
    """Adds what movable jobs run to `used`, except where a price above 1 sends them to the cloud."""
    level = 0.0
    for slot in range(len(price) - 1):
        level += rising[slot]
        if price[slot] <= 1.0:
            used[slot] += moved[slot] + level * (edges[slot + 1] - edges[slot])
