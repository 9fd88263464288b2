"""When training jobs writes a checkpoint because a node goes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def notice(load: Callable[[str], Any]) -> Any:
    return load("common.notice")


def info(deadline_s: float | None, nodes: tuple[str, ...] = ("n1",)) -> SimpleNamespace:
    """As ray.train.PreemptionInfo: compared by its values."""
    deadline_ms = None if deadline_s is None else int(deadline_s * 1000)
    return SimpleNamespace(deadline_ms=deadline_ms, preempted_node_to_ranks={node: [0] for node in nodes})


def test_asks_once_a_second(notice: Any) -> None:
    """Steps go on unasked between two questions, which lie a second apart."""
    known = notice.Notice()
    acts = [known.act(100.0 + tenth / 10) for tenth in range(21)]
    asked = [i for i, act in enumerate(acts) if act == notice.Act.ASK]
    assert asked == [0, 10, 20]
    assert set(acts) == {notice.Act.ASK, notice.Act.GO_ON}


def test_no_answer_is_no_news(notice: Any) -> None:
    """As long as Ray knows of nothing there is nothing to save."""
    known = notice.Notice()
    assert not known.hear(None)
    assert known.act(1e12) == notice.Act.ASK


def test_the_same_notice_is_news_once(notice: Any) -> None:
    """A notice is acted upon when it is first heard, and again when another node joins it."""
    known = notice.Notice()
    heard = [info(112.0), info(112.0), info(110.0, ("n1", "n2")), None]
    assert [known.hear(answer) for answer in heard] == [True, False, True, False]
    assert known.deadline == 110.0


def test_the_last_checkpoint_begins_before_the_deadline(notice: Any) -> None:
    """Steps go on after the notice, until five seconds and twice the time of a checkpoint are left."""
    known = notice.Notice()
    known.hear(info(112.0))
    known.wrote(0.5)
    known.wrote(0.2)
    assert known.act(105.5) == notice.Act.ASK
    assert known.act(105.6) == notice.Act.GO_ON
    assert known.act(105.7) == notice.Act.GO_ON
    assert known.act(106.0) == notice.Act.SAVE_AND_WAIT
    assert known.act(120.0) == notice.Act.SAVE_AND_WAIT


def test_a_step_that_would_not_fit_is_not_begun(notice: Any) -> None:
    """Where steps take two seconds the last checkpoint begins up to two seconds sooner."""
    known = notice.Notice()
    known.hear(info(112.0))
    assert known.act(102.9) == notice.Act.ASK
    assert known.act(104.9) == notice.Act.ASK
    assert known.act(106.9) == notice.Act.SAVE_AND_WAIT

    known = notice.Notice()
    known.hear(info(112.0))
    assert known.act(103.1) == notice.Act.ASK
    assert known.act(105.1) == notice.Act.SAVE_AND_WAIT


def test_a_checkpoint_that_takes_too_long_is_the_last(notice: Any) -> None:
    """If the first checkpoint has used up the time there is no step after it."""
    known = notice.Notice()
    known.hear(info(112.0))
    known.wrote(4.0)
    assert known.act(104.0) == notice.Act.SAVE_AND_WAIT


def test_without_a_deadline_steps_go_on(notice: Any) -> None:
    """A notice without a deadline is saved at once, and no other checkpoint is planned."""
    known = notice.Notice()
    assert known.hear(info(None))
    assert known.act(1e12) == notice.Act.ASK
    assert known.left(1e12) == "no deadline given"


def test_says_how_much_time_was_left(notice: Any) -> None:
    """The log tells how long before the deadline a checkpoint was safe."""
    known = notice.Notice()
    known.hear(info(112.0))
    assert known.left(108.5) == "3.5 s before the deadline"
