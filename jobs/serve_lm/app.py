"""Serve a language model that lm.train has trained, with OpenAI's API, on Ray Serve.

serve run --working-dir jobs serve_lm.app:app storage=/shared/runs name=lm

or `serve deploy` of a config file such as serve.yaml beside this. What can be set is in settings.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray import serve

from common.arguments import arguments
from serve_lm.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


@serve.deployment
@serve.ingress()
class LanguageModel:
    """One replica: the model, its KV cache and the thread that runs them."""

    def __init__(self, settings: Settings) -> None:
        import torch

        from serve_lm.api import Card
        from serve_lm.cache import CachedDecoder
        from serve_lm.engine import Engine
        from serve_lm.weights import served

        torch.set_num_threads(settings.threads)
        found = served(settings, print)
        parameters = sum(p.numel() for p in found.model.parameters())
        metadata = {"source": found.source, "step": found.step, "parameters": parameters, "slots": settings.slots}
        self.card = Card(settings.id, found.model.config.context, metadata, settings.max_tokens, settings.retry_after_s)
        self.engine = Engine(CachedDecoder(found.model, settings.slots), settings.waiting, settings.threads)
        self.engine.start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        from serve_lm.api import api

        return api(self.engine, self.card)

    def check_health(self) -> None:
        """Ray Serve asks now and then, and replaces a replica whose engine has failed."""
        if self.engine.error is not None:
            raise RuntimeError(f"the engine has failed: {self.engine.error}")


def app(args: dict[str, Any]) -> serve.Application:
    """What `import_path: serve_lm.app:app` builds. Raises ValueError with every mistake in the args."""
    settings = arguments(Settings, args)
    return LanguageModel.options(max_ongoing_requests=settings.slots + settings.waiting).bind(settings)
