"""Every error that Spillover raises on purpose.

SpilloverError
├── RequestError          somebody asked for something that cannot be done; `status` is the HTTP answer
│   ├── BadRequest        400
│   ├── Unauthenticated   401
│   ├── Forbidden         403
│   ├── NotFound          404
│   ├── PackageTooLarge   413
│   ├── MalformedBody     500, as Ray answers
│   ├── DuplicateJob      500, as Ray answers
│   ├── JobNotTerminal    500, as Ray answers
│   ├── NotInstalled      501, as Ray answers
│   └── Refused           what a client makes of any other status, which it carries
├── NoServer              a client has no Spillover server: none is known, none answers, or it is something else
├── BadArgument           an argument given to the Python SDK makes no sense; a ValueError too
├── SettingsError         the settings file is wrong; carries every mistake found
├── PoolError             a pool did not do what was asked of it
│   ├── PoolUnreachable   no answer: nothing is known about what runs there
│   ├── PoolRefused       it answered no: trying the same again will not help
│   ├── LauncherError     Ray's launcher could not raise, fold or list a launched pool
│   └── ProviderError     who rents the machines out did not answer, or said no
├── DataPlaneError        the data plane could not be started, or does not take what it is told
└── StaleClaim            a row was claimed by somebody else meanwhile: the write changed nothing
"""

from __future__ import annotations

from collections.abc import Sequence


class SpilloverError(Exception):
    """Base of all errors raised on purpose. Its text is fit to be shown to a user."""


class RequestError(SpilloverError):
    """A request that cannot be done.

    `text` is what the client is shown, `status` the HTTP status it gets.
    """

    status = 400

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadRequest(RequestError):
    """The request is malformed, or asks for what no pool can do."""


class Unauthenticated(RequestError):
    """No token was sent."""

    status = 401


class Forbidden(RequestError):
    """The token is unknown, or does not allow this."""

    status = 403


class NotFound(RequestError):
    """The thing named in the request does not exist."""

    status = 404


class PackageTooLarge(RequestError):
    """An upload is over the limit of the settings."""

    status = 413


class MalformedBody(RequestError):
    """The body is no JSON object. Ray's handler dies of it and answers 500; clients never send one."""

    status = 500


class DuplicateJob(RequestError):
    """The submission id is taken. Ray answers 500 here, and its clients expect that."""

    status = 500


class JobNotTerminal(RequestError):
    """A job that has not ended cannot be deleted. Ray answers 500 here."""

    status = 500


class NotInstalled(RequestError):
    """What the request needs is not installed here. The text says how to get it. Ray answers 501 for Serve."""

    status = 501


class Refused(RequestError):
    """A server refused, or failed, with a status that has no error of its own here."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NoServer(SpilloverError):
    """No server is known, none answers, or it is no Spillover server. The text names the address and the remedy."""


class BadArgument(SpilloverError, ValueError):
    """An argument makes no sense. The text names the argument, the value and the remedy."""


class SettingsError(SpilloverError):
    """The settings are wrong. `mistakes` holds one line for each mistake."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


class PoolError(SpilloverError):
    """A pool did not do what was asked of it."""


class PoolUnreachable(PoolError):
    """The pool did not answer: what runs there is unknown."""


class PoolRefused(PoolError):
    """The pool answered no: asking again will not help."""


class LauncherError(PoolError):
    """Ray's launcher could not raise, fold or list a pool. The text has its reason and where its log is."""


class ProviderError(PoolError):
    """Who rents out a pool's machines did not answer, or said no. The text names the call and the provider's reason."""


class DataPlaneError(SpilloverError):
    """The data plane could not be started or changed. The text has HAProxy's reason, or says what is missing."""


class StaleClaim(SpilloverError):
    """The row was claimed by somebody else meanwhile: this write changed nothing."""
