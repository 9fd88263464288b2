"""Serve the image classifier of digits.train on Ray Serve, in batches that keep a latency target.

serve run --working-dir jobs serve_digits.app:app model.storage=/shared/runs latency_target_ms=100

or `serve deploy` of a config file such as serve.yaml beside this. What can be set is in settings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ray import serve

from common.arguments import arguments
from serve_digits.adaptation import Lately, Seen, Terms, adapted
from serve_digits.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from serve_digits.batcher import Rule

FIRST = Terms(most=8, wait_s=0.0)  # until there is something to go by
ALONE = Terms(most=1, wait_s=0.0)


@serve.deployment
@serve.ingress()
class Classifier:
    """One replica."""

    def __init__(self, settings: Settings) -> None:
        from serve_digits.model import classifier

        self.settings = settings
        self.classify = classifier(settings.model)

    def __serve_build_asgi_app__(self) -> FastAPI:
        from serve_digits.api import api
        from serve_digits.batcher import Batcher

        terms, rule = terms_of(self.settings)
        return api(Batcher(self.classify, terms, self.settings.waiting, rule), self.settings.retry_after_s)


def terms_of(settings: Settings) -> tuple[Terms, Rule | None]:
    """What batches begin with, and what changes it."""
    if not settings.batching:
        return ALONE, None
    target_s, most = settings.latency_target_ms / 1000, settings.most

    def rule(now: Terms, seen: Sequence[Seen], lately: Lately) -> Terms:
        return adapted(now, seen, lately, target_s=target_s, most=most)

    return Terms(min(FIRST.most, most), FIRST.wait_s), rule


def app(args: dict[str, Any]) -> serve.Application:
    """What `import_path: serve_digits.app:app` builds. Raises ValueError with every mistake in the args."""
    settings = arguments(Settings, args)
    return Classifier.options(max_ongoing_requests=settings.waiting + settings.most).bind(settings)
