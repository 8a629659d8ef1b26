"""What an error of boto3 means: one line that says what to do, in place of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidConfigError,
    InvalidRegionError,
    LoginError,
    MissingDependencyException,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from ..core.errors import (
    CredentialsError,
    LambdaTuningError,
    NotFoundError,
    UsageError,
    denied_by,
)

LOOPBACK = {"127.0.0.1", "localhost", "::1"}

LOGIN = "run `aws configure`, export AWS_PROFILE, or use --local for the embedded AWS"

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
"""Codes of a login that was good before."""

_Leaf = type[LambdaTuningError]


def explain(error: Exception) -> LambdaTuningError:
    """The error of ours that says in one line what one of boto3 means; any other is raised."""
    if isinstance(error, LambdaTuningError):
        return error
    if isinstance(error, ClientError):
        return _answered(error)
    if isinstance(error, EndpointConnectionError):
        return _unreachable(error)
    for kinds, leaf, advice in _MEANINGS:
        if isinstance(error, kinds):
            return leaf(f"{_one_line(error)}; {advice}")
    raise error


def login_ended(error: BaseException) -> bool:
    """Whether a login that was good before is over: a run that goes on meanwhile is not lost."""
    if isinstance(error, ClientError):
        return error.response["Error"].get("Code") in EXPIRED
    ended = LoginError | RefreshWithMFAUnsupportedError | SSOError | TokenRetrievalError
    return isinstance(error, ended | UnauthorizedSSOTokenError | CredentialRetrievalError)


def with_remains(error: BaseException, remains: str) -> BaseException:
    """The error with what could not be undone after it: the cause stays what is said first."""
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt(f"stopped; {remains}")
    if not isinstance(error, Exception):
        return error
    explained = explain(error)
    return type(explained)(f"{explained}; {remains}")


@contextmanager
def undoing(undo: Callable[[], object], what: str) -> Iterator[None]:
    """After an error `undo` is called; where that fails too, both are told, the cause first."""
    try:
        yield
    except BaseException as cause:
        try:
            undo()
        except Exception as failure:
            raise with_remains(cause, f"{what} is left: {explain(failure)}") from cause
        raise


def _answered(error: ClientError) -> LambdaTuningError:
    """What AWS itself says."""
    code = str(error.response["Error"].get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    leaf, advice = _of_code(code, status)
    if denial := denied_by(str(error)):
        return LambdaTuningError(
            f"{_one_line(error)}; {denial} forbids it, whatever your own permissions are: ask who "
            "administers the organisation or the account"
        )
    if leaf is CredentialsError:
        return leaf(f"the AWS credentials are {advice} ({code}): {LOGIN}")
    return leaf(f"{_one_line(error)}; {advice}")


def _of_code(code: str, status: int) -> tuple[_Leaf, str]:
    for codes, leaf, advice in _ANSWERS:
        if code in codes:
            return leaf, advice
    if "Throttl" in code:
        return LambdaTuningError, _BUSY
    if status >= 500:
        return LambdaTuningError, "AWS has a fault of its own: try again in a minute"
    return LambdaTuningError, _REFUSED


def _unreachable(error: EndpointConnectionError) -> LambdaTuningError:
    url = str(error.kwargs.get("endpoint_url", ""))
    if urlsplit(url).hostname in LOOPBACK:
        advice = "is the endpoint running? (`lambdatuning local` starts the embedded one)"
    else:
        advice = "is the network up, the region's name right, and the service offered there?"
    return LambdaTuningError(f"{url} cannot be reached; {advice}")


_BUSY = "AWS is busy with this account's requests: try again in a minute"
_REFUSED = "AWS refused; mend that first"

_ANSWERS: tuple[tuple[set[str], _Leaf, str], ...] = (
    (EXPIRED, CredentialsError, "expired"),
    (
        {
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
        },
        CredentialsError,
        "unknown, or the region is not enabled for the account",
    ),
    (
        {"InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"},
        CredentialsError,
        "wrong, or this machine's clock is",
    ),
    (
        {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"},
        LambdaTuningError,
        "have that permission granted to you",
    ),
    (
        {"RequestLimitExceeded", "SlowDown", "TooManyRequestsException"},
        LambdaTuningError,
        _BUSY,
    ),
    ({"NoSuchBucket"}, NotFoundError, "check its name and account"),
)

_MEANINGS: tuple[tuple[tuple[type[Exception], ...], _Leaf, str], ...] = (
    ((ProfileNotFound,), UsageError, "`aws configure list-profiles` names the known ones"),
    ((NoRegionError,), CredentialsError, "pass --region or export AWS_REGION"),
    ((InvalidRegionError,), UsageError, "a region is called like eu-west-1"),
    ((ParamValidationError,), UsageError, "mend that argument"),
    ((ConfigParseError, InvalidConfigError), CredentialsError, "mend the AWS configuration"),
    (
        (TokenRetrievalError, UnauthorizedSSOTokenError, SSOError),
        CredentialsError,
        "the SSO login has expired; run `aws sso login`",
    ),
    ((LoginError,), CredentialsError, "log in again with `aws login`"),
    (
        (RefreshWithMFAUnsupportedError,),
        CredentialsError,
        "the role's session is over, and its MFA code can be asked for in a terminal alone: run "
        "`aws sts get-caller-identity` there, then try again",
    ),
    (
        (MissingDependencyException,),
        CredentialsError,
        "run `pip install 'boto3[crt]'`, which profiles of `aws login` need",
    ),
    (
        (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError),
        CredentialsError,
        LOGIN,
    ),
    (
        (ProxyConnectionError,),
        LambdaTuningError,
        "mend HTTPS_PROXY, or name in NO_PROXY what is reached without it",
    ),
    ((HTTPClientError,), LambdaTuningError, "is the network up? try again"),
    ((BotoCoreError, ValueError), LambdaTuningError, _REFUSED),
)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(" .:")
