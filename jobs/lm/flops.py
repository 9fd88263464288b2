"""How much arithmetic a model needs, and how much a chip could do at best: their ratio is the model flops utilisation.

Activation checkpointing does some of the work twice; that is no work of the model, and not counted.
"""

from __future__ import annotations

from lm.settings import Model

# Dense rates by the vendor's data sheets, without structured sparsity, in units of 1e12 operations a second, as of
# November 2026. fp32 is the rate outside of tensor cores. By the exact name that torch.cuda.get_device_name gives: a
# slice of a chip (MIG) or a variant has another name, and an unknown name has no peak rather than a guess.
_HOPPER_SXM = {"fp32": 67.0, "tf32": 494.7, "bf16": 989.4, "fp16": 989.4, "fp8": 1978.9}
_HOPPER_NVL = {"fp32": 60.0, "tf32": 417.5, "bf16": 835.5, "fp16": 835.5, "fp8": 1670.5}
_A100 = {"fp32": 19.5, "tf32": 156.0, "bf16": 312.0, "fp16": 312.0}
_PEAKS = {
    # resources.nvidia.com/en-us-blackwell-architecture (HGX B200, of one GPU; sparse rates halved)
    "NVIDIA B200": {"fp32": 75.0, "tf32": 1100.0, "bf16": 2250.0, "fp16": 2250.0, "fp8": 4500.0},
    # www.nvidia.com/en-us/data-center/h200 (sparse rates halved; the SXM part has the H100's processor)
    "NVIDIA H200": _HOPPER_SXM,
    "NVIDIA H200 NVL": _HOPPER_NVL,
    # resources.nvidia.com/en-us-tensor-core: "NVIDIA H100 Tensor Core GPU Architecture", table 2; NVL: its data sheet
    "NVIDIA H100 80GB HBM3": _HOPPER_SXM,
    "NVIDIA H100 NVL": _HOPPER_NVL,
    "NVIDIA H100 PCIe": {"fp32": 51.2, "tf32": 378.0, "bf16": 756.0, "fp16": 756.0, "fp8": 1513.0},
    # www.nvidia.com/en-us/data-center/a100
    "NVIDIA A100-SXM4-40GB": _A100,
    "NVIDIA A100-SXM4-80GB": _A100,
    "NVIDIA A100-PCIE-40GB": _A100,
    "NVIDIA A100 80GB PCIe": _A100,
    # www.nvidia.com/en-us/data-center/l40s and /l4 (L4: sparse rates halved)
    "NVIDIA L40S": {"fp32": 91.6, "tf32": 183.0, "bf16": 362.0, "fp16": 362.0, "fp8": 733.0},
    "NVIDIA L4": {"fp32": 30.3, "tf32": 60.0, "bf16": 121.0, "fp16": 121.0, "fp8": 242.5},
    # www.nvidia.com/en-us/data-center/v100 and /tesla-t4
    "Tesla V100-SXM2-16GB": {"fp32": 15.7, "fp16": 125.0},
    "Tesla V100-SXM2-32GB": {"fp32": 15.7, "fp16": 125.0},
    "Tesla T4": {"fp32": 8.1, "fp16": 65.0},
}


def flops_per_token(model: Model) -> float:
    """Of a training step, forward and backward: 6 N + 12 L Q T (PaLM, Chowdhery et al. 2022, appendix B).

    N: weights that are multiplied with, so not the table of embeddings; L layers of queries of width Q in all, T bytes
    of context. As there, attention counts in full, though the causal half of it is never needed.
    """
    attention = 12 * model.layers * model.width * model.context
    return 6.0 * multiplied_weights(model) + attention


def multiplied_weights(model: Model) -> int:
    """Weights of matrices; those of norms and of the embedding only scale or are looked up."""
    kv_width = model.kv_heads * (model.width // model.heads)
    attention = 2 * model.width * model.width + 2 * model.width * kv_width
    feed_forward = 3 * model.width * model.feed_forward_width
    return model.layers * (attention + feed_forward) + model.width * model.vocabulary


def peak_flops(chip: str, arithmetic: str) -> float | None:
    """Operations a second at best, in `fp32`, `tf32`, `bf16`, `fp16` or `fp8`; None where we do not know."""
    tera = _PEAKS.get(chip, {}).get(arithmetic)
    return None if tera is None else tera * 1e12


def utilisation(model: Model, tokens_per_s: float, chip: str, arithmetic: str) -> float | None:
    """Model flops a second over the chip's peak in that arithmetic, 0 to 1; None where the peak is not known."""
    peak = peak_flops(chip, arithmetic)
    return None if peak is None else tokens_per_s * flops_per_token(model) / peak
