"""Context parallelism: the ranks of a group share each sequence.

Torch's own ring attention (`torch.distributed.tensor.experimental`) has kernels for GPUs alone. This one gathers
keys and values, which grouped-query attention keeps small, and lets the backward pass scatter their gradients
back; it is the same code on CPUs and GPUs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Shard
from torch.nn.attention.bias import causal_lower_right


def positions(length: int, rank: int, size: int) -> Tensor:
    """Of a sequence, those that a context rank works on, ascending.

    A piece of the head and its mirror image of the tail: later positions look at more, so that is what makes
    the work of all ranks equal.
    """
    if size == 1:
        return torch.arange(length)
    head, tail = (torch.arange(length).chunk(2 * size)[piece] for piece in (rank, 2 * size - 1 - rank))
    return torch.cat((head, tail))


class GatheredCore(nn.Module):
    """Causal attention of this rank's positions to those of all ranks. Takes the place of `CausalCore`."""

    def __init__(self, mesh: DeviceMesh) -> None:
        super().__init__()
        self.mesh = mesh
        self.rank, self.size = mesh.get_local_rank(), mesh.size()

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        k, v = self._whole(torch.stack((k, v))).unbind()
        pieces = zip(q.chunk(2, dim=2), (self.rank, 2 * self.size - 1 - self.rank), strict=True)
        return torch.cat([self._attend(piece, place, k, v) for piece, place in pieces], dim=2)

    def _whole(self, mine: Tensor) -> Tensor:
        """The pieces of all ranks along the sequence: heads as they come, tails the other way round."""
        shared = DTensor.from_local(mine, self.mesh, [Shard(3)], run_check=False)
        pieces = shared.full_tensor(grad_placements=[Partial()]).chunk(2 * self.size, dim=3)
        return torch.cat((*pieces[::2], *pieces[::-2]), dim=3)

    def _attend(self, q: Tensor, place: int, k: Tensor, v: Tensor) -> Tensor:
        """Attention of the piece at this place to all up to itself, the last of them its own."""
        end = (place + 1) * q.shape[2]
        mask = causal_lower_right(q.shape[2], end)
        return F.scaled_dot_product_attention(
            q, k[:, :, :end], v[:, :, :end], mask, enable_gqa=q.shape[1] != k.shape[1]
        )
