"""LoRA (Hu et al. 2021): a frozen matrix W becomes W + (alpha / rank) B A, and only the small A and B learn.

B begins at zero, so that the adapted model begins as the model that it adapts. It knows nothing of Ray.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Adapted(nn.Module):
    """A linear layer with its correction. `base` is frozen."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.scale = alpha / rank
        self.a = nn.Parameter(base.weight.new_empty(rank, base.in_features))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x)
        return out + self.scale * F.linear(F.linear(x, self.a), self.b)

    def merged(self) -> Tensor:
        """The one matrix that does the same."""
        return self.base.weight + self.scale * self.b @ self.a


def adapt(model: nn.Module, targets: Collection[str], rank: int, alpha: float, seed: int) -> None:
    """In place: freeze all weights, and wrap the linear layers whose own name is among the targets.

    Each A depends on the seed and its own name alone. Raises ValueError if a target names nothing.
    """
    model.requires_grad_(requires_grad=False)
    found = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear) and leaf(name) in targets]
    if missing := set(targets) - {leaf(name) for name, _ in found}:
        there = sorted({leaf(name) for name, m in model.named_modules() if isinstance(m, nn.Linear)})
        raise ValueError(f"lora.targets {sorted(missing)}: no linear layer is called so; there are {there}")
    for name, linear in found:
        adapted = Adapted(linear, rank, alpha)
        generator = torch.Generator(linear.weight.device).manual_seed(seed * 2**32 + zlib.crc32(name.encode()))
        nn.init.kaiming_uniform_(adapted.a, a=math.sqrt(5), generator=generator)
        model.set_submodule(name, adapted)


def leaf(name: str) -> str:
    return name.rpartition(".")[2]


def layers(model: nn.Module) -> Iterator[tuple[str, Adapted]]:
    return ((name, m) for name, m in model.named_modules() if isinstance(m, Adapted))


def adapters(model: nn.Module) -> dict[str, nn.Parameter]:
    """All that learns, by name: what a checkpoint holds."""
    return {f"{name}.{matrix}": getattr(m, matrix) for name, m in layers(model) for matrix in ("a", "b")}


def merged(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a plain model that does the same, under the names that they had before `adapt`."""
    wrapped = dict(layers(model))
    weights = {n: w for n, w in model.state_dict().items() if n.rpartition(".")[0] not in wrapped}
    plain = {n.replace(".base.", "."): w for n, w in weights.items()}
    return plain | {f"{name}.weight": m.merged().detach() for name, m in wrapped.items()}
