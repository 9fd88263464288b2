"""The arithmetic that a model needs, and what chips can do."""

from __future__ import annotations

import pytest


@pytest.fixture
def flops(load):
    return load("lm.flops")


@pytest.fixture
def model(load):
    return load("lm.settings").Model(width=64, layers=3, heads=4, kv_heads=2, feed_forward=96, context=32)


def test_the_weights_of_matrices_are_those_of_the_model(load, flops, model):
    """The formula counts what the modules have, less norms and the table of embeddings."""
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        weights = dict(load("lm.model").Decoder(model).named_parameters())
    assert flops.multiplied_weights(model) == sum(
        w.numel() for name, w in weights.items() if w.ndim == 2 and not name.startswith("embed")
    )


def test_a_token_takes_six_operations_a_weight_and_its_attention(flops, model):
    """6 N + 12 L Q T: two operations a weight forward, four backward; scores and values over the whole context."""
    blocks = 3 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96)
    assert flops.flops_per_token(model) == 6 * (blocks + 64 * 256) + 12 * 3 * 64 * 32


def test_the_peak_is_the_dense_one_of_that_arithmetic(flops):
    """An H200 has half of its data sheet's sparse 1,979 TFLOP/s in bf16, and plain fp32 is far below TF32."""
    assert flops.peak_flops("NVIDIA H200", "bf16") == pytest.approx(1979e12 / 2, rel=1e-3)
    assert flops.peak_flops("NVIDIA H200", "fp32") == 67e12
    assert flops.peak_flops("NVIDIA H200", "tf32") == pytest.approx(989e12 / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("chip", "kind"),
    [
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "bf16"),
        ("CPU", "fp32"),
        ("Tesla V100-SXM2-16GB", "bf16"),
        ("NVIDIA A100 80GB PCIe", "fp8"),
    ],
)
def test_what_is_not_known_has_no_peak(flops, model, chip, kind):
    """A slice of a chip, a CPU and an arithmetic that the chip lacks give none, rather than a guess."""
    assert flops.peak_flops(chip, kind) is None
    assert flops.utilisation(model, 1000.0, chip, kind) is None


def test_utilisation_is_the_share_of_the_peak(flops, model):
    """As many tokens a second as the peak allows for are 1."""
    most = 312e12 / flops.flops_per_token(model)
    assert flops.utilisation(model, most / 4, "NVIDIA A100-SXM4-80GB", "bf16") == pytest.approx(0.25)
