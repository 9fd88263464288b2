"""The same classifier behind LitServe, with its own dynamic batching: a peer to measure against. Needs litserve.

python -m serve_digits.litserve_app port=8001 max_batch=32 timeout_s=0.005

`max_batch=1` is LitServe without batching.
"""

import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import litserve

from common.settings import AtLeast, load, said
from serve_digits.api import Image, Pixels, answer
from serve_digits.model import Classifier, classifier
from serve_digits.settings import Model


@dataclass(frozen=True)
class Settings:
    host: str = said("127.0.0.1", "to listen at")
    port: int = said(8001, "to listen at", AtLeast(1))
    max_batch: int = said(32, "images of a batch; 1: no batching", AtLeast(1))
    timeout_s: float = said(0.005, "that a batch is waited for", AtLeast(0))
    workers: int = said(1, "processes, each with a copy of the model", AtLeast(1))
    model: Model = field(default_factory=Model)


class Digits(litserve.LitAPI):
    """LitServe hands `predict` a list of images, or one image where there is no batching."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(max_batch_size=settings.max_batch, batch_timeout=settings.timeout_s)
        self.settings = settings
        self.classify: Classifier | None = None

    def setup(self, device: str) -> None:
        self.classify = classifier(self.settings.model)

    # LitServe takes the annotation for the type of a request: it must be no text, as `annotations` would make it
    def decode_request(self, request: Image) -> Pixels:
        return request.flat

    def predict(self, x: Any) -> Any:
        assert self.classify is not None  # noqa: S101 (LitServe calls `setup` first)
        return self.classify(x) if self.settings.max_batch > 1 else self.classify([x])[0]

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        return answer(output)


def main() -> None:
    settings = load(Settings, sys.argv[1:], Path(__file__).parent / "settings")
    for end in (signal.SIGINT, signal.SIGTERM):  # LitServe ends its processes upon the first alone, if it hears it
        signal.signal(end, signal.default_int_handler)
    server = litserve.LitServer(Digits(settings), accelerator="cpu", workers_per_device=settings.workers)
    server.run(host=settings.host, port=settings.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    from serve_digits.litserve_app import main as by_name  # so that its processes import this module by its name

    by_name()
