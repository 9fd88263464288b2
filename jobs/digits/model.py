"""A small convolutional network for images of 8 x 8 pixels, one step of its training, and its files. No Ray in here."""

from __future__ import annotations

import io
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

MODEL_FILE = "model.pt"  # the weights: all that a user of the model needs
TRAINING_FILE = "training.pt"  # what the next epoch depends on besides
BRIGHTEST = 16  # the value of a pixel that is all ink

Progress = dict[str, float]


class Net(nn.Module):
    """Two convolutions and two layers on top: 71,658 parameters. Pixels in, for each image ten logits out."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.edges = nn.Conv2d(1, width, 3, padding=1)
        self.shapes = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.hidden = nn.Linear(2 * width * 4 * 4, 128)
        self.digit = nn.Linear(128, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels are (images, 8, 8), from 0 to 16: scaled here, so that nobody who uses the model can forget it."""
        x = pixels.float().div(BRIGHTEST).unsqueeze(1)
        x = F.relu(self.edges(x))
        x = F.max_pool2d(F.relu(self.shapes(x)), 2)
        logits: Tensor = self.digit(F.relu(self.hidden(x.flatten(1))))
        return logits


def learn(net: nn.Module, optimizer: Optimizer, pixels: Tensor, labels: Tensor) -> float:
    """One step; returns the mean loss before it, in nats an image."""
    loss = F.cross_entropy(net(pixels), labels)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.item()


def accuracy(net: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """The share of the images that it reads right."""
    with torch.inference_mode():
        return float((net(pixels).argmax(1) == labels).float().mean())


def save(folder: Path, net: nn.Module, optimizer: Optimizer, progress: Progress) -> None:
    torch.save(net.state_dict(), folder / MODEL_FILE)
    torch.save({"optimizer": optimizer.state_dict(), "progress": progress}, folder / TRAINING_FILE)


def resume(folder: Path, net: nn.Module, optimizer: Optimizer) -> Progress:
    net.load_state_dict(torch.load(folder / MODEL_FILE, weights_only=True, map_location="cpu"))
    training = torch.load(folder / TRAINING_FILE, weights_only=True, map_location="cpu")
    optimizer.load_state_dict(training["optimizer"])
    progress: Progress = training["progress"]
    return progress


def trained(model_file: bytes) -> Net:
    """The model for use, not for more training."""
    net = Net()
    net.load_state_dict(torch.load(io.BytesIO(model_file), weights_only=True, map_location="cpu"))
    return net.eval()
