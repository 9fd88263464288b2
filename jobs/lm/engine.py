"""One training step, one evaluation, and what a checkpoint holds, in any layout. No Ray in here.

In every layout a step computes the same: the mean loss over all tokens of the batch, its gradient, one step of
AdamW. What differs is who holds what, and thus the order in which floats are added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule

from lm.context_parallel import positions
from lm.layout import Layout
from lm.model import Decoder, next_byte_loss
from lm.optimizer import adamw, clip_factor, local, rate_at, scale_gradients, squares
from lm.parallel import parallelize, plain_name
from lm.pipeline import Loss, Passes, Pipelined, Rows, Whole, stage_of, stages_of_rank
from lm.precision import LossScale, turn_tf32_off
from lm.settings import Settings

State = dict[str, dict[str, Tensor]]
Part = tuple[Tensor, Tensor]  # tokens and targets: (sequences, context) int64
IGNORED = -100  # a target that counts nothing: cross-entropy's own default


@dataclass(frozen=True)
class Step:
    """What came of one: the same on every rank."""

    loss: float  # in nats a token, over the whole batch, before the step
    grad_norm: float  # over all weights, before clipping
    rate: float
    skipped: bool  # the gradient was not finite: no weight has changed


class Engine:
    """A model and its optimizer, as this rank holds them. All methods but the properties are collectives."""

    def __init__(self, settings: Settings, layout: Layout, device: torch.device) -> None:
        turn_tf32_off()
        self.settings, self.layout, self.device = settings, layout, device
        self.mesh = layout.mesh(device.type)
        self.positions = positions(settings.model.context, layout.context_rank(dist.get_rank()), layout.context)
        self.micro = settings.batch.micro or settings.batch.sequences
        self.rows = layout.slots(settings.parts) * settings.batch.sequences  # that this rank works through in a step
        self.passes = self._build()
        # kept from here on, for after an evaluation FSDP shows gathered weights instead of these
        self.weights = {plain_name(name): p for model in self.passes.models for name, p in model.named_parameters()}
        self.optimizer = adamw(self.weights.values(), settings.optimizer)
        self.scale = LossScale(settings.precision.kind == "fp16")
        self.parameters_total = sum(p.numel() for p in stage_of(settings.model, 0, 1).parameters())

    def _build(self) -> Passes:
        layout, place = self.layout, self.mesh["pipeline"].get_local_rank()
        context = layout.context_mesh(self.device.type) if layout.context > 1 else None
        models = {i: self._model(i, context) for i in stages_of_rank(layout, place)}
        if layout.pipeline == 1:
            return Whole(models[0], self.micro)
        return Pipelined(models, layout, self.mesh["pipeline"], self.rows // self.micro)

    def _model(self, stage: int, context: DeviceMesh | None) -> Decoder:
        """Values are drawn on the CPU, so that they are the same whatever a run trains on."""
        model = stage_of(self.settings.model, stage, self.layout.stages).to_empty(device="cpu")
        model.init_weights(self.settings.seed)
        return parallelize(model.to(self.device), self.mesh, context, self.settings)

    @property
    def tokens_per_step(self) -> int:
        s = self.settings
        return s.parts * s.batch.sequences * s.model.context

    # -- steps ------------------------------------------------------------------------------------

    def step(self, parts: Sequence[Part], step: int) -> Step:
        """Learn from this rank's parts of batch number `step`."""
        rate, scale = rate_at(step, self.settings.steps, self.settings.optimizer), self.scale.scale
        loss = self.passes.learn(self._rows(parts, self.rows), self._loss(scale / self.tokens_per_step))
        squared = squares(self.weights.values(), holders=self.layout.holders)
        scaled_loss, squared_norm = self._over_ranks(loss / self.layout.tensor, squared)
        norm = math.sqrt(squared_norm) / scale
        is_finite = math.isfinite(norm)
        if is_finite:
            self._update(clip_factor(norm, self.settings.optimizer.clip) / scale, rate)
        self.optimizer.zero_grad()
        self.scale.update(is_finite)
        return Step(scaled_loss / scale, norm, rate, skipped=not is_finite)

    def _update(self, factor: float, rate: float) -> None:
        if factor != 1.0:
            scale_gradients(self.weights.values(), factor)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    def evaluate(self, parts: Sequence[Part]) -> float:
        """The mean loss over the parts of all ranks, who may have different numbers of them."""
        sequences = sum(len(tokens) for tokens, _ in parts)
        at_once = self.rows if self.layout.pipeline > 1 else self.micro
        most = torch.tensor(sequences, device=self.device)
        dist.all_reduce(most, dist.ReduceOp.MAX)
        rows = self._rows(parts, -(-int(most) // at_once) * at_once)
        loss = sum(self.passes.look(piece, self._loss(1.0)) for piece in rows.split(at_once))
        for model in self.passes.models:
            if isinstance(model, FSDPModule):
                model.reshard()  # else the next forward pass would not notice that a checkpoint was read
        counted = torch.tensor(sequences * self.settings.model.context, device=self.device)
        loss_sum, tokens = self._over_ranks(loss / self.layout.tensor, counted / self.layout.sharers)
        return loss_sum / tokens

    def _loss(self, factor: float) -> Loss:
        return lambda logits, targets: next_byte_loss(logits, targets) * factor

    def _rows(self, parts: Sequence[Part], length: int) -> Rows:
        """The sequences of this rank, or its positions of them, filled up with some that count nothing."""
        context = self.settings.model.context
        tokens, targets = torch.zeros(length, context, dtype=torch.int64), torch.full((length, context), IGNORED)
        if parts:
            mine = [torch.cat(column) for column in zip(*parts, strict=True)]
            tokens[: len(mine[0])], targets[: len(mine[1])] = mine
        every = (tokens[:, self.positions], targets[:, self.positions], self.positions.expand(length, -1))
        return Rows(*(rows.to(self.device, non_blocking=True) for rows in every))

    def _over_ranks(self, *values: Tensor) -> list[float]:
        total = torch.stack([value.double() for value in values])
        dist.all_reduce(total)
        return total.tolist()

    # -- checkpoints ------------------------------------------------------------------------------

    def state(self) -> State:
        """The live tensors, under names that are equal in every layout: a checkpoint is read into them in place."""
        model = {name: weight.detach() for name, weight in self.weights.items()}
        moments = {
            f"{name}.{key}": value
            for name, weight in self.weights.items()
            for key, value in self.optimizer.state[weight].items()
        }
        scale = {key: torch.tensor(value, dtype=torch.float64) for key, value in self.scale.state().items()}
        return {"model": model, "optimizer": moments, "loss_scale": scale}

    def load(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from such a state, whether it was read in place or is a copy."""
        mine = self.state()
        for kind in ("model", "optimizer"):
            for name, tensor in mine[kind].items():
                local(tensor).copy_(local(state[kind][name]))
        self.scale.load({key: float(value) for key, value in state["loss_scale"].items()})
