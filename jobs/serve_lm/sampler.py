"""The next token of each of several sequences, every one by its own temperature, top_p and random number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

GREEDY = 0.0


@dataclass(frozen=True)
class Choice:
    """How to choose: by temperature (0: the likeliest) among the likeliest tokens that have `top_p` of the chance."""

    temperature: float = 1.0
    top_p: float = 1.0
    random: float = 0.0  # uniform in [0, 1): the same number chooses the same token, whoever else is in the batch


def sample(logits: Tensor, choices: Sequence[Choice]) -> list[int]:
    """One token for each row of the logits (sequences, vocabulary)."""
    likeliest: list[int] = logits.argmax(-1).tolist()
    rows = [i for i, choice in enumerate(choices) if choice.temperature > GREEDY]
    if rows:
        for i, token in zip(rows, _drawn(logits[rows], [choices[i] for i in rows]), strict=True):
            likeliest[i] = token
    return likeliest


def _drawn(logits: Tensor, choices: Sequence[Choice]) -> list[int]:
    """By the inverse of the cumulative distribution, likeliest first."""
    heat, top_p, at = (torch.tensor(v, dtype=torch.float64)[:, None] for v in zip(*map(_numbers, choices), strict=True))
    chances, tokens = (logits.double() / heat).softmax(-1).sort(descending=True, stable=True)
    before = chances.cumsum(-1) - chances
    chances = chances.where(before < top_p, 0)
    chances[:, 0] = chances[:, 0].clamp_min(torch.finfo(torch.float64).tiny)  # a top_p of 0 takes the likeliest
    cumulative = chances.cumsum(-1)
    place = torch.searchsorted(cumulative, at * cumulative[:, -1:], right=True).clamp_max(logits.shape[-1] - 1)
    drawn: list[int] = tokens.gather(-1, place)[:, 0].tolist()
    return drawn


def _numbers(choice: Choice) -> tuple[float, float, float]:
    return choice.temperature, choice.top_p, choice.random
