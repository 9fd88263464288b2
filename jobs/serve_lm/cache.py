"""A decoder with a KV cache, applied from outside: each block's attention core is replaced by one that remembers.

The cache has fixed slots. The sequences that are being worked on lie in the first ones, without a gap, so that a step
reads views of it and copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.model import Block, Decoder


@dataclass
class Window:
    """Which part of the cache the model's next forward pass is about."""

    slots: slice
    rows: Tensor  # (batch, 1): the same, as numbers
    positions: Tensor  # (batch, length): where the new keys and values go
    span: int  # positions that any of the queries looks at
    mask: Tensor  # (batch, 1, length, span): true where a query may look

    @classmethod
    def of(cls, first: int, positions: Tensor) -> Window:
        batch, span = len(positions), int(positions.max()) + 1
        rows = torch.arange(first, first + batch)[:, None]
        mask = torch.arange(span) <= positions[:, None, :, None]
        return cls(slice(first, first + batch), rows, positions, span, mask)


class CachedCore(nn.Module):
    """Attention over all that was seen of each sequence. Takes what lm.model.CausalCore takes."""

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)  # (slots, kv_heads, context, width of a head)
        self.window: Window | None = None

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        w = self.window
        assert w is not None  # noqa: S101 (CachedDecoder sets it before each pass)
        self.keys[w.rows, :, w.positions] = k.transpose(1, 2)
        self.values[w.rows, :, w.positions] = v.transpose(1, 2)
        keys, values = (t[w.slots, :, : w.span] for t in (self.keys, self.values))
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=w.mask, enable_gqa=q.shape[1] != k.shape[1])


class CachedDecoder:
    """Not for several threads at once. The model given to it is changed: it works with the cache alone from here on."""

    def __init__(self, model: Decoder, slots: int) -> None:
        c = model.config
        shape = (slots, c.kv_heads, c.context, c.width // c.heads)
        self.model, self.slots, self.context = model, slots, c.context
        self.cores = [CachedCore(shape) for _ in range(c.layers)]
        blocks = [module for module in model.modules() if isinstance(module, Block)]
        for block, core in zip(blocks, self.cores, strict=True):
            block.attention.core = core

    def prefill(self, slot: int, tokens: Sequence[int]) -> Tensor:
        """Take up a sequence from its beginning; the logits (vocabulary) of what follows its last token."""
        return self._forward(slot, torch.tensor([list(tokens)]), torch.arange(len(tokens))[None])[0]

    def decode(self, tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """One token more of each sequence in the first slots, at its position. Logits (sequences, vocabulary)."""
        return self._forward(0, torch.tensor(tokens)[:, None], torch.tensor(positions)[:, None])

    def move(self, source: int, target: int, length: int) -> None:
        """A sequence of so many positions into another slot."""
        for core in self.cores:
            for cached in (core.keys, core.values):
                cached[target, :, :length] = cached[source, :, :length]

    @torch.inference_mode()
    def _forward(self, first: int, tokens: Tensor, positions: Tensor) -> Tensor:
        window = Window.of(first, positions)
        for core in self.cores:
            core.window = window
        logits: Tensor = self.model(tokens, positions)
        return logits[:, -1]
