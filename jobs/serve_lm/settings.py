"""All that can be set about a served language model: the `args` of its Serve config."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.settings import AtLeast, said
from lm.settings import Model

UNTRAINED = "lm-untrained"


@dataclass(frozen=True)
class Settings:
    storage: str = said(
        "", "folder or s3:// where runs of lm.train are; empty: an untrained model of the shape under `model`"
    )
    name: str = said("lm", "of the run whose newest checkpoint is served")
    model_id: str = said("", f"what clients call it; empty: the run's name, or `{UNTRAINED}`")
    slots: int = said(16, "requests that are worked on at once", AtLeast(1))
    waiting: int = said(16, "requests that may wait for a slot; more are answered 503", AtLeast(0))
    retry_after_s: int = said(1, "that a client is told to wait after a 503", AtLeast(0))
    max_tokens: int = said(128, "of an answer, where the request does not say", AtLeast(1))
    threads: int = said(1, "of torch", AtLeast(1))
    seed: int = said(0, "of an untrained model's weights", AtLeast(0))
    model: Model = field(default_factory=Model)

    @property
    def id(self) -> str:
        return self.model_id or (self.name if self.storage else UNTRAINED)
