"""What each kind of precision is, and the scale of an fp16 loss."""

from __future__ import annotations

import math
import sys
from types import ModuleType, SimpleNamespace

import pytest


@pytest.fixture
def precision(load):
    pytest.importorskip("torch")
    return load("lm.precision")


@pytest.fixture
def policy(load, precision):
    """The policy of a kind on a type of device."""
    kinds = load("lm.settings").Precision
    return lambda kind, device_type="cpu": precision.mixed_precision(kinds(kind=kind), device_type)


@pytest.fixture
def gpu(precision, monkeypatch):
    """Make the machine one that has a GPU of that name and capability."""

    def made(name: str, capability: tuple[int, int]):
        monkeypatch.setattr(precision.torch.cuda, "get_device_name", lambda device: name)
        monkeypatch.setattr(precision.torch.cuda, "get_device_capability", lambda device: capability)
        return precision.torch.device("cuda")

    return made


@pytest.fixture
def torchao(precision, monkeypatch):
    """A torchao that notes what it is asked to convert."""
    made = ModuleType("torchao.float8")
    made.calls = []
    made.Float8LinearConfig = SimpleNamespace
    made.convert_to_float8_training = lambda model, **how: made.calls.append((model, how))
    monkeypatch.setitem(sys.modules, "torchao", ModuleType("torchao"))
    monkeypatch.setitem(sys.modules, "torchao.float8", made)
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda name: object())
    return made


def small_model(load, **sizes):
    sizes = {"width": 32, "layers": 1, "heads": 2, "kv_heads": 1, "context": 16} | sizes
    return load("lm.model").Decoder(load("lm.settings").Model(**sizes))


def test_fp32_has_no_policy(policy):
    """Nothing is cast in fp32."""
    assert policy("fp32") is None


@pytest.mark.parametrize(("kind", "compute"), [("bf16", "bfloat16"), ("fp16", "float16"), ("fp8", "bfloat16")])
def test_the_others_compute_in_16_bits_and_sum_in_32(precision, policy, kind, compute):
    """Weights are cast for the work, gradients are summed over ranks in fp32; fp8 is bf16 around its matrices."""
    found = policy(kind)
    assert found.param_dtype is getattr(precision.torch, compute)
    assert found.reduce_dtype is precision.torch.float32


def test_a_gpu_without_bf16_is_told_of_fp16(policy, gpu):
    """Capability 7.5 is refused for bf16, with what it takes instead; the same GPU does fp16."""
    gpu("Tesla T4", (7, 5))
    with pytest.raises(ValueError, match=r"bf16 needs .* 8\.0, and Tesla T4 has 7\.5: take precision\.kind=fp16"):
        policy("bf16", "cuda")
    assert policy("fp16", "cuda") is not None


def test_tf32_is_turned_off_whoever_turned_it_on(precision):
    """Products of fp32 matrices are exact even where an image's variables say otherwise."""
    torch = precision.torch
    torch.set_float32_matmul_precision("high")
    try:
        precision.turn_tf32_off()
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.set_float32_matmul_precision("highest")


def test_fp8_needs_a_chip_that_has_it(load, precision, gpu, torchao):
    """The CPU and capability 8.0 are refused, and nothing is converted."""
    with pytest.raises(ValueError, match=r"8\.9, and this runs on the CPU: take precision\.kind=bf16"):
        precision.convert_fp8(small_model(load), precision.torch.device("cpu"))
    with pytest.raises(ValueError, match=r"8\.9, and NVIDIA A100-SXM4-80GB has 8\.0"):
        precision.convert_fp8(small_model(load), gpu("NVIDIA A100-SXM4-80GB", (8, 0)))
    assert not torchao.calls


def test_fp8_needs_torchao(load, precision, gpu, monkeypatch):
    """Where it is missing, the message says how to get it and what works without it."""
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs torchao: `pip install torchao`, or take precision\.kind=bf16"):
        precision.convert_fp8(small_model(load), gpu("NVIDIA H200", (9, 0)))


def test_fp8_takes_the_matrices_of_the_blocks_that_it_can(load, precision, gpu, torchao):
    """Both sides must be multiples of 16: not so those of 8 columns here. The head stays in 16 bits."""
    model = small_model(load, heads=4)
    precision.convert_fp8(model, gpu("NVIDIA H200", (9, 0)))
    ((converted, how),) = torchao.calls
    chosen = {name for name, module in model.named_modules() if how["module_filter_fn"](module, name)}
    assert converted is model
    assert chosen == {
        f"blocks.0.{n}"
        for n in ("attention.q", "attention.out", *(f"feed_forward.{m}" for m in ("gate", "up", "down")))
    }
    assert how["config"].emulate is False


def test_a_model_with_nothing_for_fp8_is_refused(load, precision, gpu, torchao):
    """A setting that would change nothing is a mistake."""
    with pytest.raises(ValueError, match="multiples of 16"):
        precision.convert_fp8(small_model(load, width=24, feed_forward=40), gpu("NVIDIA H200", (9, 0)))


def test_the_scale_is_halved_by_a_gradient_that_is_not_finite(precision):
    """It begins at 2**16, and each skipped step halves it."""
    scale = precision.LossScale(enabled=True)
    assert scale.scale == 65536
    scale.update(finite=False)
    scale.update(finite=False)
    assert scale.scale == 16384


def test_the_scale_doubles_after_2000_good_steps_in_a_row(precision):
    """A bad step begins the count anew."""
    scale = precision.LossScale(enabled=True)
    for finite in [*[True] * 1999, False, *[True] * 1999]:
        scale.update(finite)
    assert scale.scale == 32768
    scale.update(finite=True)
    assert scale.scale == 65536
    for _ in range(2000):
        scale.update(finite=True)
    assert scale.scale == 131072


def test_only_fp16_is_scaled(precision):
    """A scale that is not enabled is 1 whatever happens."""
    scale = precision.LossScale(enabled=False)
    for _ in range(100):
        scale.update(finite=False)
    assert scale.scale == 1.0


def test_a_gradient_that_no_scale_makes_finite_ends_the_run(precision):
    """After 31 bad steps in a row the scale cannot be at fault; the message says what to change."""
    scale = precision.LossScale(enabled=True)
    for _ in range(30):
        scale.update(finite=False)
    with pytest.raises(ValueError, match=r"not finite in fp16 .* lower optimizer\.rate"):
        scale.update(finite=False)


def test_the_scale_goes_on_from_a_checkpoint(precision):
    """Scale and count are two finite numbers, and a run of another precision between hands them on."""
    first, between, last = (precision.LossScale(enabled=e) for e in (True, False, True))
    for finite in [False, *[True] * 1999]:
        first.update(finite)
    between.load(first.state())
    between.update(finite=True)
    last.load(between.state())
    assert all(math.isfinite(value) for value in last.state().values())
    assert last.scale == 32768
    last.update(finite=True)
    assert last.scale == 65536
