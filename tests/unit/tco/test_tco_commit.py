from __future__ import annotations

import pytest

from spillover.tco.commit import best_commitment, covered


def cost(load: tuple[float, ...], gpus: float, share: float) -> float:
    """Of a commitment, in on-demand hours for each moment: what is committed at its share, the rest in full."""
    return gpus * share + sum(max(0.0, level - gpus) for level in load) / len(load)


LOAD = (0.0, 3.0, 5.0, 5.0, 8.0, 13.0, 21.0, 21.0, 34.0, 2.0)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.43, 0.5, 0.62, 0.75, 0.95])
def test_no_other_commitment_costs_less(share: float) -> None:
    """The closed form is at least as good as every number of GPUs, in steps of a half."""
    best = best_commitment(LOAD, share, 1.0).gpus
    assert cost(LOAD, best, share) <= min(cost(LOAD, k / 2, share) for k in range(80)) + 1e-12


def test_a_steady_load_is_committed_whole_and_a_rare_one_not_at_all() -> None:
    """What is always there is committed; what is there a tenth of the time is not worth half the price."""
    assert best_commitment((7.0,) * 10, 0.6, 100.0).gpus == 7
    assert best_commitment((10.0, *[0.0] * 9), 0.5, 100.0).gpus == 0


def test_what_is_paid_for_and_what_is_used() -> None:
    """Four GPUs committed under a load of 4 and 2 are paid for in all hours, and used in three quarters of them."""
    found = best_commitment((4.0, 2.0), 0.4, 100.0)
    assert (found.gpus, found.paid_hours, found.used_hours) == (4, 400, 300)
    assert covered((4.0, 2.0), 3) == 2.5


def test_there_is_nothing_to_commit_without_a_load_or_a_discount() -> None:
    """An empty load, and a commitment that costs as much as on demand, lead to none."""
    assert best_commitment((), 0.5, 10.0).gpus == best_commitment(LOAD, 1.0, 10.0).gpus == 0
