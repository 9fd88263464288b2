"""A small modern decoder over bytes: RoPE, RMSNorm, SwiGLU, grouped-query attention. It knows nothing of parallelism.

A stage of a pipeline is the same class with some children taken away, so the names of weights, and with them
checkpoints, are the same in every layout.
"""

from __future__ import annotations

import math
import zlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.settings import Model

INIT_STD = 0.02
EPSILON = 1e-5


class CausalCore(nn.Module):
    """Attention itself, between the projections. All tensors: (batch, heads, length, width of a head)."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])


def rotate(x: Tensor, positions: Tensor, base: float) -> Tensor:
    """RoPE (Su et al. 2021) in halves, as Llama's: x (batch, heads, length, d), positions (batch, length)."""
    half = x.shape[-1] // 2
    exponents = torch.arange(half, device=x.device, dtype=torch.float32) / half
    angles = positions[:, None, :, None] * base**-exponents
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Attention(nn.Module):
    """Every position looks at itself and at what came before, never ahead."""

    def __init__(self, config: Model) -> None:
        super().__init__()
        self.head_width = config.width // config.heads
        self.rope_base = config.rope_base
        kv_width = config.kv_heads * self.head_width
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.k = nn.Linear(config.width, kv_width, bias=False)
        self.v = nn.Linear(config.width, kv_width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.core = CausalCore()

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        # -1, for under tensor parallelism a rank has only some of the heads
        q, k, v = (p(x).unflatten(-1, (-1, self.head_width)).transpose(1, 2) for p in (self.q, self.k, self.v))
        y = self.core(rotate(q, positions, self.rope_base), rotate(k, positions, self.rope_base), v)
        out: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: Model) -> None:
        super().__init__()
        inner = config.feed_forward_width
        self.gate = nn.Linear(config.width, inner, bias=False)
        self.up = nn.Linear(config.width, inner, bias=False)
        self.down = nn.Linear(inner, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return out


class Block(nn.Module):
    """Attention, then a feed-forward layer, each added to its own input."""

    def __init__(self, config: Model) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=EPSILON)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.width, eps=EPSILON)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), positions)
        out: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return out


class Decoder(nn.Module):
    """Bytes in, for each position the logits of the next byte out.

    The first stage of a pipeline has no `norm` and `head`, the last no `embed`, those between none of them.
    """

    def __init__(self, config: Model) -> None:
        super().__init__()
        self.config = config
        self.embed: nn.Embedding | None = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleDict({str(i): Block(config) for i in range(config.layers)})
        self.norm: nn.RMSNorm | None = nn.RMSNorm(config.width, eps=EPSILON)
        self.head: nn.Linear | None = nn.Linear(config.width, config.vocabulary, bias=False)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """x: bytes (batch, length), or the stage before's output (batch, length, width). positions: (batch, length)."""
        if self.embed is not None:
            x = self.embed(x)
        for block in self.blocks.values():
            x = block(x, positions)
        if self.norm is not None:
            x = self.norm(x)
        return self.head(x) if self.head is not None else x

    def init_weights(self, seed: int) -> None:
        """Each weight depends on the seed and its own name alone: every layout and every stage begins equal.

        The first loss is near that of a uniform guess, ln 256 = 5.55 nats. What is added to the residual stream is
        scaled down with depth, as in GPT-2.
        """
        residual_std = INIT_STD / math.sqrt(2 * self.config.layers)
        for name, weight in self.named_parameters():
            if "norm" in name:
                nn.init.ones_(weight)
                continue
            generator = torch.Generator(weight.device).manual_seed(seed * 2**32 + zlib.crc32(name.encode()))
            std = residual_std if name.endswith(("out.weight", "down.weight")) else INIT_STD
            nn.init.normal_(weight, std=std, generator=generator)


def next_byte_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The sum of cross-entropies, in nats, over (batch, length); whoever calls it divides by the tokens that count."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
