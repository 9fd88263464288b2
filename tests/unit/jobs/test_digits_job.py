"""The image classifier: its data, its steps and its files. No Ray in here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pyarrow.fs import LocalFileSystem

FOLDER = Path(__file__).parents[3] / "jobs" / "digits" / "settings"


@pytest.fixture
def train(load: Callable[[str], Any]) -> Any:
    return load("digits.train")


@pytest.fixture
def model(load: Callable[[str], Any]) -> Any:
    pytest.importorskip("torch").set_num_threads(1)
    return load("digits.model")


def some_rows(count: int) -> dict[str, np.ndarray]:
    pixels = np.random.default_rng(0).integers(0, 17, (count, 8, 8), dtype=np.uint8)
    return {"image": pixels, "label": np.arange(count) % 10}


def test_the_data_set_comes_with_its_package(train: Any) -> None:
    """1,797 images of 8 x 8 pixels from 0 to 16, and ten different labels."""
    pytest.importorskip("sklearn")
    rows = train.digits()
    assert rows["image"].shape == (1797, 8, 8)
    assert rows["image"].max() == 16
    assert set(rows["label"]) == set(range(10))


def test_every_fifth_image_is_held_out(train: Any) -> None:
    """Each image is either learnt from or held out, and every run holds out the same."""
    rows = some_rows(12) | {"label": np.arange(12)}
    learnt, held_out = train.split(rows)
    assert list(held_out["label"]) == [0, 5, 10]
    assert list(learnt["label"]) == [1, 2, 3, 4, 6, 7, 8, 9, 11]
    assert np.array_equal(learnt["image"][0], rows["image"][1])


def test_each_image_is_also_seen_moved(train: Any) -> None:
    """A dot in the middle comes five times: as it is, and one pixel down, up, right and left of it."""
    dot = np.zeros((1, 8, 8), np.uint8)
    dot[0, 3, 4] = 16
    rows = train.moved({"image": dot, "label": np.array([7])})
    assert [tuple(np.argwhere(image)[0]) for image in rows["image"]] == [(3, 4), (4, 4), (2, 4), (3, 5), (3, 3)]
    assert list(rows["label"]) == [7] * 5


def test_labels_stay_with_their_images(train: Any) -> None:
    """Of several images in a batch each keeps its label wherever it was moved."""
    rows = train.moved(some_rows(3))
    assert list(rows["label"]) == [0, 1, 2] * 5
    inner = some_rows(3)["image"][:, 1:-1, 1:-1]  # what no move pushes out
    assert all(
        np.array_equal(inner[i % 3], image[y : y + 6, x : x + 6]) for i, (image, y, x) in enumerate(windows(rows))
    )


def windows(rows: dict[str, np.ndarray]) -> list[tuple[np.ndarray, int, int]]:
    """Each image of three, and where its inner part must have gone."""
    places = [(1, 1), (2, 1), (0, 1), (1, 2), (1, 0)]
    return [(image, *places[i // 3]) for i, image in enumerate(rows["image"])]


def test_the_rate_falls_to_a_tenth(train: Any) -> None:
    """Along half a cosine, by the epoch's number alone."""
    assert train.rate(1.0, 0, 10) == pytest.approx(1.0)
    assert train.rate(1.0, 5, 10) == pytest.approx(0.55)
    assert train.rate(1.0, 10, 10) == pytest.approx(0.1)


def test_a_progress_line_tells_what_comes(train: Any) -> None:
    """It has the time that is left and the next checkpoint; the last line has none to tell of."""
    settings = train.Settings(epochs=6, checkpoint_every=4)
    assert train.progress_line(2, settings, "loss 1", 20.0) == "epoch 2/6  loss 1  ETA 1:20  checkpoint after epoch 4"
    assert train.progress_line(4, settings, "loss 1", 0.5) == "epoch 4/6  loss 1  ETA 0:01  checkpoint after epoch 6"
    assert train.progress_line(6, settings, "loss 1", 20.0) == "epoch 6/6  loss 1  ETA 0:00"


def test_the_settings_file_is_the_defaults(train: Any) -> None:
    """What the file says is what holds without it."""
    assert train.load(train.Settings, [], FOLDER) == train.Settings()


def test_each_worker_needs_an_image(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A batch smaller than the number of ranks is refused, with both numbers."""
    with pytest.raises(SystemExit):
        train.load(train.Settings, ["batch=3", "workers=1:4"], FOLDER)
    assert "batch 3 is less than an image for each of workers 1:4" in capsys.readouterr().err


def test_the_model_is_left_where_its_users_look(train: Any, tmp_path: Path) -> None:
    """The weights of the last checkpoint lie in the run's own folder at the end."""
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "model.pt").write_bytes(b"weights")
    checkpoint = SimpleNamespace(filesystem=LocalFileSystem(), path=str(tmp_path / "checkpoint"))
    assert train.publish(checkpoint, str(tmp_path), "monday") == str(tmp_path / "monday" / "model.pt")
    assert (tmp_path / "monday" / "model.pt").read_bytes() == b"weights"


def learner(model: Any, steps: int) -> tuple[Any, Any, float]:
    """A net and its optimizer after some steps on the same rows, and the last loss."""
    import torch

    torch.manual_seed(0)
    net = model.Net(width=4)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    return net, optimizer, more(model, net, optimizer, steps)


def more(model: Any, net: Any, optimizer: Any, steps: int) -> float:
    import torch

    pixels, labels = (torch.tensor(v) for v in some_rows(20).values())
    losses = [model.learn(net, optimizer, pixels, labels) for _ in range(steps)]
    return losses[-1]


def test_it_learns(model: Any) -> None:
    """Twenty images are known by heart after a few steps."""
    import torch

    net, _, first = learner(model, 1)
    net, _, last = learner(model, 60)
    assert first == pytest.approx(2.3, abs=0.2)  # ln 10: a guess among ten
    assert last < 0.5
    assert model.accuracy(net, *(torch.tensor(v) for v in some_rows(20).values())) > 0.9


def test_a_resumed_run_goes_on_as_if_nothing_had_happened(model: Any, tmp_path: Path) -> None:
    """Five steps, a checkpoint and five more end at the same loss as ten in one go."""
    net, optimizer, _ = learner(model, 5)
    model.save(tmp_path, net, optimizer, {"epoch": 5, "seconds": 1.5})
    other, its_optimizer, _ = learner(model, 1)
    assert model.resume(tmp_path, other, its_optimizer) == {"epoch": 5, "seconds": 1.5}
    assert more(model, other, its_optimizer, 5) == learner(model, 10)[2]


def test_a_published_model_reads_as_the_trained_one(model: Any, tmp_path: Path) -> None:
    """Its file alone gives the same logits."""
    import torch

    net = model.Net()
    model.save(tmp_path, net, torch.optim.AdamW(net.parameters()), {})
    pixels = torch.tensor(some_rows(3)["image"])
    assert torch.equal(model.trained((tmp_path / "model.pt").read_bytes())(pixels), net(pixels))
