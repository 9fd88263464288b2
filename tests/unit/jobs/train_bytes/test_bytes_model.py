"""The model of jobs/train_bytes and its training step, in one process and without Ray."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

SMALL = {"context": 16, "width": 32, "heads": 2, "layers": 1}


@pytest.fixture
def job(load: Callable[[str], Any]) -> Iterator[Any]:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield SimpleNamespace(torch=torch, **{name: load(name) for name in ("data", "model", "learn")})
    torch.set_num_threads(threads)


def new_learner(job: Any, seed: int = 0, **options: Any) -> Any:
    job.torch.manual_seed(seed)
    return job.learn.Learner(job.model.ByteModel(job.model.ModelConfig(**SMALL)), **options)


def batch_at(job: Any, step: int, batch: int = 8) -> Any:
    text = job.data.load_split().train
    return job.data.sample(text, batch=batch, context=SMALL["context"], seed=step)


def test_model_is_causal(job: Any) -> None:
    """Changing a byte changes no prediction before it, and changes its own."""
    model = job.model.ByteModel(job.model.ModelConfig(**SMALL))
    before = job.torch.randint(256, (1, 16))
    after = before.clone()
    after[0, 9] = (after[0, 9] + 1) % 256
    old, new = model(before), model(after)
    assert job.torch.allclose(old[:, :9], new[:, :9])
    assert not job.torch.allclose(old[:, 9], new[:, 9])


def test_first_loss_is_a_uniform_guess(job: Any) -> None:
    """A new model knows nothing: its loss is ln 256."""
    assert new_learner(job).evaluate(batch_at(job, 0)) == pytest.approx(math.log(256), abs=0.1)


def test_loss_falls(job: Any) -> None:
    """Forty steps take more than a nat off the validation loss."""
    learner = new_learner(job)
    held_out = job.data.sample(job.data.load_split().validation, batch=16, context=16, seed=0)
    first = learner.evaluate(held_out)
    for step in range(40):
        learner.learn(batch_at(job, step), steps=40)
    assert learner.evaluate(held_out) < first - 1


def test_update_is_adamw(job: Any) -> None:
    """Ten steps end at the weights that torch.optim.AdamW reaches."""
    ours, theirs = new_learner(job), new_learner(job)
    optimizer = job.torch.optim.AdamW([theirs.weights.requires_grad_()], betas=(0.9, 0.95), weight_decay=0.01)
    for step in range(10):
        theirs.weights.grad = job.torch.randn_like(ours.weights)
        for group in optimizer.param_groups:
            group["lr"] = job.learn.learning_rate(step, 10)
        optimizer.step()
        ours._update(theirs.weights.grad, job.learn.learning_rate(step, 10))
        ours.step += 1
    assert job.torch.allclose(ours.weights, theirs.weights, atol=1e-6)


def test_mean_over_ranks_is_one_large_batch(job: Any) -> None:
    """The mean of two ranks' gradients is the gradient of both their batches together."""
    tokens, targets = batch_at(job, 0)
    gradients = []
    for part in (slice(0, 4), slice(4, 8), slice(0, 8)):
        learner = new_learner(job)
        learner.learn((tokens[part], targets[part]), steps=1)
        gradients.append(learner.gradient)
    assert job.torch.allclose((gradients[0] + gradients[1]) / 2, gradients[2], atol=1e-6)


def test_every_step_takes_the_mean_over_ranks(job: Any) -> None:
    """What the update sees is what mean_over_ranks returns: a mean of zero leaves only weight decay."""
    learner = new_learner(job, mean_over_ranks=lambda value: value.zero_())
    before = learner.weights.clone()
    learner.learn(batch_at(job, 0), steps=1)
    decay = 1 - job.learn.learning_rate(0, 1) * job.learn.WEIGHT_DECAY
    assert job.torch.allclose(learner.weights, before * decay)


def test_model_lives_in_the_vector(job: Any) -> None:
    """A step on the vector of weights is a step of the model itself."""
    learner = new_learner(job)
    learner.learn(batch_at(job, 0), steps=10)
    vector = job.torch.nn.utils.parameters_to_vector(learner.model.parameters())
    assert vector.equal(learner.weights)


def test_too_long_a_context_is_an_error(job: Any) -> None:
    """More bytes than the model was made for are refused with both numbers."""
    with pytest.raises(ValueError, match="17 bytes do not fit into a context of 16"):
        job.model.ByteModel(job.model.ModelConfig(**SMALL))(job.torch.zeros(1, 17, dtype=job.torch.long))


def test_heads_must_divide_the_width(job: Any) -> None:
    """A width that the heads cannot share is refused with both numbers."""
    with pytest.raises(ValueError, match="width 10 is not a multiple of the number of heads, 4"):
        job.model.ModelConfig(width=10, heads=4)
