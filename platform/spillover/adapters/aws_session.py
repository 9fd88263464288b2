"""boto3 clients for the account and region that a cluster YAML's `provider` section means, as Ray's launcher reads it.

boto3 is loaded when it is first needed: it comes with `pip install 'spillover[aws]'`, and those without AWS go without.
"""

from __future__ import annotations

import difflib
import inspect
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from ..errors import ProviderError
from .aws_credentials import NO_CREDENTIALS, credentials_end, needs_a_code, warn_of_unknown_end

_CONNECT_S = 5
_READ_S = 20
_TRIES = 3
"""A call that hangs gives up after about a minute: 3 tries of at most 20 s, with botocore's back-off between them."""

_SECRETS = ("aws_secret_access_key", "aws_session_token")
_LONGEST_MESSAGE = 300
_STALE = {"AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}
"""EC2's codes for credentials that hold no more: others may lie in ~/.aws by now."""


class AwsError(ProviderError):
    """AWS did not answer, or said no. `code` is its own word for what is wrong, "" if it did not answer.

    botocore's error is left out on purpose: what AWS says of a wrong signature repeats headers, tokens too.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class AwsSession:
    """Makes clients, and tells how long their credentials hold. Its methods block, and may be called from any thread.

    `provider` is the section of the cluster YAML: `region`, and maybe `aws_credentials`, whose keys are arguments of
    boto3.resource (`aws_access_key_id`, `endpoint_url`, ...). Without keys there, boto3's own chain finds them.
    """

    def __init__(self, provider: Mapping[str, Any]) -> None:
        self._region = provider.get("region")
        self._arguments = dict(provider.get("aws_credentials") or {})
        self._core: Any = None
        self._end: float | None = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """The client of a service, one for all. Raises ProviderError."""
        with self._lock, self._asking(f"a client of {service}"):
            if service not in self._clients:
                self._clients[service] = self._make_client(service)
            return self._clients[service]

    def usable_until(self) -> float | None:
        """Until when the credentials hold (Unix seconds); None if that has no end, or none that can be known.

        They are looked for anew each time: somebody may have renewed them in ~/.aws, and clients then take those.
        Raises ProviderError if there are none.
        """
        if self._own_keys():
            if self._arguments.get("aws_session_token"):
                warn_of_unknown_end("aws_session_token in provider.aws_credentials")
            return None
        with self._lock, self._asking("the credentials"):
            core = new_session()
            end = credentials_end(core, _profile(core))
            if end != self._end:
                self._core, self._end = core, end
                self._clients.clear()
            return end

    def forget(self) -> None:
        """Look for credentials anew at the next call."""
        with self._lock:
            self._core = None
            self._clients.clear()

    @contextmanager
    def asking(self, call: str) -> Iterator[None]:
        """Turn what botocore raises within into AwsError, which names the call and AWS's code and message."""
        try:
            with self._asking(call):
                yield
        except AwsError as error:
            if error.code in _STALE:
                self.forget()
            raise

    @contextmanager
    def _asking(self, call: str) -> Iterator[None]:
        from_aws, no_credentials, from_botocore = _errors()
        try:
            yield
        except from_aws as error:
            said = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            raise AwsError(f"{call}: {code}: {self._fit(said.get('Message', ''))}", code) from None
        except no_credentials:
            raise AwsError(f"{call}: {NO_CREDENTIALS}") from None
        except (from_botocore, ValueError) as error:
            raise AwsError(f"{call}: {self._fit(str(error))}") from None

    def _fit(self, message: str) -> str:
        """Its first line, not endless and without our secrets."""
        line = message.strip().split("\n")[0].split(" Encoded authorization failure message")[0]
        for secret in filter(None, (self._arguments.get(name) for name in _SECRETS)):
            line = line.replace(str(secret), "***")
        return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 3] + "..."

    def _make_client(self, service: str) -> Any:
        core = self._session()
        known = set(inspect.signature(_boto3().Session.client).parameters) - {"self", "service_name", "region_name"}
        for name in self._arguments.keys() - known:
            raise ProviderError(f"provider.aws_credentials.{name}: {_not_an_argument(name, known)}")
        if not self._own_keys() and needs_a_code(core, _profile(core)):
            raise ProviderError(
                f"the AWS profile '{_profile(core)}' asks for an MFA code, and nobody is there to type it: "
                "use a role that needs none, or put temporary keys into the environment"
            )
        return _boto3().Session(botocore_session=core).client(service, region_name=self._region, **self._arguments)

    def _session(self) -> Any:
        if not self._region:
            raise ProviderError("the cluster YAML's provider has no 'region'")
        if self._core is None:
            self._core = new_session()
        return self._core

    def _own_keys(self) -> bool:
        return "aws_access_key_id" in self._arguments


def new_session() -> Any:
    """A botocore session whose calls, also those for credentials, do not hang. Raises ProviderError without boto3."""
    _boto3()
    from botocore.config import Config  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    core = Session()
    retries = {"mode": "standard", "total_max_attempts": _TRIES}
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    core.set_default_client_config(Config(connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries=retries))
    return core


@cache
def _loader(data_path: str | None) -> Any:
    """Read botocore's descriptions of services once for all sessions: EC2's are megabytes."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    return create_loader(data_path)


def _boto3() -> Any:
    try:
        import boto3  # noqa: PLC0415
    except ImportError:
        raise ProviderError("pools on AWS need boto3: pip install 'spillover[aws]'") from None
    return boto3


def _errors() -> tuple[type[Any], type[Any], type[Any]]:
    _boto3()
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: PLC0415

    return ClientError, NoCredentialsError, BotoCoreError


def _profile(core: Any) -> str:
    return str(core.get_config_variable("profile") or "default")


def _not_an_argument(name: str, known: set[str]) -> str:
    if name in ("profile", "profile_name"):
        return "boto3.resource, which Ray hands it to, takes no profile; set AWS_PROFILE in the environment instead"
    near = difflib.get_close_matches(name, known, n=1)
    return "is no argument of boto3.resource" + (f"; did you mean '{near[0]}'?" if near else "")
