"""The economics of a history that is really replayed: `spillover tco` without its screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.backtest.readers import Loaded, Reading, read_trace
from spillover.cli.tco_history import play_history
from spillover.errors import BadArgument
from spillover.tco.figures import load_book
from spillover.tco.study import study

BOOK = load_book("h100x8")


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """60 jobs of 8 GPUs and four hours, two an hour: eight nodes are busy on average."""
    rows = [f"{at},{at * 1800},{4 * 3600},8" for at in range(60)]
    file = tmp_path / "jobs.csv"
    file.write_text("\n".join(["job_id,submit_s,duration_s,gpus", *rows]))
    return read_trace(file, Reading())


def test_a_replayed_history_says_how_many_to_own(loaded: Loaded) -> None:
    """Owning what is always busy is cheapest, less is rented the more is owned, and the totals are those of the replays."""
    told: list[str] = []
    book, played, about = play_history(BOOK, loaded, "immediate", [], (0, 4, 8, 16), told.append)
    assert list(played) == [0, 4, 8, 16]
    assert told[-1] == "jobs.csv: 60 jobs with 16 owned nodes"
    rented = [one.rented_gpu_hours for one in played.values()]
    assert rented == sorted(rented, reverse=True)
    assert played[0].owned_gpu_hours == 0
    assert played[16].rented_gpu_hours == 0
    assert played[16].owned_gpu_hours == pytest.approx(60 * 8 * 4)
    assert played[0].compute_usd >= 60 * 8 * 4 * 6.88
    assert (about["jobs"], about["policy"]) == (60, "immediate")
    history = study(book, draws=100, played=played).history
    assert history is not None
    assert history.curve.best.nodes == 8


def test_what_waiting_is_worth_holds_for_the_policy_and_for_the_total(loaded: Loaded) -> None:
    """A stated value of waiting is the policy's too, and the dearer it is, the less is waited."""
    waited = []
    for value in (0.01, 1000):
        book, played, about = play_history(
            BOOK.stating([f"waiting_usd_per_hour={value}"]), loaded, "marginal", [], (4,), lambda _: None
        )
        assert f"value_of_waiting={float(value)}" in about["policy"]
        assert book.inputs().waiting_usd_per_hour == value
        waited.append(played[4].waited_hours)
    assert waited[0] > waited[1]


def test_a_policy_that_the_engine_cannot_play_is_refused_in_words(loaded: Loaded) -> None:
    """A policy without a rule of plain numbers is refused with its name."""
    with pytest.raises(BadArgument, match="threshold"):
        play_history(BOOK, loaded, "threshold", [], (4,), lambda _: None)
