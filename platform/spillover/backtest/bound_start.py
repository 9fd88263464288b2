"""The cheapest start of one job that cannot be moved or paused, at given prices. Compiled."""

from __future__ import annotations

from numba import njit

from .columns import Floats

CLOUD = -1.0
"""In place of a start: at once, in the cloud."""


@njit(cache=True)
def start(
    submit: float,
    run: float,
    gpus: float,
    slots: tuple[int, int],
    wait_price: float,
    edges: Floats,
    price: Floats,
    spent: Floats,
    ceiling: Floats,
) -> tuple[float, float]:
    """The least of `gpus` x the run's price plus `wait_price` x wait over all starts on owned nodes, and the cloud.

    Returns that cost and the start, or CLOUD. `slots` are those of the submission and of the end without waiting,
    `spent` is the integral of `price` up to each edge, `ceiling` the highest price from each slot on. The cost is
    linear while neither the start nor the end meets an edge, so that only such starts are compared.
    """
    at, until = slots
    begin = submit
    worth = gpus * (
        spent[until] + (submit + run - edges[until]) * price[until] - spent[at] - (submit - edges[at]) * price[at]
    )
    best, best_start = (worth, submit) if worth <= gpus * run else (gpus * run, CLOUD)
    while at + 1 < len(price) and wait_price * (begin - submit) < best and gpus * ceiling[at] > wait_price:
        to_edge, end_to_edge = edges[at + 1] - begin, edges[until + 1] - begin - run
        step = max(0.0, min(to_edge, end_to_edge))
        worth += step * (gpus * (price[until] - price[at]) + wait_price)
        begin += step
        if to_edge <= end_to_edge:
            at += 1
            begin = edges[at]
        if end_to_edge <= to_edge:
            until += 1
        if worth < best:
            best, best_start = worth, begin
    return best, best_start


@njit(cache=True)
def occupy(begin: float, end: float, gpus: float, slot: int, edges: Floats, used: Floats) -> None:
    """Adds the GPU-hours between two moments to `used`; `slot` is any slot that is not after the first."""
    while edges[slot + 1] <= begin:
        slot += 1
    while edges[slot] < end:
        used[slot] += gpus * (min(end, edges[slot + 1]) - max(begin, edges[slot]))
        slot += 1
