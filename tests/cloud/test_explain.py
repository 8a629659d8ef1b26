"""What AWS and boto3 refuse becomes one line that says what to do."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    InvalidRegionError,
    LoginRefreshRequired,
    LoginTokenLoadError,
    MissingDependencyException,
    NoRegionError,
    ParamValidationError,
    ProxyConnectionError,
    ReadTimeoutError,
    RefreshWithMFAUnsupportedError,
    UnauthorizedSSOTokenError,
)

from lambdatuning.cloud.explain import explain
from lambdatuning.core.errors import (
    CredentialsError,
    LambdaTuningError,
    NotFoundError,
    UsageError,
)


def answered(code: str, status: int = 400, message: str = "x") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PublishVersion")


@pytest.mark.parametrize(
    ("error", "leaf", "words"),
    [
        (answered("ExpiredToken", 403), CredentialsError, "expired"),
        (answered("ExpiredTokenException", 403), CredentialsError, "expired"),
        (answered("RequestExpired"), CredentialsError, "expired"),
        (LoginRefreshRequired(), CredentialsError, "`aws login`"),
        (LoginTokenLoadError(error_msg="gone"), CredentialsError, "`aws login`"),
        (RefreshWithMFAUnsupportedError(), CredentialsError, "in a terminal alone"),
        (MissingDependencyException(msg="crt"), CredentialsError, r"boto3[crt]"),
        (answered("InvalidClientTokenId", 403), CredentialsError, "not enabled"),
        (answered("UnrecognizedClientException"), CredentialsError, "unknown"),
        (answered("SignatureDoesNotMatch", 403), CredentialsError, "clock"),
        (answered("AccessDeniedException", 403), LambdaTuningError, "granted"),
        (answered("TooManyRequestsException", 429), LambdaTuningError, "in a minute"),
        (answered("Throttling"), LambdaTuningError, "in a minute"),
        (answered("ThrottlingException"), LambdaTuningError, "in a minute"),
        (answered("ServiceException", 500), LambdaTuningError, "fault of its own"),
        (answered("NoSuchBucket", 404), NotFoundError, "name and account"),
        (answered("ValidationError"), LambdaTuningError, "AWS refused"),
        (NoRegionError(), CredentialsError, "a region; pass --region"),
        (InvalidRegionError(region_name="eu west"), UsageError, "eu west"),
        (ParamValidationError(report="x"), UsageError, "mend that argument"),
        (UnauthorizedSSOTokenError(), CredentialsError, "aws sso login"),
        (ProxyConnectionError(proxy_url="http://p"), LambdaTuningError, "NO_PROXY"),
        (ReadTimeoutError(endpoint_url="https://x"), LambdaTuningError, "network"),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:9/"),
            LambdaTuningError,
            "lambdatuning local",
        ),
        (
            EndpointConnectionError(endpoint_url="https://sts.eu-west-99.amazonaws.com/"),
            LambdaTuningError,
            "region's name",
        ),
    ],
)
def test_each_error_says_what_to_do(
    error: Exception, leaf: type[LambdaTuningError], words: str
) -> None:
    found = explain(error)
    assert type(found) is leaf
    assert words in str(found)
    assert "\n" not in str(found)


def test_who_may_not_what_is_kept() -> None:
    said = "User: me is not authorized to perform: states:StartExecution on resource: y"
    assert said in str(explain(answered("AccessDeniedException", 403, said)))


def test_what_is_unknown_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        explain(ZeroDivisionError())
    ours = LambdaTuningError("x")
    assert explain(ours) is ours
