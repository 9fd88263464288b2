"""How long AWS credentials hold: what renews itself has no end, what is temporary ends when it says.

botocore tells where credentials came from (`method`); the rest stands in the profile that they were read from.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ProviderError

if TYPE_CHECKING:
    from botocore.session import Session

_log = logging.getLogger(__name__)

_RENEWED = {"iam-role", "container-role", "assume-role-with-web-identity", "custom-process"}
"""Instance and container roles, web identity, and processes that botocore asks again."""

_ENDS_IN_THE_PROFILE = ("x_security_token_expires", "aws_expiration", "aws_session_expiration", "expiration")
"""Where tools that write temporary keys into the shared credentials file note their end (saml2aws, aws-mfa, ...)."""

NO_CREDENTIALS = (
    "no AWS credentials: boto3 looked in the environment, in ~/.aws, and for a role of this machine. "
    "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`"
)

_UNKNOWN = "AWS credentials (%s) are temporary, and do not say when they end: launches are not refused for it."


@cache
def warn_of_unknown_end(source: str) -> None:
    """Once a process: we let such credentials launch, since machines end themselves without them."""
    _log.warning(_UNKNOWN, source)


def credentials_end(core: Session, profile: str) -> float | None:
    """Unix seconds until which the credentials of botocore's chain hold; None for those without an end.

    So are temporary ones whose end cannot be known, with a warning. Raises ProviderError if there are none.
    """
    found = core.get_credentials()
    if found is None:
        raise ProviderError(NO_CREDENTIALS)
    section = core.full_config.get("profiles", {}).get(profile, {})
    if found.method in _RENEWED:
        return None
    if found.method == "assume-role":
        return _source_end(profile, section)
    if found.method.startswith("sso"):
        return _sso_end(core, section, found)
    return _own_end(section, found)


def needs_a_code(core: Session, profile: str) -> bool:
    """Whether botocore would ask the person at the terminal for an MFA code. There is none."""
    section = core.full_config.get("profiles", {}).get(profile, {})
    found = core.get_credentials() if "mfa_serial" in section else None
    return found is not None and found.method == "assume-role"


def _source_end(profile: str, section: Mapping[str, Any]) -> float | None:
    """A role is assumed again and again, for as long as the credentials hold that it is assumed with."""
    from botocore.credentials import EnvProvider  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    source = section.get("source_profile")
    if source == profile:
        return _file_end(section)
    if source is not None:
        return credentials_end(Session(profile=source), source)
    found = EnvProvider().load() if section.get("credential_source") == "Environment" else None
    return _own_end({}, found) if found else None


def _own_end(section: Mapping[str, Any], found: Any) -> float | None:
    """The end that they carry, that the environment tells, or that stands beside them in their file."""
    expires = getattr(found, "_expiry_time", None)
    if found.method == "login":  # `aws login` prolongs its quarters of an hour by itself, until some hour nobody tells
        warn_of_unknown_end("aws login")
        return None
    if expires is not None:
        return float(expires.timestamp())
    if found.method in ("shared-credentials-file", "config-file"):
        return _file_end(section)
    if found.token:
        env = "AWS_SESSION_TOKEN without AWS_CREDENTIAL_EXPIRATION"
        warn_of_unknown_end(env if found.method == "env" else found.method)
    return None


def _file_end(section: Mapping[str, Any]) -> float | None:
    """The end of keys in a profile; keys without a session token have none."""
    if not {"aws_session_token", "aws_security_token"} & section.keys():
        return None
    ends = [end for key in _ENDS_IN_THE_PROFILE if (end := _moment(section.get(key))) is not None]
    if not ends:
        warn_of_unknown_end("a session token in ~/.aws")
        return None
    return min(ends)


def _sso_end(core: Session, section: Mapping[str, Any], found: Any) -> float | None:
    """The role's keys are taken again with the sign-in's token: the later of the two ends counts."""
    token = _sso_token(core, section)
    if token.get("refreshToken"):
        warn_of_unknown_end("an SSO session that renews itself")
        return None
    expires = getattr(found, "_expiry_time", None)
    ends = [_moment(token.get("expiresAt")), float(expires.timestamp()) if expires else None]
    known = [end for end in ends if end is not None]
    if not known:
        warn_of_unknown_end("SSO")
    return max(known, default=None)


def _sso_token(core: Session, section: Mapping[str, Any]) -> Mapping[str, Any]:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.utils import JSONFileCache, SSOTokenLoader  # noqa: PLC0415

    name = section.get("sso_session")
    shared = core.full_config.get("sso_sessions", {}).get(name, {}) if name else section
    cache_folder = str(Path("~/.aws/sso/cache").expanduser())
    try:
        token: Mapping[str, Any] = SSOTokenLoader(cache=JSONFileCache(cache_folder))(
            shared.get("sso_start_url", ""), session_name=name
        )
    except BotoCoreError:
        return {}
    return token


def _moment(text: Any) -> float | None:
    """A time as tools write it, with or without a zone (then UTC); None for what is none."""
    try:
        at = datetime.fromisoformat(str(text).strip().replace("UTC", "+00:00"))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
