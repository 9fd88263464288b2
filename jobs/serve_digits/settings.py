"""All that can be set about a served classifier: the `args` of its Serve config, or `key=value` for the peer."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.settings import AtLeast, said


@dataclass(frozen=True)
class Model:
    storage: str = said(
        "", "folder or s3:// where runs of digits.train are; empty: a model made at the start, see model.py"
    )
    name: str = said("digits", "of the run whose model.pt is served")
    width: int = said(2048, "of the hidden layers of a model made at the start", AtLeast(16))
    layers: int = said(3, "hidden ones of it", AtLeast(1))
    threads: int = said(1, "of torch", AtLeast(1))


@dataclass(frozen=True)
class Settings:
    batching: bool = said(True, "false: one image at a time, to compare with")
    latency_target_ms: float = said(100.0, "that 99 in 100 requests should keep, waiting included", AtLeast(1))
    most: int = said(64, "images of a batch, however good the times are", AtLeast(1))
    waiting: int = said(256, "requests that may wait; more are answered 503", AtLeast(1))
    retry_after_s: int = said(1, "that a client is told to wait after a 503", AtLeast(0))
    model: Model = field(default_factory=Model)
