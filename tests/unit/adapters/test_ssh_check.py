"""From a host's facts to what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spillover.adapters.ssh_check import clock_offset_s, judge
from spillover.adapters.ssh_plan import read_plan
from spillover.config.ray_defaults import as_ray_takes_it

GOOD: dict[str, Any] = {
    "python": "3.11.7",
    "ray": "2.60.0",
    "disk_free_bytes": 50e9,
    "disk_used_share": 0.5,
    "ports": {},
    "gpus": 2,
    "clock_offset_s": 0.1,
    "clock_blur_s": 0.2,
}


def problems(head: dict[str, Any] | None = None, **facts: Any) -> tuple[bool, str]:
    """Whether Ray may be started, and the line."""
    cluster = {
        "cluster_name": "c",
        "provider": {"type": "local", "head_ip": "h", "worker_ips": ["w"]},
        "auth": {"ssh_user": "me"},
        "worker_start_ray_commands": ["ray start --num-gpus=2"],
    }
    plan = read_plan(as_ray_takes_it(cluster), Path("/k"), 1)
    report = judge("w", {**GOOD, **facts}, plan, plan.worker, head or GOOD)
    return report.ok, report.problem


@pytest.mark.parametrize("facts", [{}, {"gpus": None}, {"gpus": 3}])
def test_a_good_host_has_no_problem(facts: dict[str, Any]) -> None:
    """Nothing is said of a host that is as it must be, nor of GPUs that nobody can count."""
    assert problems(**facts) == (True, "")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"ray": ""}, "no working `ray` on the PATH"),
        ({"ray": "2.59.0"}, "Ray is 2.59.0, the head has 2.60.0; install `ray==2.60.0` there"),
        ({"python": "3.12.1"}, "Python is 3.12.1, the head has 3.11.7"),
        ({"disk_free_bytes": 3e9}, "3.0 GB free for /tmp/ray, 5 GB are asked for"),
        ({"disk_used_share": 0.97}, "97% full"),
        ({"clock_offset_s": -31.5}, "its clock is 32 s behind"),
        ({"ports": {"52365": "nginx (pid 7)"}}, "ports are taken: 52365 (nginx (pid 7))"),
        ({"gpus": 1}, "2 GPUs are declared (--num-gpus), `nvidia-smi -L` shows 1"),
    ],
)
def test_a_defect_keeps_a_host_out(facts: dict[str, Any], told: str) -> None:
    """Each defect is told with its value."""
    ok, problem = problems(**facts)
    assert not ok
    assert told in problem


@pytest.mark.parametrize(
    ("facts", "told"),
    [({"clock_offset_s": 4.0}, "its clock is 4 s ahead"), ({"python": "3.11.9"}, "Python is 3.11.9")],
)
def test_what_is_less_than_right_is_a_warning(facts: dict[str, Any], told: str) -> None:
    """A clock a few seconds off and another patch of Python are told, and the host may join."""
    ok, problem = problems(**facts)
    assert ok
    assert told in problem


def test_all_defects_are_told_at_once_and_warnings_wait() -> None:
    """A person can put everything right in one go; what is only less than right is told when nothing worse is."""
    ok, problem = problems(ray="2.59.0", disk_free_bytes=1e9, clock_offset_s=4.0)
    assert not ok
    assert problem.count("; ") >= 2
    assert "Ray is 2.59.0" in problem
    assert "GB free" in problem
    assert "clock" not in problem


def test_a_slow_answer_is_no_wrong_clock() -> None:
    """The offset is known no better than the answer was quick: what may be delay is not told."""
    offset, blur = clock_offset_s(told=1008.0, sent=1000.0, answered=1008.0)
    assert (offset, blur) == (4.0, 4.0)
    assert problems(clock_offset_s=offset, clock_blur_s=blur) == (True, "")
