"""The cheapest way to run one movable job at given prices: when to end, and in which hours to pause. Compiled."""

from __future__ import annotations

from numba import njit

from .columns import Floats


@njit(cache=True)
def push(prices: Floats, hours: Floats, size: int, price: float, amount: float) -> int:
    """Adds hours at a price to the heap, whose top is the dearest; returns its new size."""
    at = size
    while at > 0 and prices[(at - 1) // 2] < price:
        prices[at], hours[at] = prices[(at - 1) // 2], hours[(at - 1) // 2]
        at = (at - 1) // 2
    prices[at], hours[at] = price, amount
    return size + 1


@njit(cache=True)
def pop(prices: Floats, hours: Floats, size: int) -> int:
    """Takes the dearest hours off the heap; returns its new size."""
    size -= 1
    price, amount = prices[size], hours[size]
    at, child = 0, 1
    while child < size:
        if child + 1 < size and prices[child + 1] > prices[child]:
            child += 1
        if prices[child] <= price:
            break
        prices[at], hours[at] = prices[child], hours[child]
        at, child = child, 2 * child + 1
    prices[at], hours[at] = price, amount
    return size


@njit(cache=True)
def pause(
    submit: float,
    run: float,
    gpus: float,
    slot: int,
    wait_price: float,
    edges: Floats,
    price: Floats,
    heap_prices: Floats,
    heap_hours: Floats,
) -> tuple[float, float, float]:
    """The least of `gpus` x price of the `run` cheapest hours until the end, plus `wait_price` x wait, over all ends.

    Returns that cost, the end, and the price of the dearest hour in use. `edges` and `price` include the slot without
    end, whose price is 0. As the end moves on, each new hour takes the place of the dearest one in use if it is
    cheaper. Within a slot the cost is convex in the end, so that the least lies where an exchange is used up. When the
    dearest hour costs no more than the wait for a free one, no later end is better.
    """
    size, end, worth = 0, submit, 0.0
    while end < submit + run:
        amount = min(edges[slot + 1], submit + run) - end
        if amount > 0:
            size = push(heap_prices, heap_hours, size, price[slot], amount)
            worth += gpus * price[slot] * amount
        end = min(edges[slot + 1], submit + run)
        slot += 1 if end >= edges[slot + 1] else 0
    best, best_end, dearest = worth, end, heap_prices[0]
    while gpus * heap_prices[0] > wait_price and wait_price * (end - submit - run) < best:
        rest, fresh, now = edges[slot + 1] - end, 0.0, price[slot]
        while rest > 0 and size > 0 and heap_prices[0] > now and gpus * heap_prices[0] > wait_price:
            amount = min(rest, heap_hours[0])
            worth -= amount * (gpus * (heap_prices[0] - now) - wait_price)
            end, rest, fresh = end + amount, rest - amount, fresh + amount
            heap_hours[0] -= amount
            if heap_hours[0] <= 0:
                size = pop(heap_prices, heap_hours, size)
            if worth < best:
                best, best_end, dearest = worth, end, heap_prices[0] if size > 0 else now
        if size > 0 and heap_prices[0] > now and rest > 0:
            break
        if fresh > 0:
            size = push(heap_prices, heap_hours, size, now, fresh)
        if slot + 1 == len(price):
            break
        worth, end, slot = worth + wait_price * rest, edges[slot + 1], slot + 1
    return best, best_end, dearest


@njit(cache=True)
def spread(
    submit: float,
    run: float,
    gpus: float,
    slot: int,
    end: float,
    dearest: float,
    edges: Floats,
    price: Floats,
    used: Floats,
) -> None:
    """Adds a paused job's GPU-hours to `used`: all hours below the dearest price, and an even share of those at it."""
    cheaper, equal = 0.0, 0.0
    at = slot
    while edges[at] < end:
        amount = min(end, edges[at + 1]) - max(submit, edges[at])
        cheaper += amount if price[at] < dearest else 0.0
        equal += amount if price[at] == dearest else 0.0
        at += 1
    share = max(0.0, min(1.0, (run - cheaper) / equal)) if equal > 0 else 0.0
    at = slot
    while edges[at] < end:
        amount = min(end, edges[at + 1]) - max(submit, edges[at])
        used[at] += gpus * amount * (1.0 if price[at] < dearest else share if price[at] == dearest else 0.0)
        at += 1
