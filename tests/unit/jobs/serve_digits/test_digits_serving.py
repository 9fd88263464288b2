"""The served classifier: its model, its routes and its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[[str], Any]


@pytest.fixture
def model(load: Load) -> Any:
    pytest.importorskip("torch").set_num_threads(1)
    return load("serve_digits.model")


@pytest.fixture
def settings(load: Load) -> Any:
    return load("serve_digits.settings")


def test_a_model_made_at_the_start_reads_digits(load: Load, model: Any) -> None:
    """A narrow one without any training reads more than nine in ten of the images that are held out."""
    import torch

    pytest.importorskip("sklearn")
    train = load("digits.train")
    _, held_out = train.split(train.digits())
    with torch.inference_mode():
        logits = model.made(256, 2)(torch.tensor(held_out["image"]).float())
    right = (logits.argmax(1) == torch.tensor(held_out["label"])).float().mean()
    assert right > 0.9


def test_every_replica_makes_the_same_model(model: Any) -> None:
    """Two that are made apart give the same chances to the last bit."""
    import torch

    pytest.importorskip("sklearn")
    pixels = torch.arange(64.0).view(1, 8, 8) % 17
    assert torch.equal(model.made(64, 2)(pixels), model.made(64, 2)(pixels))


def test_a_trained_model_is_served(load: Load, model: Any, settings: Any, tmp_path: Path) -> None:
    """STORAGE/NAME/model.pt, as digits.train leaves it; a batch's chances are those of its images alone."""
    import torch

    digits = load("digits.model")
    net = digits.Net()
    (tmp_path / "monday").mkdir()
    torch.save(net.state_dict(), tmp_path / "monday" / "model.pt")
    classify = model.classifier(settings.Model(storage=str(tmp_path), name="monday"))
    images = [[float(i % 17) for i in range(64)], [0.0] * 64]
    with torch.inference_mode():
        expected = net.eval()(torch.tensor(images).view(2, 8, 8)).softmax(1)
    assert torch.allclose(torch.tensor(classify(images)), expected, atol=1e-6)


def test_a_run_without_a_model_is_told(model: Any, settings: Any, tmp_path: Path) -> None:
    """With its address and how to train one."""
    with pytest.raises(ValueError, match=r"has no monday/model.pt; train one: .* name=monday"):
        model.classifier(settings.Model(storage=str(tmp_path), name="monday"))


def ask(load: Load, *bodies: Any, waiting: int = 9) -> list[Any]:
    """Answers of the routes over a model that is sure of the first pixel."""
    httpx2 = pytest.importorskip("httpx2")
    adaptation, batcher = load("serve_digits.adaptation"), load("serve_digits.batcher")

    def classify(images: list[list[float]]) -> list[list[float]]:
        return [[float(digit == image[0]) for digit in range(10)] for image in images]

    async def inner() -> list[Any]:
        made = batcher.Batcher(classify, adaptation.Terms(4, 0.0), waiting)
        transport = httpx2.ASGITransport(app=load("serve_digits.api").api(made, retry_after_s=2), root_path="/digits")
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:
            answers = [await http.post("/digits/predict", json=body) for body in bodies]
            stats = await http.get("/digits/stats")
        made.close()
        return [*answers, stats]

    return asyncio.run(inner())


def image(first: float) -> dict[str, Any]:
    return {"pixels": [[first] + [0] * 7] + [[16] * 8] * 7}


def test_pixels_in_and_digits_out(load: Load) -> None:
    """The digit, the chance of each, and what the batches were like."""
    seven, stats = ask(load, image(7))
    assert seven.json() == {"digit": 7, "probabilities": [float(digit == 7) for digit in range(10)]}
    assert (stats.json()["images"], stats.json()["batches"], stats.json()["max_batch"]) == (1, 1, 4)


def test_other_than_an_image_is_refused(load: Load) -> None:
    """Pixels out of their range, and images of another size."""
    dark, short, _ = ask(load, image(17), {"pixels": [[0] * 8] * 7})
    assert (dark.status_code, short.status_code) == (422, 422)
    assert "less than or equal to 16" in dark.text


def test_a_full_replica_says_when_to_come_again(load: Load) -> None:
    """503 with Retry-After."""
    refused, _ = ask(load, image(1), waiting=0)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json() == {"error": "busy: 0 requests wait already"}


def test_without_batching_nothing_adapts(load: Load, settings: Any) -> None:
    """One image at a time, whatever comes; with it, terms begin small and follow the target."""
    app = load("serve_digits.app")
    assert app.terms_of(settings.Settings(batching=False)) == (app.ALONE, None)
    first, rule = app.terms_of(settings.Settings(latency_target_ms=50, most=5))
    assert first.most == 5
    adaptation = load("serve_digits.adaptation")
    seen = [adaptation.Seen(size, 0.00499 * size) for size in (1, 2, 4)] * 4
    assert (
        rule(first, seen, adaptation.Lately(0.9, 50)).most == 4
    )  # two batches of 20 ms in the 40 ms that the margin leaves


def test_the_peer_gives_the_same_answers(load: Load, model: Any, settings: Any) -> None:
    """Behind LitServe the model reads a batch as it reads each image alone, batched or not."""
    pytest.importorskip("sklearn")
    pytest.importorskip("litserve")
    peer, image_of = load("serve_digits.litserve_app"), load("serve_digits.api").Image
    small = settings.Model(width=32, layers=1)
    expected = model.classifier(small)
    images = [image_of(**image(first)) for first in (1, 9)]
    for most in (1, 2):
        served = peer.Digits(peer.Settings(max_batch=most, model=small))
        served.setup("cpu")
        pixels = [served.decode_request(one) for one in images]
        found = served.predict(pixels) if most > 1 else map(served.predict, pixels)
        for answer, one in zip(map(served.encode_response, found), images, strict=True):
            assert answer["probabilities"] == pytest.approx(expected([one.flat])[0], abs=1e-6)


def test_the_application_s_args_are_checked(load: Load) -> None:
    """Every mistake at once, with its name and what was meant."""
    with pytest.raises(ValueError, match="did you mean") as found:
        load("serve_digits.app").app({"latency_target": 3, "most": 0, "model": {"widht": 3}})
    assert [line.partition(": ")[0] for line in str(found.value).splitlines()] == [
        "args.latency_target",
        "args.most",
        "args.model.widht",
    ]
