"""How long credentials hold, from where boto3's own chain finds them, and clients that say clearly what is wrong."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spillover.adapters.aws_credentials import warn_of_unknown_end
from spillover.adapters.aws_session import AwsSession
from spillover.errors import ProviderError

KEYS = "aws_access_key_id = AKIDKNOWN\naws_secret_access_key = s3cr3t-key\n"
TOKEN = KEYS + "aws_session_token = t0k3n\n"
END = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()

Until = Callable[..., float | None]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own, nothing in the environment, and no machine whose role could be asked for."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    warn_of_unknown_end.cache_clear()


@pytest.fixture
def until(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Until:
    """Write ~/.aws and the environment, and ask until when the credentials hold."""

    def ask(credentials: str = "", config: str = "", **environ: str) -> float | None:
        (tmp_path / "credentials").write_text(credentials)
        (tmp_path / "config").write_text(config)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return AwsSession({"type": "aws", "region": "us-west-2"}).usable_until()

    return ask


def test_keys_of_a_user_do_not_end(until, caplog):
    """Keys without a session token have no end, whatever stands beside them, and nothing is warned of."""
    assert until(f"[default]\n{KEYS}aws_expiration = 2030-01-02T03:04:05Z\n") is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    "noted",
    [
        "x_security_token_expires = 2030-01-02T03:04:05+00:00",
        "x_security_token_expires = 2030-01-02T05:04:05+02:00",
        "aws_expiration = 2030-01-02T03:04:05.000Z",
        "expiration = 2030-01-02 03:04:05",
    ],
)
def test_the_end_that_tools_note_beside_temporary_keys_counts(noted, until):
    """In the forms in which saml2aws, aws-azure-login and aws-mfa write it."""
    assert until(f"[default]\n{TOKEN}{noted}\n") == END


@pytest.mark.parametrize("noted", ["", "aws_expiration = soon\n"])
def test_an_unknown_end_is_no_end_and_is_warned_of_once(noted, until, caplog):
    """Launches go on with a session token whose end nobody notes; one line says so."""
    assert until(f"[default]\n{TOKEN}{noted}") is None
    assert until(f"[default]\n{TOKEN}{noted}") is None
    assert [r.levelno for r in caplog.records if "spillover" in r.name] == [logging.WARNING]
    assert "temporary" in caplog.text
    assert "t0k3n" not in caplog.text


def test_the_environments_end_counts(until):
    """AWS_CREDENTIAL_EXPIRATION, as `aws configure export-credentials` writes it; also when it has passed."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_SESSION_TOKEN": "z"}
    assert until(**keys, AWS_CREDENTIAL_EXPIRATION="2030-01-02T03:04:05Z") == END
    assert until(**keys, AWS_CREDENTIAL_EXPIRATION="2020-01-01T00:00:00Z") == 1577836800.0


def test_web_identity_renews_itself(until, tmp_path):
    """A role that is assumed with a token file has no end."""
    (tmp_path / "jwt").write_text("x")
    role = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "jwt")}
    assert until(**role) is None


def test_a_role_ends_with_the_credentials_that_it_is_assumed_with(until):
    """It is assumed again and again: with a user's keys for ever, with temporary keys until their end."""
    config = "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
    assert until(f"[base]\n{KEYS}", config, AWS_PROFILE="p") is None
    assert until(f"[base]\n{TOKEN}aws_expiration = 2030-01-02T03:04:05Z\n", config, AWS_PROFILE="p") == END


def test_a_role_that_needs_a_code_is_refused(until, tmp_path):
    """Nobody is there to type an MFA code, and botocore would wait for it."""
    config = "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/u\n"
    until(f"[base]\n{KEYS}", config, AWS_PROFILE="p")
    with pytest.raises(ProviderError, match="profile 'p' asks for an MFA code"):
        AwsSession({"region": "us-west-2"}).client("ec2")


@pytest.mark.parametrize(("more", "expected"), [({}, END), ({"refreshToken": "r"}, None)])
def test_sso_ends_with_the_sign_in(more, expected, until, tmp_path):
    """The role's keys are taken anew until the cached sign-in ends; one that renews itself ends at a time nobody tells."""
    url = "https://example.awsapps.com/start"
    cache = tmp_path / ".aws/sso/cache"
    cache.mkdir(parents=True)
    token = {"accessToken": "s3cr3t", "expiresAt": "2030-01-02T03:04:05UTC", **more}
    (cache / f"{hashlib.sha1(url.encode()).hexdigest()}.json").write_text(json.dumps(token))
    role = "sso_account_id = 1\nsso_role_name = r\nsso_region = us-west-2\n"
    assert until(config=f"[default]\nsso_start_url = {url}\n{role}") == expected


def test_credentials_that_were_renewed_in_the_file_are_found(until, tmp_path):
    """Each look reads ~/.aws anew: somebody may have signed in again meanwhile."""
    until(f"[default]\n{TOKEN}aws_expiration = 2020-01-02T03:04:05Z\n")
    session = AwsSession({"region": "us-west-2"})
    before = session.client("ec2")
    assert session.usable_until() is not None
    (tmp_path / "credentials").write_text(f"[default]\n{TOKEN}aws_expiration = 2030-01-02T03:04:05Z\n")
    assert session.usable_until() == END
    after = session.client("ec2")
    assert after is not before
    assert session.usable_until() == END
    assert session.client("ec2") is after


def test_refused_credentials_are_not_used_again(until):
    """After EC2 says that they have expired, the next call looks for others."""
    from botocore.exceptions import ClientError

    until(f"[default]\n{KEYS}")
    session = AwsSession({"region": "us-west-2"})
    before = session.client("ec2")
    with pytest.raises(ProviderError, match="ExpiredToken"), session.asking("DescribeInstances"):
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "m"}}, "DescribeInstances")
    assert session.client("ec2") is not before


def test_no_credentials_are_said(until):
    """With what to do about it, when they are asked for and when a call finds none."""
    with pytest.raises(ProviderError, match=r"^no AWS credentials: .*AWS_PROFILE"):
        until()
    session = AwsSession({"region": "us-west-2"})
    with (
        pytest.raises(ProviderError, match=r"^DescribeRegions: no AWS credentials: "),
        session.asking("DescribeRegions"),
    ):
        session.client("ec2").describe_regions()


def test_keys_in_the_cluster_yaml_win(caplog):
    """Without a token they have no end; with one the end is unknown, and warned of."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
    assert AwsSession({"region": "us-west-2", "aws_credentials": keys}).usable_until() is None
    assert caplog.text == ""
    assert (
        AwsSession({"region": "us-west-2", "aws_credentials": keys | {"aws_session_token": "t"}}).usable_until() is None
    )
    assert "aws_session_token in provider.aws_credentials" in caplog.text


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        ({"profile": "p"}, "aws_credentials.profile: boto3.resource, .* takes no profile; set AWS_PROFILE"),
        ({"aws_acces_key_id": "x"}, "did you mean 'aws_access_key_id'"),
        (
            {"aws_access_key_id": "x", "aws_secret_access_key": "y", "endpoint_url": "nowhere"},
            "Invalid endpoint: nowhere",
        ),
        ({"aws_access_key_id": "x"}, "Partial credentials"),
    ],
)
def test_what_ray_could_not_use_is_refused(credentials, said):
    """`aws_credentials` holds arguments of boto3.resource, as for Ray; the error names the key and the remedy."""
    with pytest.raises(ProviderError, match=said):
        AwsSession({"region": "us-west-2", "aws_credentials": credentials}).client("ec2")


def test_a_region_is_needed():
    """Ray needs one too."""
    with pytest.raises(ProviderError, match="no 'region'"):
        AwsSession({"aws_credentials": {"aws_access_key_id": "x", "aws_secret_access_key": "y"}}).client("ec2")


def test_without_boto3_the_extra_is_named(monkeypatch):
    """Those who have no pool on AWS need no boto3; those who have are told how to get it."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ProviderError, match=r"pip install 'spillover\[aws\]'"):
        AwsSession({"region": "us-west-2"}).client("ec2")


def test_errors_hold_no_secrets_and_calls_do_not_hang():
    """What AWS repeats of a request is cut off, keys are blotted out, and a call gives up after three tries of 20 s."""
    from botocore.exceptions import ClientError

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "s3cr3t-key"}
    session = AwsSession({"region": "us-west-2", "aws_credentials": keys})
    message = "The signature s3cr3t-key does not match.\n\nThe Canonical String was\nx-amz-security-token:t0k3n"
    with pytest.raises(ProviderError) as failed, session.asking("DescribeInstances"):
        raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": message}}, "DescribeInstances")
    assert str(failed.value) == "DescribeInstances: SignatureDoesNotMatch: The signature *** does not match."
    assert failed.value.__cause__ is None
    config = session.client("ec2").meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (5, 20, 3)
