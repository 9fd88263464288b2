"""How a batch goes through the layers: at once where a rank has them all, else as a pipeline of stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule

from lm.layout import Layout
from lm.model import Decoder
from lm.settings import Model

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Rows:
    """Sequences of one rank. All tensors: (sequences, positions) int64."""

    tokens: Tensor
    targets: Tensor
    positions: Tensor

    def split(self, length: int) -> list[Rows]:
        columns = (self.tokens.split(length), self.targets.split(length), self.positions.split(length))
        return [Rows(*piece) for piece in zip(*columns, strict=True)]


class Passes(Protocol):
    """What the engine asks of either. Both return the sum of the losses; a rank that does not see them has 0."""

    models: list[Decoder]

    def learn(self, rows: Rows, loss: Loss) -> Tensor:
        """Forward and backward; gradients are added to what there is."""

    def look(self, rows: Rows, loss: Loss) -> Tensor:
        """Forward alone."""


def stage_of(config: Model, stage: int, stages: int) -> Decoder:
    """The layers of one stage, without values yet."""
    with torch.device("meta"):
        model = Decoder(config)
    share = config.layers // stages
    for name in list(model.blocks):
        if int(name) // share != stage:
            del model.blocks[name]
    if stage > 0:
        model.embed = None
    if stage < stages - 1:
        model.norm = model.head = None
    return model


def stages_of_rank(layout: Layout, place: int) -> list[int]:
    """Those of the rank at this place in its pipeline. Interleaved: every rank has one early and one late stage."""
    return list(range(place, layout.stages, layout.pipeline))


class Whole:
    """All layers in one rank: a few sequences at a time, gradients summed over ranks with the last of them."""

    def __init__(self, model: Decoder, micro: int) -> None:
        self.models = [model]
        self.model, self.micro = model, micro

    def learn(self, rows: Rows, loss: Loss) -> Tensor:
        pieces = rows.split(self.micro)
        losses = []
        for number, piece in enumerate(pieces, 1):
            if isinstance(self.model, FSDPModule):
                self.model.set_is_last_backward(number == len(pieces))
                self.model.set_requires_all_reduce(number == len(pieces))
            of_piece = loss(self.model(piece.tokens, piece.positions), piece.targets)
            of_piece.backward()
            losses.append(of_piece.detach())
        return torch.stack(losses).sum()

    @torch.no_grad()
    def look(self, rows: Rows, loss: Loss) -> Tensor:
        losses = [loss(self.model(piece.tokens, piece.positions), piece.targets) for piece in rows.split(self.micro)]
        return torch.stack(losses).sum()


class Pipelined:
    """Some stages of the layers in each rank; micro-batches follow each other through them."""

    def __init__(self, models: dict[int, Decoder], layout: Layout, mesh: DeviceMesh, micro_batches: int) -> None:
        """`models` by the number of their stage; `mesh` is that of the pipeline alone."""
        # here, for to import it takes a second of CPU, which other layouts need not spend
        from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleInterleaved1F1B

        self.models = list(models.values())
        self.is_first, self.is_last = 0 in models, layout.stages - 1 in models
        self.device = next(self.models[0].parameters()).device
        self.loss: Loss | None = None
        stages = [PipelineStage(m, i, layout.stages, self.device, group=mesh.get_group()) for i, m in models.items()]
        how = {"n_microbatches": micro_batches, "loss_fn": self._loss, "scale_grads": False}
        interleaved = layout.stages_per_rank > 1
        self.schedule = ScheduleInterleaved1F1B(stages, **how) if interleaved else Schedule1F1B(stages[0], **how)

    def learn(self, rows: Rows, loss: Loss) -> Tensor:
        return self._run(self.schedule.step, rows, loss)

    @torch.no_grad()
    def look(self, rows: Rows, loss: Loss) -> Tensor:
        return self._run(self.schedule.eval, rows, loss)

    def _run(self, run: Callable[..., object], rows: Rows, loss: Loss) -> Tensor:
        self.loss, losses = loss, []
        first = (rows.tokens,) if self.is_first else ()
        last = {"target": rows.targets, "losses": losses} if self.is_last else {}
        run(*first, positions=rows.positions, return_outputs=False, **last)
        return torch.stack(losses).sum().detach() if losses else torch.zeros((), device=self.device)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Torch wants it when the schedule is made; what it is divided by changes from step to step."""
        return self.loss(logits, targets)
