"""One training step and one evaluation. No Ray in here.

All weights lie in one long vector, and so do all gradients: averaging over the ranks is then one
call, and AdamW is eight lines. `torch.optim` and DistributedDataParallel would do the same, but
their first use imports the compiler (`torch._dynamo`): 1.4 s of CPU in each rank, which is a
quarter of what a short job costs on two cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from data import Batch
from model import ByteModel, next_byte_loss
from torch import Tensor

PEAK_RATE = 6e-3
WARMUP_STEPS = 5
DECAY_1, DECAY_2 = 0.9, 0.95  # how fast AdamW forgets the mean of the gradients, and of their squares
WEIGHT_DECAY = 0.01
EPSILON = 1e-8

Mean = Callable[[Tensor], Tensor]


def alone(value: Tensor) -> Tensor:
    """The mean over the ranks, where there is one."""
    return value


def learning_rate(step: int, steps: int) -> float:
    """Up in a few steps, then down along half a cosine to a tenth of the peak."""
    warmup = min(1.0, (step + 1) / WARMUP_STEPS)
    decay = 0.55 + 0.45 * math.cos(math.pi * min(1.0, step / steps))
    return PEAK_RATE * warmup * decay


class Learner:
    """A model and its optimizer. `mean_over_ranks` is all that it knows of other ranks."""

    def __init__(self, model: ByteModel, mean_over_ranks: Mean = alone) -> None:
        self.model = model
        self.mean_over_ranks = mean_over_ranks
        self.step = 0
        parameters = list(model.parameters())
        self.weights = torch.nn.utils.parameters_to_vector(parameters).detach()
        self.gradient = torch.zeros_like(self.weights)
        self.mean = torch.zeros_like(self.weights)
        self.square = torch.zeros_like(self.weights)
        sizes = [p.numel() for p in parameters]
        slices = zip(parameters, self.weights.split(sizes), self.gradient.split(sizes), strict=True)
        for parameter, weights, gradient in slices:  # from here on the model lives in the vectors
            parameter.data = weights.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)

    def learn(self, batch: Batch, steps: int) -> Tensor:
        """One step of `steps`; returns this rank's loss before it."""
        tokens, targets = batch
        self.gradient.zero_()
        loss = next_byte_loss(self.model(tokens), targets)
        torch.autograd.backward(loss)
        self._update(self.mean_over_ranks(self.gradient), learning_rate(self.step, steps))
        self.step += 1
        return loss.detach()

    def _update(self, gradient: Tensor, rate: float) -> None:
        """AdamW (Loshchilov and Hutter, 2019)."""
        self.mean.lerp_(gradient, 1 - DECAY_1)
        self.square.lerp_(gradient.square(), 1 - DECAY_2)
        seen = self.step + 1  # both averages begin at zero: divide by what they have seen so far
        scale = (self.square / (1 - DECAY_2**seen)).sqrt_().add_(EPSILON)
        self.weights.mul_(1 - rate * WEIGHT_DECAY)
        self.weights.addcdiv_(self.mean, scale, value=-rate / (1 - DECAY_1**seen))

    def evaluate(self, batch: Batch) -> float:
        """The mean loss over every rank's batch: a collective, as a step is."""
        tokens, targets = batch
        with torch.no_grad():
            loss = next_byte_loss(self.model(tokens), targets)
        return float(self.mean_over_ranks(loss))
