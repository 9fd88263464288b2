"""LoRA: jobs/finetune/lora.py against the plain model that it adapts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

TARGETS = ("q", "v", "down")
RANK, ALPHA = 3, 6.0


@pytest.fixture
def torch() -> Any:
    module = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


@pytest.fixture
def lora(load: Callable[[str], Any], torch: Any) -> Any:
    return load("finetune.lora")


@pytest.fixture
def model(load: Callable[[str], Any], torch: Any) -> Any:
    config = load("lm.settings").Model(width=16, layers=2, heads=2, kv_heads=1, context=8, vocabulary=32)
    made = load("lm.model").Decoder(config)
    made.init_weights(0)
    return made


@pytest.fixture
def text(torch: Any) -> Any:
    """Tokens and positions of two sequences."""
    tokens = torch.randint(32, (2, 8), generator=torch.Generator().manual_seed(1))
    return tokens, torch.arange(8).expand(2, 8)


def trained(torch: Any, lora: Any, model: Any, text: Any) -> Any:
    """Adapted, and three steps on."""
    lora.adapt(model, TARGETS, RANK, ALPHA, seed=0)
    weights = list(lora.adapters(model).values())
    for _ in range(3):
        gradients = torch.autograd.grad(torch.logsumexp(model(*text), -1).square().mean(), weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.sub_(gradient)
    return model


def test_begins_as_the_base(torch: Any, lora: Any, model: Any, text: Any) -> None:
    """Before its first step an adapted model says exactly what the base says."""
    base = model(*text)
    lora.adapt(model, TARGETS, RANK, ALPHA, seed=0)
    assert torch.equal(model(*text), base)


def test_only_adapters_learn(torch: Any, lora: Any, model: Any, text: Any) -> None:
    """Training changes every adapter and no weight of the base."""
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    lora.adapt(model, TARGETS, RANK, ALPHA, seed=0)
    adapters = {name: weight.clone() for name, weight in lora.adapters(model).items()}
    after = trained(torch, SimpleNamespace(**vars(lora) | {"adapt": lambda *_, **__: None}), model, text).state_dict()
    kept = {name.replace(".base.", "."): weight for name, weight in after.items() if not name.endswith((".a", ".b"))}
    assert kept.keys() == before.keys()
    assert all(torch.equal(kept[name], weight) for name, weight in before.items())
    assert not any(torch.equal(after[name], weight) for name, weight in adapters.items())


def test_merged_weights_do_the_same(torch: Any, lora: Any, load: Any, model: Any, text: Any) -> None:
    """A plain model with the merged weights says what the adapted one says, to rounding, and not what the base said."""
    base = model(*text)
    adapted = trained(torch, lora, model, text)
    plain = load("lm.model").Decoder(model.config)
    plain.load_state_dict(lora.merged(adapted))
    assert torch.allclose(plain(*text), adapted(*text), atol=1e-6)
    assert not torch.allclose(plain(*text), base, atol=1e-3)


def test_number_of_parameters(lora: Any, model: Any) -> None:
    """What learns is rank x (inputs + outputs) of each adapted layer, and nothing else asks for a gradient."""
    lora.adapt(model, TARGETS, RANK, ALPHA, seed=0)
    inner = model.config.feed_forward_width
    a_block = RANK * ((16 + 16) + (16 + 8) + (inner + 16))  # q; v, whose one head is 8 wide; down
    learning = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert sum(weight.numel() for weight in learning.values()) == 2 * a_block
    assert learning.keys() == lora.adapters(model).keys()


def test_every_rank_begins_equal(torch: Any, lora: Any, load: Any, model: Any) -> None:
    """Adapters depend on the seed and their names alone, and differ from layer to layer."""
    other = load("lm.model").Decoder(model.config)
    torch.manual_seed(5)
    lora.adapt(model, TARGETS, RANK, ALPHA, seed=0)
    lora.adapt(other, ("q",), RANK, ALPHA, seed=0)
    here, there = lora.adapters(model), lora.adapters(other)
    assert torch.equal(here["blocks.0.attention.q.a"], there["blocks.0.attention.q.a"])
    assert not torch.equal(here["blocks.0.attention.q.a"], here["blocks.1.attention.q.a"])


def test_unknown_target(lora: Any, model: Any) -> None:
    """A target that names no layer is an error that lists what there is."""
    with pytest.raises(ValueError, match=r"lora.targets \['value'\].*'down', 'gate', 'head'"):
        lora.adapt(model, ("q", "value"), RANK, ALPHA, seed=0)


def test_text_is_split_by_document(torch: Any, load: Any, tmp_path: Any) -> None:
    """No byte is both learnt and held out, and which documents are held out follows from their names."""
    for number in range(40):
        (tmp_path / f"{number:02}.txt").write_bytes(bytes([number]) * 10)
    (tmp_path / "other.bin").write_bytes(b"z")
    found = load("finetune.text").Text.of(str(tmp_path), (".txt",))
    learnt, held_out = set(found.train.tolist()), set(found.held_out.tolist())
    assert learnt | held_out == set(range(40))
    assert not learnt & held_out
    assert len(held_out) in range(1, 10)


def test_windows_of_parts_differ(torch: Any, load: Any) -> None:
    """Targets are the tokens one byte later, and no two parts or steps share a seed."""
    text = load("finetune.text")
    tokens, targets = text.windows(torch.arange(200).to(torch.uint8), sequences=4, context=16, seed=3)
    assert torch.equal(tokens + 1, targets)
    seeds = {text.seed_of(seed, step, part, 3) for seed in (0, 1) for step in range(-1, 50) for part in range(3)}
    assert len(seeds) == 2 * 51 * 3
