"""A step, an evaluation and a checkpoint of one process. What other layouts do is held against it elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Load = Callable[[str], Any]
STEPS, SEQUENCES, CONTEXT = 4, 2, 16


@pytest.fixture
def build(load: Load) -> Iterator[Callable[..., Any]]:
    """An engine of one process; keywords are settings."""
    torch = pytest.importorskip("torch")
    s, engine, layout, common = load("lm.settings"), load("lm.engine"), load("lm.layout"), load("common.settings")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def build(**said: Any) -> Any:
        settings = s.Settings(
            steps=STEPS,
            workers=common.Workers(1, 1),
            data=s.Data(parts=2),
            model=s.Model(width=16, layers=2, heads=2, kv_heads=1, context=CONTEXT),
            batch=s.Batch(sequences=SEQUENCES, micro=said.pop("micro", 0)),
            optimizer=s.Optimizer(rate=1e-2, warmup_steps=0, clip=said.pop("clip", 1.0)),
            **said,
        )
        lay = layout.Layout.of(settings.parallel, 1, model=settings.model, parts=settings.parts, batch=settings.batch)
        return engine.Engine(settings, lay, torch.device("cpu"))

    yield build
    torch.distributed.destroy_process_group()
    torch.set_num_threads(threads)


def parts(step: int, sequences: int = SEQUENCES) -> list[Any]:
    import torch

    generator = torch.Generator().manual_seed(step)
    texts = [torch.randint(32, (sequences, CONTEXT + 1), generator=generator) for _ in range(2)]
    return [(text[:, :-1], text[:, 1:]) for text in texts]


def curve(engine: Any, steps: range = range(STEPS)) -> list[float]:
    return [engine.step(parts(0), step).loss for step in steps]


def test_it_learns(build: Any) -> None:
    """The first loss is that of a guess; a text seen again costs less."""
    losses = curve(build())
    assert losses[0] == pytest.approx(math.log(256), abs=0.1)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.2


def test_accumulation_changes_nothing(build: Any) -> None:
    """A batch that goes through the model sequence by sequence gives the same losses and gradient."""
    at_once, piecewise = build(), build(micro=1)
    for step in range(2):
        one, other = at_once.step(parts(step), step), piecewise.step(parts(step), step)
        assert (other.loss, other.grad_norm) == (
            pytest.approx(one.loss, rel=1e-5),
            pytest.approx(one.grad_norm, rel=1e-5),
        )


def test_a_rank_with_fewer_parts_fills_up(build: Any) -> None:
    """Sequences that fill up count nothing, and the loss is divided by the tokens of the whole batch: half is half."""
    full = build().step(parts(0), 0).loss
    first, second = (build().step([part], 0).loss for part in parts(0))
    assert first + second == pytest.approx(full, rel=1e-5)
    assert build().step([], 0).loss == 0.0


def test_an_evaluation_is_the_mean_over_tokens(build: Any) -> None:
    """Whatever the number of sequences, and without learning from them."""
    import torch

    engine = build(micro=2)
    given = parts(7, sequences=3)[:1] + parts(8, sequences=4)
    with torch.no_grad():
        logits = torch.cat([engine.passes.model(x, torch.arange(CONTEXT).expand(len(x), -1)) for x, _ in given])
    targets = torch.cat([y for _, y in given])
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert engine.evaluate(given) == pytest.approx(float(expected), rel=1e-5)
    assert engine.evaluate(given) == engine.evaluate(given)


def test_a_run_goes_on_from_its_state(build: Any) -> None:
    """Weights, moments and the optimizer's count of steps are all in the state."""
    unbroken, before, after = build(), build(), build(seed=1)
    expected = curve(unbroken)
    assert curve(before, range(2)) == expected[:2]
    after.load(before.state())
    assert curve(after, range(2, STEPS)) == expected[2:]


def test_the_state_names_weights_as_the_model_does(build: Any, load: Load) -> None:
    """Whatever wraps the blocks."""
    model = load("lm.model")
    for precision in ({}, {"activation_checkpointing": True}):
        engine = build(precision=load("lm.settings").Precision(**precision))
        names = [name for name, _ in model.Decoder(engine.settings.model).named_parameters()]
        state = engine.state()
        assert list(state["model"]) == names
        assert set(state["optimizer"]) == {f"{n}.{kind}" for n in names for kind in ("step", "exp_avg", "exp_avg_sq")}


def test_the_gradient_is_clipped_by_its_norm(build: Any) -> None:
    """AdamW's mean after one step is a tenth of the gradient, so it shows the norm that was let through."""
    import torch

    engine = build(clip=0.25)
    assert engine.step(parts(0), 0).grad_norm > 0.25
    means = [value for name, value in engine.state()["optimizer"].items() if name.endswith(".exp_avg")]
    assert float(torch.nn.utils.get_total_norm(means)) == pytest.approx(0.25 * (1 - 0.9), rel=1e-4)


def test_a_gradient_that_is_not_finite_changes_nothing(build: Any) -> None:
    """The step is skipped, and said to be; the next one is as if it had not been."""
    import torch

    engine = build()
    head = engine.state()["model"]["head.weight"]
    kept = head[0, 0].clone()
    head[0, 0] = torch.inf
    before = {name: weight.clone() for name, weight in engine.state()["model"].items()}
    assert engine.step(parts(0), 0).skipped
    assert all(torch.equal(weight, before[name]) for name, weight in engine.state()["model"].items())
    head[0, 0] = kept
    assert curve(engine) == curve(build())


def test_the_rate_rises_and_falls(load: Load) -> None:
    """In a straight line to the peak, then along half a cosine to a tenth of it."""
    pytest.importorskip("torch")
    rate_at = load("lm.optimizer").rate_at
    s = load("lm.settings").Optimizer(rate=1.0, warmup_steps=4)
    assert [rate_at(step, 104, s) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rate_at(54, 104, s) == pytest.approx(0.55)
    assert rate_at(104, 104, s) == pytest.approx(0.1)


def test_stages_have_all_layers_between_them(load: Load) -> None:
    """Each weight is in one stage, under the name that it has in the whole model."""
    pytest.importorskip("torch")
    pipeline, model = load("lm.pipeline"), load("lm.model")
    config = load("lm.settings").Model(width=16, layers=8, heads=2, kv_heads=1)
    names = [name for stage in range(4) for name, _ in pipeline.stage_of(config, stage, 4).named_parameters()]
    assert sorted(names) == sorted(name for name, _ in model.Decoder(config).named_parameters())
    layout = load("lm.layout").Layout(pipeline=2, stages_per_rank=2)
    assert [pipeline.stages_of_rank(layout, place) for place in (0, 1)] == [[0, 2], [1, 3]]
