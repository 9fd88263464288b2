"""Parallelism, applied from outside to a model, or a stage of one, that knows nothing of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from lm.context_parallel import GatheredCore
from lm.model import Block, Decoder
from lm.precision import convert_fp8, mixed_precision
from lm.settings import Settings


def parallelize(model: Decoder, mesh: DeviceMesh, context: DeviceMesh | None, settings: Settings) -> Decoder:
    """In place, in an order that matters: each step takes the model as the one before leaves it.

    `mesh` is `Layout.mesh`; `context` is None where no sequence is shared.
    """
    precision = settings.precision
    if precision.kind == "fp8":
        convert_fp8(model, torch.device(mesh.device_type))
    if mesh["tensor"].size() > 1:
        share_matrices(model, mesh["tensor"])
        # the logits are a view, which nothing here changes in place
        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor", UserWarning)
    if context is not None:
        share_sequences(model, context)
    if precision.activation_checkpointing:
        replace_blocks(model, checkpoint_wrapper)
    if precision.compile:
        replace_blocks(model, torch.compile)
    share_weights(model, mesh, mixed_precision(precision, mesh.device_type))
    return model


def plain_name(name: str) -> str:
    """A weight's name without what wrappers of blocks add to it."""
    return name.replace("_checkpoint_wrapped_module.", "").replace("_orig_mod.", "")


def replace_blocks(model: Decoder, wrap: Callable[[nn.Module], nn.Module]) -> None:
    for name, block in model.blocks.items():
        model.blocks[name] = wrap(block)


def share_matrices(model: Decoder, mesh: DeviceMesh) -> None:
    """Tensor parallelism (Shoeybi et al. 2019).

    Between the matrices each rank has a part of the sequence (Korthikanti et al. 2022).
    """
    ends: dict[str, ParallelStyle] = {
        "embed": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1)),
        "norm": SequenceParallel(),
        "head": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
    }
    parallelize_module(model, mesh, {name: style for name, style in ends.items() if getattr(model, name) is not None})
    for block in model.blocks.values():
        parallelize_module(block, mesh, _block_plan())


def _block_plan() -> dict[str, ParallelStyle]:
    """Heads, and inner columns of the feed-forward layer, are dealt out: one sum over the ranks for each layer."""
    columns = {f"attention.{name}": ColwiseParallel() for name in ("q", "k", "v")}
    columns |= {f"feed_forward.{name}": ColwiseParallel() for name in ("gate", "up")}
    rows = {name: RowwiseParallel(output_layouts=Shard(1)) for name in ("attention.out", "feed_forward.down")}
    norms = {name: SequenceParallel() for name in ("attention_norm", "feed_forward_norm")}
    attention = PrepareModuleInput(input_layouts=(Shard(1), None), desired_input_layouts=(Replicate(), None))
    feed_forward = PrepareModuleInput(input_layouts=(Shard(1),), desired_input_layouts=(Replicate(),))
    return {**columns, **rows, **norms, "attention": attention, "feed_forward": feed_forward}


def share_sequences(model: Decoder, mesh: DeviceMesh) -> None:
    """Context parallelism. Whoever feeds the model deals the positions out."""
    for module in model.modules():
        if isinstance(module, Block):
            module.attention.core = GatheredCore(mesh)


def share_weights(model: Decoder, mesh: DeviceMesh, precision: MixedPrecisionPolicy | None) -> None:
    """FSDP2 over `fully_sharded` and `context`, replicated over `data`; it is also what casts weights to 16 bits.

    Gradients are summed over the ranks, not averaged: each rank's loss is divided by the tokens of the whole batch.
    """
    if precision is None and mesh["data", "shard"].size() == 1:
        return
    how = {"mesh": mesh["data", "shard"] if mesh["data"].size() > 1 else mesh["shard"]}
    if precision is not None:
        how["mp_policy"] = precision
    for block in model.blocks.values():
        fully_shard(block, **how)
    fully_shard(model, **how)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo has no scaled sums
