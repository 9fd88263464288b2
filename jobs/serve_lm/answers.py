"""OpenAI's shapes of an answer, whole or in pieces."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from serve_lm.batching import Piece

Json = dict[str, Any]

DONE = b"data: [DONE]\n\n"


def event(body: Json) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


@dataclass(frozen=True)
class Answer:
    """To one request. `usage` goes with every whole answer, and with the piece of a stream that says why it ends."""

    model: str
    prompt_tokens: int
    is_chat: bool
    with_usage: bool = False  # one more piece of a stream, with nothing but the usage
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, last: Piece) -> Json:
        said = {"message": {"role": "assistant", "content": text, "refusal": None}} if self.is_chat else {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": last.finish}
        kind = "chat.completion" if self.is_chat else "text_completion"
        return self._frame(kind, choices=[choice], usage=self.usage(last.tokens))

    def first(self) -> list[Json]:
        """Who speaks, before anything is said."""
        return [self._piece({"role": "assistant", "content": ""}, None)] if self.is_chat else []

    def piece(self, piece: Piece) -> list[Json]:
        said = [self._said(piece.text)] if piece.text else []
        if piece.finish is None:
            return said
        end = self._said("", piece.finish) | {"usage": self.usage(piece.tokens)}
        rest = {"choices": [], "usage": self.usage(piece.tokens)}
        return [*said, end, *([self._frame(self._kind, **rest)] if self.with_usage else [])]

    def usage(self, tokens: int) -> Json:
        """In bytes: a token is one."""
        total = self.prompt_tokens + tokens
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": tokens, "total_tokens": total}

    @property
    def _kind(self) -> str:
        return "chat.completion.chunk" if self.is_chat else "text_completion"

    def _said(self, text: str, finish: str | None = None) -> Json:
        if self.is_chat:
            return self._piece({"content": text} if text else {}, finish)
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return self._frame(self._kind, choices=[choice])

    def _piece(self, delta: Json, finish: str | None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._frame(self._kind, choices=[choice])

    def _frame(self, kind: str, **body: Any) -> Json:
        name = f"{'chatcmpl' if self.is_chat else 'cmpl'}-{self.id}"
        return {"id": name, "object": kind, "created": self.created, "model": self.model, **body}
