"""What AWS and boto3 refuse becomes one line that says what to do."""

import platform
import sys
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    LoginRefreshRequired,
    LoginTokenLoadError,
    MissingDependencyException,
    NoRegionError,
    ParamValidationError,
    ProxyConnectionError,
    ReadTimeoutError,
    RefreshWithMFAUnsupportedError,
    SSLError,
    StubResponseError,
    UnauthorizedSSOTokenError,
)

from lambdatuning import __version__
from lambdatuning.cloud.aws_errors import explain, explaining
from lambdatuning.core.errors import (
    CredentialsError,
    LambdaTuningError,
    NotFoundError,
    UnexpectedError,
    UsageError,
    closest,
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
        (ParamValidationError(report="x"), UsageError, "fix that argument"),
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
    explained = explain(error)
    assert type(explained) is leaf
    assert words in str(explained)
    assert "\n" not in str(explained)


def test_who_may_not_what_is_kept() -> None:
    message = "User: me is not authorized to perform: states:StartExecution on resource: y"
    assert message in str(explain(answered("AccessDeniedException", 403, message)))


def test_what_is_unknown_is_named_as_ours_with_a_line_to_report() -> None:
    ours = LambdaTuningError("x")
    assert explain(ours) is ours
    explained = str(explain(ZeroDivisionError("division\nby zero")))
    assert explained.startswith(
        "this is a fault of lambdatuning, not of yours (division by zero); please report this "
        f"line: lambdatuning {__version__}, Python {platform.python_version()}, {sys.platform}, "
        "ZeroDivisionError in "
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Invalid value"),
        UnicodeEncodeError("ascii", "\u20ac", 0, 1, "ordinal not in range(128)"),
        KeyError("x"),
        StubResponseError(operation_name="x", reason="y"),
    ],
)
def test_aws_is_not_blamed_for_what_it_did_not_say(error: Exception) -> None:
    explained = explain(error)
    assert type(explained) is UnexpectedError
    assert "AWS" not in str(explained)
    assert type(error).__name__ in str(explained)


def test_the_line_to_report_names_the_place_in_the_package() -> None:
    with pytest.raises(TypeError) as caught:
        closest("x", None)  # type: ignore[arg-type]
    assert "TypeError in lambdatuning/core/errors.py:" in str(explain(caught.value))


OUR_FAULTS = {
    "AwsChunkedWrapperError",
    "BotoCoreError",
    "InvalidExpressionError",
    "MD5UnavailableError",
    "MissingParametersError",
    "OperationNotPageableError",
    "PaginationError",
    "StubAssertionError",
    "StubResponseError",
    "UnStubbedResponseError",
    "UnknownClientMethodError",
    "UnknownServiceStyle",
    "UnknownSignatureVersionError",
    "UnseekableStreamError",
    "UnsupportedSignatureVersionError",
    "WaiterConfigError",
}


def every_error_of_botocore() -> list[type[exceptions.BotoCoreError]]:
    classes = [exceptions.BotoCoreError]
    for kind in classes:
        classes += [
            each for each in kind.__subclasses__() if each.__module__ == exceptions.__name__
        ]
    return classes


@pytest.mark.parametrize("kind", every_error_of_botocore(), ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_has_its_advice_or_is_ours(
    kind: type[exceptions.BotoCoreError],
) -> None:
    class Named(dict[str, str]):
        def __missing__(self, name: str) -> str:
            return name

    error: exceptions.BotoCoreError = kind.__new__(kind)  # type: ignore[call-overload]
    Exception.__init__(error, kind.fmt.format_map(Named()))
    error.kwargs = {}
    explained = explain(error)
    assert "AWS refused" not in str(explained)
    assert (type(explained) is UnexpectedError) == (kind.__name__ in OUR_FAULTS)


def test_a_line_break_in_credentials_is_reported() -> None:
    inner = ValueError("Invalid header value b'AWS4-HMAC-SHA256 x\\n'")
    explained = explain(HTTPClientError(error=inner))
    assert type(explained) is CredentialsError
    assert "a line break" in str(explained)


def test_what_a_disk_refuses_names_the_file() -> None:
    explained = explain(OSError(28, "No space left on device", "/x/y"))
    assert str(explained) == "/x/y: No space left on device; fix that, then try again"
    assert "AWS_CA_BUNDLE" in str(explain(SSLError(endpoint_url="https://x", error="y")))


def test_errors_of_aws_are_explained_and_other_errors_pass_as_they_are() -> None:
    @explaining()
    def raising(error: Exception) -> None:
        raise error

    with pytest.raises(NotFoundError, match="check its name and account") as caught:
        raising(answered("NoSuchBucket", 404))
    assert isinstance(caught.value.__cause__, ClientError)
    with pytest.raises(CredentialsError, match="pass --region"):
        raising(NoRegionError())
    for error in (KeyError("x"), FileNotFoundError("y")):
        with pytest.raises(type(error)):
            raising(error)
