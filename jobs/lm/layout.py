"""How the ranks of a run share its work, and whether they can. Nothing is built in here.

Ranks are numbered with `tensor` fastest, for it talks most, and `pipeline` slowest, for it talks least: with a
number of ranks a node that the degrees allow for, tensor parallelism stays within nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from lm.settings import Batch, Model, Parallel

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

LEFT_OVER = -1
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}


@dataclass(frozen=True)
class Layout:
    """Degrees, from the slowest dimension of the mesh to the fastest. Their product is the number of ranks."""

    pipeline: int = 1
    data: int = 1
    fully_sharded: int = 1
    context: int = 1
    tensor: int = 1
    stages_per_rank: int = 1

    @classmethod
    def of(cls, parallel: Parallel, world_size: int, *, model: Model, parts: int, batch: Batch) -> Layout:
        """Raises ValueError that names every mistake with its numbers and a remedy."""
        degrees = _resolved(parallel, world_size)
        layout = cls(**degrees, stages_per_rank=parallel.stages_per_rank if parallel.schedule == "interleaved" else 1)
        mistakes = list(_too_small(layout)) or [
            *layout._of_the_world(world_size),
            *layout._of_the_model(model),
            *layout._of_the_batch(parts, batch, interleaved=parallel.schedule == "interleaved"),
        ]
        if mistakes:
            raise ValueError(f"{world_size} workers cannot be laid out so:\n" + "\n".join(f"  {m}" for m in mistakes))
        return layout

    @property
    def world_size(self) -> int:
        return math.prod(self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return astuple(self)[: len(DIMENSIONS)]

    @property
    def data_ranks(self) -> int:
        """Shares that the parts of a batch are dealt into: share r has the parts r, r + data_ranks, ..."""
        return self.data * self.fully_sharded

    @property
    def holders(self) -> int:
        """Ranks that hold the same layers, in whole or in part."""
        return self.world_size // self.pipeline

    @property
    def sharers(self) -> int:
        """Ranks that work on the same parts of a batch."""
        return self.world_size // self.data_ranks

    @property
    def stages(self) -> int:
        """Of the pipeline, in all."""
        return self.pipeline * self.stages_per_rank

    def data_rank(self, rank: int) -> int:
        """Which share is this rank's. The ranks of a tensor, context or pipeline group have the same one."""
        return rank // (self.context * self.tensor) % self.data_ranks

    def slots(self, parts: int) -> int:
        """Parts that the busiest rank works through in a step; others fill up with such that count nothing."""
        return -(-parts // self.data_ranks)

    def context_rank(self, rank: int) -> int:
        """Which of the ranks that share its sequences this one is."""
        return rank // self.tensor % self.context

    def mesh(self, device_type: str) -> DeviceMesh:
        """All ranks as (pipeline, data, shard, tensor). A collective.

        Weights are shared by `fully_sharded` x `context` ranks, hence one dimension: `shard`. A single process may
        have no process group yet.
        """
        import torch.distributed as dist
        from torch.distributed.device_mesh import init_device_mesh

        if not dist.is_initialized():
            dist.init_process_group(BACKENDS[device_type], store=dist.HashStore(), rank=0, world_size=1)
        shape = (self.pipeline, self.data, self.fully_sharded * self.context, self.tensor)
        return init_device_mesh(device_type, shape, mesh_dim_names=("pipeline", "data", "shard", "tensor"))

    def context_mesh(self, device_type: str) -> DeviceMesh:
        """The ranks that share sequences with this one. A collective."""
        from torch.distributed.device_mesh import init_device_mesh

        shape = (self.world_size // (self.context * self.tensor), self.context, self.tensor)
        return init_device_mesh(device_type, shape, mesh_dim_names=("others", "context", "tensor"))["context"]

    def __str__(self) -> str:
        split = [f"{name} {degree}" for name, degree in zip(DIMENSIONS, self.shape, strict=True) if degree > 1]
        return " x ".join(split) or "one process"

    def _of_the_world(self, world_size: int) -> Iterator[str]:
        if self.world_size != world_size:
            product = " x ".join(f"{name} {degree}" for name, degree in zip(DIMENSIONS, self.shape, strict=True))
            yield f"{product} = {self.world_size} ranks, not {world_size}: parallel.data=-1 takes what the others leave"

    @property
    def chunks(self) -> int:
        """Equal pieces of a sequence. A context rank has one of the head, one of the tail; tensor ranks share both."""
        return self.tensor * (2 * self.context if self.context > 1 else 1)

    def _of_the_model(self, model: Model) -> Iterator[str]:
        tensor = "parallel.tensor"
        context = f"2 x parallel.context x {tensor}" if self.context > 1 else tensor
        stages = "parallel.pipeline" + (" x parallel.stages_per_rank" if self.stages_per_rank > 1 else "")
        for thing, amount, divisor, degree in (
            ("model.heads", model.heads, tensor, self.tensor),
            ("model.kv_heads", model.kv_heads, tensor, self.tensor),
            ("model.feed_forward", model.feed_forward_width, tensor, self.tensor),
            ("model.vocabulary", model.vocabulary, tensor, self.tensor),
            ("model.context", model.context, context, self.chunks),
            ("model.layers", model.layers, stages, self.stages),
        ):
            if amount % degree:
                multiple = -(-amount // degree) * degree
                yield f"{thing} {amount} is not divisible by {divisor} = {degree}: take {multiple}, or lower degrees"

    def _of_the_batch(self, parts: int, batch: Batch, *, interleaved: bool) -> Iterator[str]:
        if self.data_ranks > parts:
            yield (
                f"data {self.data} x fully_sharded {self.fully_sharded} = {self.data_ranks} ranks share "
                f"{parts} parts of a batch: take data.parts={self.data_ranks}, or lower degrees"
            )
        micro = batch.micro or batch.sequences
        if micro < 1 or batch.sequences % micro:
            yield f"batch.sequences {batch.sequences} is not divisible by batch.micro {micro}"
            return
        if self.pipeline == 1:
            return
        batches = self.slots(parts) * batch.sequences // micro
        if batches < self.stages if not interleaved else batches % self.pipeline:
            need = (
                f"a multiple of parallel.pipeline {self.pipeline}"
                if interleaved
                else f"at least {self.stages}, one a stage"
            )
            yield (
                f"a step has {batches} micro-batches ({self.slots(parts)} parts x {batch.sequences} sequences / "
                f"{micro} at once), and the pipeline needs {need}: lower batch.micro, or raise batch.sequences"
            )


DIMENSIONS = tuple(f.name for f in fields(Layout))[:-1]


def _resolved(parallel: Parallel, world_size: int) -> dict[str, int]:
    """All degrees as numbers. What the others leave is at least 1: a product that does not fit is told with it."""
    degrees = {name: getattr(parallel, name) for name in DIMENSIONS}
    if degrees["fully_sharded"] == LEFT_OVER and degrees["data"] == LEFT_OVER:
        degrees["data"] = 1  # its default: whoever says fully_sharded=-1 means that
    for name in ("data", "fully_sharded"):
        if degrees[name] == LEFT_OVER:
            others = math.prod(degree for other, degree in degrees.items() if other != name)
            degrees[name] = max(1, world_size // others) if others > 0 else 1
    return degrees


def _too_small(layout: Layout) -> Iterator[str]:
    for field in fields(layout):
        if (degree := getattr(layout, field.name)) < 1:
            yield f"parallel.{field.name} {degree} is below 1; only data and fully_sharded may be -1, what is left"
