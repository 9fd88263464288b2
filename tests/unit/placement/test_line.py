from placement_builders import NOW, job, onprem, up, use, work

from spillover.placement import line as line_module
from spillover.placement.asks import Asks
from spillover.placement.lane import Lane


def fit_on(view, **fields):
    lane = Lane(view, NOW)
    return Asks([lane]).of(job(**fields)).baseline[0]


def test_a_job_starts_when_enough_has_ended():
    """The expected start is the end of the work whose room is needed."""
    view = up(onprem(), 2, work=[work("a", "1x{CPU:4}", ends_in=50), work("b", "1x{CPU:4}", ends_in=90)])
    assert fit_on(view).expected_start() == NOW + 50
    assert fit_on(view, demand="2x{CPU:4}").expected_start() == NOW + 90


def test_those_ahead_take_their_room_first():
    """Each job in line starts no earlier than the one ahead, in what that one leaves."""
    fit = fit_on(up(onprem(), 1, work=[work("a", "1x{CPU:4}", ends_in=50)]), demand="1x{CPU:4}", runtime_s=30.0)
    starts = []
    for number in range(3):
        starts.append(fit.expected_start())
        fit.wait(job(f"w{number}", runtime_s=30.0))
    assert starts == [NOW + 50, NOW + 80, NOW + 110]


def test_foreign_use_never_ends():
    """Where foreign use holds the room, no start is in sight."""
    view = up(onprem(), 1, usage=[use("n0", None, CPU=1)], work=[work("a", "3x{CPU:1}")])
    assert fit_on(view, demand="1x{CPU:4}").expected_start() is None
    assert fit_on(view, demand="1x{CPU:3}").expected_start() == NOW + 100


def test_a_long_line_is_estimated_by_the_work_ahead(monkeypatch):
    """Behind the jobs that are played out one by one, each moves the start by its share of the pool."""
    monkeypatch.setattr(line_module, "EXACT", 1)
    fit = fit_on(up(onprem(), 1, work=[work("a", "1x{CPU:4}", ends_in=50)]), demand="1x{CPU:2}", runtime_s=30.0)
    starts = []
    for number in range(4):
        starts.append(fit.expected_start())
        fit.wait(job(f"w{number}", runtime_s=30.0))
    assert starts == [NOW + 50, NOW + 50, NOW + 65, NOW + 80]


def test_driver_slots_are_waited_for():
    """A head full of drivers is as much a reason to wait as full nodes."""
    view = up(onprem(max_drivers=1), 2, work=[work("a", "1x{CPU:1}", ends_in=20)])
    assert fit_on(view).expected_start() == NOW + 20
