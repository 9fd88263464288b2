"""The arithmetic of a run. Weights, gradient sums over ranks and the optimizer are fp32 in every kind.

- fp32: products of matrices keep all their bits: TF32 is off
- bf16: on GPUs of compute capability 8.0
- fp16: the loss is scaled, for gradients below 6e-8 would be zero
- fp8: products of the blocks' matrices, the rest as bf16; needs torchao and compute capability 8.9
"""

from __future__ import annotations

import importlib.util

import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy

from lm.settings import Precision

_COMPUTE = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp8": torch.bfloat16}
_BF16_CAPABILITY, _FP8_CAPABILITY = (8, 0), (8, 9)
_FP8_MULTIPLE = 16  # both sides of a matrix that fp8 kernels take

FIRST_SCALE = 2.0**16
SMALLEST_SCALE = 2.0**-14  # 30 steps without a finite gradient, one after the other: it is not the scale
GROWTH, BACKOFF = 2.0, 0.5
GROWTH_STEPS = 2000  # good ones in a row before the scale grows


def turn_tf32_off() -> None:
    """Products of fp32 matrices keep all 24 bits of fp32, for the whole process; TF32 would keep 11 on tensor cores.

    It is torch's default, but NVIDIA's images turn TF32 on (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1).
    """
    torch.set_float32_matmul_precision("highest")


def mixed_precision(precision: Precision, device_type: str) -> MixedPrecisionPolicy | None:
    """What FSDP2 casts weights to for a block's work; None for fp32. Gradients are summed over ranks in fp32.

    Raises ValueError where the GPU has no bf16.
    """
    if precision.kind == "fp32":
        return None
    compute = _COMPUTE[precision.kind]
    if compute is torch.bfloat16 and device_type == "cuda":
        _check_capability(precision.kind, torch.device(device_type), _BF16_CAPABILITY, "fp16")
    return MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32)


def _check_capability(kind: str, device: torch.device, needed: tuple[int, int], instead: str) -> None:
    found = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
    if found is None or found < needed:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
        has = f"{name} has {found[0]}.{found[1]}" if found else f"this runs on {name}"
        raise ValueError(
            f"precision.kind {kind} needs a GPU of compute capability {needed[0]}.{needed[1]}, and {has}: "
            f"take precision.kind={instead}"
        )


def convert_fp8(model: nn.Module, device: torch.device, *, emulate: bool = False) -> None:
    """Products of the blocks' matrices in fp8, weights kept as they are under their names. Comes before all sharding.

    The head stays in bf16: errors of logits are errors of the loss. Casts to fp8 are worth it with
    precision.compile alone. `emulate` rounds as fp8 does and multiplies in fp32, on any device: slow, to check with.
    Raises ValueError where torchao, the GPU or the sizes of the model do not allow it.
    """
    if not emulate:
        _check_capability("fp8", device, _FP8_CAPABILITY, "bf16")
    if importlib.util.find_spec("torchao") is None:
        raise ValueError("precision.kind fp8 needs torchao: `pip install torchao`, or take precision.kind=bf16")
    suited = {name for name, module in model.named_modules() if _suits_fp8(name, module)}
    if not suited:
        raise ValueError(
            f"precision.kind fp8 finds no matrix whose sides are multiples of {_FP8_MULTIPLE}: "
            f"take such a model.width, or precision.kind=bf16"
        )
    from torchao.float8 import Float8LinearConfig, convert_to_float8_training

    config = Float8LinearConfig(emulate=emulate, pad_inner_dim=True)  # whatever the number of tokens
    convert_to_float8_training(model, config=config, module_filter_fn=lambda _, name: name in suited)


def _suits_fp8(name: str, module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Linear)
        and name.startswith("blocks.")
        and module.in_features % _FP8_MULTIPLE == 0
        and module.out_features % _FP8_MULTIPLE == 0
    )


class LossScale:
    """What an fp16 loss is multiplied by before the backward pass, and the gradient divided by after it; else 1.

    Not `torch.amp.GradScaler`, which looks at the gradients that one rank holds: with sharded weights or pipeline
    stages some ranks would skip a step that others take. This one is told of the norm over all ranks.
    """

    def __init__(self, enabled: bool) -> None:  # noqa: FBT001  # LossScale(kind == "fp16") reads well
        self.enabled = enabled
        self._scale = FIRST_SCALE
        self._good_steps = 0

    @property
    def scale(self) -> float:
        return self._scale if self.enabled else 1.0

    def update(self, finite: bool) -> None:  # noqa: FBT001
        """After each step: whether the gradient's norm over all ranks was finite. If it was not, the step is skipped.

        Raises ValueError once the scale cannot be at fault.
        """
        if not self.enabled:
            return
        self._good_steps = self._good_steps + 1 if finite else 0
        if not finite:
            self._scale *= BACKOFF
        elif self._good_steps == GROWTH_STEPS:
            self._scale, self._good_steps = self._scale * GROWTH, 0
        if self._scale < SMALLEST_SCALE:
            raise ValueError(
                f"the gradient is not finite in fp16 even with the loss scaled by {self._scale:g}: "
                f"lower optimizer.rate, or take precision.kind=bf16 or fp32"
            )

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps of it; a run of another precision hands it on unchanged."""
        return {"scale": self._scale, "good_steps": self._good_steps}

    def load(self, state: dict[str, float]) -> None:
        """Go on from a checkpoint."""
        self._scale, self._good_steps = float(state["scale"]), int(state["good_steps"])
