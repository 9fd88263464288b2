"""What clients send: the part of OpenAI's API that a model of bytes can answer.

What would change the answer and is not supported is refused, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from serve_lm.batching import Request

FIRST_BYTE = b"\n"  # what an empty prompt begins with: the model needs something to go on from
UNSUPPORTED = ("tools", "functions", "logit_bias", "suffix", "audio")
ONLY: dict[str, tuple[Any, ...]] = {  # the values that mean nothing special
    "n": (None, 1),
    "best_of": (None, 1),
    "echo": (None, False),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "response_format": (None, {"type": "text"}),
}


class ApiError(Exception):
    """An answer in OpenAI's shape. `param` is the field at fault."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, retry_after_s: int = -1
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = {"Retry-After": str(retry_after_s)} if retry_after_s >= 0 else {}

    @property
    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


class StreamOptions(BaseModel):
    include_usage: bool = False


class Part(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or [])


class Asked(BaseModel, extra="allow"):
    """What both kinds of completions share."""

    model: str
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    def text(self) -> str:
        """What the model goes on from."""
        raise NotImplementedError

    @property
    def with_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def most_tokens(self) -> int | None:
        return self.max_tokens

    def check(self, model: str) -> None:
        """Raises ApiError."""
        if self.model != model:
            message = f"The model `{self.model}` does not exist; this application serves `{model}`."
            raise ApiError(404, message, param="model", code="model_not_found")
        extra = self.model_extra or {}
        refused = [name for name in UNSUPPORTED if extra.get(name)]
        refused += [name for name, allowed in ONLY.items() if extra.get(name) not in allowed]
        if refused:
            message = f"{', '.join(refused)}: not supported by this model; leave it out."
            raise ApiError(400, message, param=refused[0], code="unsupported_parameter")

    def request(self, context: int, default_max_tokens: int) -> Request:
        """Raises ApiError if it is longer than the model's context, in bytes.

        An answer of a length that was not asked for ends where the context does.
        """
        prompt = self.text().encode() or FIRST_BYTE
        asked, room = self.most_tokens, context - len(prompt)
        if room < max(asked or 1, 1):
            message = (
                f"This model's context is {context} tokens, and a token is a byte. The prompt has {len(prompt)}"
                f"{f' and the answer may have {asked}' if asked else ''}: shorten the prompt or lower max_tokens."
            )
            raise ApiError(400, message, param="max_tokens" if room > 0 else None, code="context_length_exceeded")
        return Request(
            prompt=prompt,
            max_tokens=asked or min(room, default_max_tokens),
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            stops=tuple(stop.encode() for stop in ([self.stop] if isinstance(self.stop, str) else self.stop or [])),
            seed=self.seed,
        )


class ChatAsked(Asked):
    """The model continues text: it was not taught to converse. It sees the messages' texts, one below the other."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None

    def text(self) -> str:
        return "\n".join(message.text for message in self.messages)

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CompletionAsked(Asked):
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)] = ""

    def text(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]
