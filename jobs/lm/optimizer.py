"""AdamW, its rate, and the norm of a gradient that is spread over ranks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from lm import settings

BETAS = (0.9, 0.95)
LOWEST = 0.1  # of the peak rate: where the half cosine ends
SMALLEST_NORM = 1e-6  # a gradient of zeros is not divided by zero


def adamw(weights: Iterable[nn.Parameter], s: settings.Optimizer) -> torch.optim.AdamW:
    """Weights of matrices decay, those of norms do not.

    Its state is made at once rather than by the first step, so that a checkpoint can be read into it.
    """
    matrices, others = [], []
    for weight in weights:
        (matrices if weight.ndim > 1 else others).append(weight)
    groups = [{"params": matrices, "weight_decay": s.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=s.rate, betas=BETAS, fused=True)
    for weight in (*matrices, *others):
        optimizer.state[weight] = {
            "step": torch.zeros((), device=weight.device),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
        }
    return optimizer


def rate_at(step: int, steps: int, s: settings.Optimizer) -> float:
    """Up in a straight line, then down along half a cosine to a tenth of the peak at the last step."""
    if step < s.warmup_steps:
        return s.rate * (step + 1) / s.warmup_steps
    way = min(1.0, (step - s.warmup_steps) / max(1, steps - s.warmup_steps))
    return s.rate * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * way)) / 2)


def squares(weights: Iterable[nn.Parameter], *, holders: int) -> Tensor:
    """A share of the sum of all squared gradients: the sum of the ranks' shares is that of the whole model.

    `holders` is the number of ranks that have the same layers. What several of them hold counts once.
    """
    by_copies: dict[int, list[Tensor]] = defaultdict(list)
    for weight in weights:
        if weight.grad is not None:
            weight.grad = _settled(weight)
            by_copies[holders // _shards(weight)].append(local(weight.grad))
    norms = [torch.nn.utils.get_total_norm(grads).double() ** 2 / copies for copies, grads in by_copies.items()]
    return torch.stack(norms).sum()


def scale_gradients(weights: Iterable[nn.Parameter], factor: float) -> None:
    torch._foreach_mul_([local(w.grad) for w in weights if w.grad is not None], factor)


def clip_factor(norm: float, limit: float) -> float:
    return min(1.0, limit / (norm + SMALLEST_NORM)) if limit else 1.0


def _settled(weight: nn.Parameter) -> Tensor:
    """The gradient laid out as its weight is: tensor parallelism leaves that of a norm as a sum yet to be made."""
    grad = weight.grad
    return grad.redistribute(placements=weight.placements) if isinstance(grad, DTensor) else grad


def local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _shards(tensor: Tensor) -> int:
    if not isinstance(tensor, DTensor):
        return 1
    return math.prod(tensor.device_mesh.size(i) for i, p in enumerate(tensor.placements) if not p.is_replicate())
