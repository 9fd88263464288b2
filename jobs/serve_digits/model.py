"""The classifier that is served: one that digits.train has trained, or one that is made at the start, in seconds.

The latter has hidden layers that are left as they are drawn, and a last layer that is solved for in closed form (ridge
regression on random features, Rahimi & Recht 2007). On these images that is about as good as training, the same
everywhere, and as wide as one likes: a wide layer's weights are read from memory once for a batch, which is what
makes batches cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from common.files import place, read_bytes
from digits.model import BRIGHTEST, MODEL_FILE, trained
from serve_digits.settings import Model

PIXELS, DIGITS = 64, 10
SEED = 0
RIDGE = 0.1  # of the features' mean square
SHARPNESS = 10.0  # the solved scores of 0 and 1 as logits

Classifier = Callable[[list[list[float]]], list[list[float]]]  # pixels of each image in, chances of each digit out


class Wide(nn.Module):
    """Pixels (images, 64) from 0 to 16 in, logits (images, 10) out."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(SEED)
        widths = [PIXELS, *[width] * layers]
        self.hidden = nn.ModuleList(skip_init(nn.Linear, a, b) for a, b in pairwise(widths))
        for layer in self.hidden:
            nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.in_features), generator=generator)
            nn.init.normal_(layer.bias, std=0.1, generator=generator)
        self.digit = nn.Linear(width, DIGITS)

    def features(self, pixels: Tensor) -> Tensor:
        x = pixels.flatten(1) / BRIGHTEST
        for layer in self.hidden:
            x = F.relu(layer(x))
        return x

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.digit(self.features(pixels))
        return logits

    @torch.no_grad()
    def solve(self, pixels: Tensor, labels: Tensor) -> None:
        """The last layer that comes nearest to 1 for an image's own digit and 0 for all others."""
        x = self.features(pixels)
        x = torch.cat((x, torch.ones(len(x), 1)), dim=1).double()
        kernel = x @ x.T  # images x images: there are fewer of them than of features
        kernel += RIDGE * kernel.diagonal().mean() / len(x) * torch.eye(len(x), dtype=torch.float64)
        solved = SHARPNESS * x.T @ torch.linalg.solve(kernel, F.one_hot(labels, DIGITS).double())
        self.digit.weight.copy_(solved[:-1].T)
        self.digit.bias.copy_(solved[-1])


def model(settings: Model) -> nn.Module:
    """For use. Raises ValueError if the run has no model."""
    if not settings.storage:
        return made(settings.width, settings.layers)
    files, folder = place(settings.storage)
    try:
        return trained(read_bytes(files, f"{folder}/{settings.name}/{MODEL_FILE}"))
    except FileNotFoundError:
        raise ValueError(
            f"storage {settings.storage} has no {settings.name}/{MODEL_FILE}; train one: ray job submit "
            f"--working-dir jobs -- python -m digits.train storage={settings.storage} name={settings.name}"
        ) from None


def made(width: int, layers: int) -> Wide:
    """From the images that digits.train learns from; every fifth image is held out, there and here."""
    from digits.train import digits, split

    learnt, _ = split(digits())
    wide = Wide(width, layers)
    wide.solve(torch.tensor(learnt["image"]).float(), torch.tensor(learnt["label"]))
    return wide.eval()


def classifier(settings: Model) -> Classifier:
    """For one thread at a time."""
    torch.set_num_threads(settings.threads)
    net = model(settings)

    def classify(images: list[list[float]]) -> list[list[float]]:
        with torch.inference_mode():
            pixels = torch.tensor(images, dtype=torch.float32).view(len(images), 8, 8)
            chances: list[list[float]] = net(pixels).softmax(1).tolist()
        return chances

    return classify
