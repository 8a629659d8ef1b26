"""The door to AWS: each way in which it stays shut is one line that says what to do."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lambdatuning.cloud.session import connect, explain
from lambdatuning.core.errors import CredentialsError, LambdaTuningError, UsageError

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No login of the machine that runs the tests."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                 "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def log_in(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_no_credentials() -> None:
    with pytest.raises(CredentialsError, match="aws configure"):
        connect(region="us-east-1", endpoint_url=NOBODY)


def test_no_region(nobody: pytest.MonkeyPatch) -> None:
    log_in(nobody)
    with pytest.raises(CredentialsError, match="--region"):
        connect()


def test_an_unknown_profile() -> None:
    with pytest.raises(UsageError, match="list-profiles"):
        connect(profile="none", region="us-east-1")


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_an_expired_login(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "x"}}, "GetCallerIdentity")
    found = explain(error)
    assert isinstance(found, CredentialsError)
    assert "expired" in str(found)
    assert "\n" not in str(found)


def test_what_is_unknown_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        explain(ZeroDivisionError())
    ours = LambdaTuningError("x")
    assert explain(ours) is ours
