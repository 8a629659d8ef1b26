"""The door to AWS: each way in which it stays shut is one line that says what to do."""

from pathlib import Path

import pytest

from lambdatuning.cloud.session import connect
from lambdatuning.core.errors import CredentialsError, UsageError
from lambdatuning.local import endpoint

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


def test_the_session_of_a_role_lies_where_the_aws_cli_keeps_its_own(
    nobody: pytest.MonkeyPatch, tmp_path: Path, running: endpoint.LocalEndpoint
) -> None:
    """So that one MFA code serves the AWS CLI, us, and the kernels of reports."""
    nobody.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / "config").write_text(
        "[profile role]\nregion = eu-west-1\nsource_profile = keys\n"
        "role_arn = arn:aws:iam::111122223333:role/tuning\n"
        "[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    nobody.setenv("AWS_ENDPOINT_URL", running.url)
    assert ":assumed-role/tuning/" in connect(profile="role").caller_arn
    assert len(list((tmp_path / ".aws/cli/cache").glob("*.json"))) == 1


def test_other_tools_bypass_the_proxy_by_environment(
    nobody: pytest.MonkeyPatch, running: endpoint.LocalEndpoint
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"):
        nobody.delenv(name, raising=False)
    assert endpoint.environment_for(running.url) == running.environment
    nobody.setenv("HTTP_PROXY", NOBODY)
    nobody.setenv("NO_PROXY", "intranet")
    given = endpoint.environment_for(running.url)
    assert given["NO_PROXY"] == given["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_an_embedded_aws_needs_no_login_no_region_and_no_proxy(
    nobody: pytest.MonkeyPatch, running: endpoint.LocalEndpoint
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"):
        nobody.setenv(name, NOBODY)
    cloud = connect(endpoint_url=running.url)
    assert (cloud.kind, cloud.region) == ("embedded", running.region)
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    nobody.setenv("AWS_ENDPOINT_URL", running.url)
    assert connect(region="eu-west-1").region == "eu-west-1"


def test_sessions_share_what_describes_the_services(running: endpoint.LocalEndpoint) -> None:
    one, other = connect(endpoint_url=running.url), connect(endpoint_url=running.url)
    assert one.session is not other.session
    models = [c.client("s3").meta.service_model.metadata for c in (one, other)]
    assert models[0] is models[1]


@pytest.mark.parametrize(
    "url",
    [
        *("foo", "127.0.0.1:4566", "http://", "http://[::1", "ftp://x", "http://exa mple"),
        *("http://x:99999", "http://x\n"),
    ],
)
def test_an_endpoint_that_is_no_address_is_refused(nobody: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(UsageError, match="is no address; write it like http://127"):
        connect(region="us-east-1", endpoint_url=url)
    nobody.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(UsageError, match="is no address"):
        connect(region="us-east-1")
