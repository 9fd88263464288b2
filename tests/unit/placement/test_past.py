import pytest
from placement_builders import NOW, cloud, job, node_type, onprem, res

from spillover.domain.pool import Market
from spillover.placement.past import Prices

PRICES = Prices([onprem(), cloud(node_type("od4", Market.ON_DEMAND, 2.0))])


def waited(placed_in=300.0, start_s=45.0, *, burst=True, **fields):
    asked = job(submitted_at=NOW, **fields)
    return PRICES.past_wait(asked, NOW + placed_in, NOW + placed_in + start_s, burst=burst)


def test_a_started_job_is_weighed_as_a_waiting_one_is():
    """Its price is that of its gang on whole on-demand nodes for its expected run time."""
    assert waited(demand="2x{CPU:4}", runtime_s=1800.0) == (pytest.approx(2.0), 300.0, 45.0, True, NOW + 300.0)
    assert waited(burst=False).burst is False


def test_a_job_without_a_choice_has_no_price():
    """One that may not burst, and one that no owned pool or no rented pool can hold, were never up to the policy."""
    assert waited(may_burst=False).usd is None
    assert waited(demand="9x{CPU:4}").usd is None
    small = Prices([onprem(node_type(resources=res(CPU=1))), cloud(node_type("od4", Market.ON_DEMAND, 2.0))])
    assert small.past_wait(job(demand="1x{CPU:4}"), NOW, NOW, burst=True).usd is None


def test_clocks_that_differ_make_no_negative_waits():
    """A pool's clock may be behind ours."""
    assert waited(start_s=-3.0).start_s == 0.0
