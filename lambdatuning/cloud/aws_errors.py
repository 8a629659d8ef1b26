"""What an error means: one line that says what to do, for all that AWS, boto3 or a disk raise."""

import platform
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from ..core.errors import (
    CredentialsError,
    LambdaTuningError,
    NotFoundError,
    UnexpectedError,
    UsageError,
    denied_by,
)

_PACKAGE = Path(__file__).parent.parent

LOOPBACK = {"127.0.0.1", "localhost", "::1"}

LOGIN = "run `aws configure`, export AWS_PROFILE, or use --local for the embedded AWS"

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
"""Codes of a login that was good before."""

_Leaf = type[LambdaTuningError]


def explain(error: BaseException) -> LambdaTuningError:
    """The error of ours that says in one line what another one means.

    This is the one place that knows. "AWS refused" is said of what AWS answered alone; an error
    that is not known here is a fault of ours, and says so.
    """
    if isinstance(error, LambdaTuningError):
        return error
    if isinstance(error, ClientError):
        return _answered(error)
    explained = _before_an_answer(error)
    if explained is None and isinstance(error, OSError):
        file = "" if error.filename is None else f"{error.filename}: "
        explained = LambdaTuningError(f"{file}{error.strerror or error}; fix that, then try again")
    return explained or _unexpected(error)


def _before_an_answer(error: BaseException) -> LambdaTuningError | None:
    """What boto3 says of settings, login and network, None for what it does not say."""
    if isinstance(error, boto.EndpointConnectionError):
        return _unreachable(error)
    unsent = error.kwargs.get("error") if isinstance(error, boto.HTTPClientError) else ""
    if isinstance(unsent, UnicodeError) or "header" in str(unsent):
        return CredentialsError(
            f"{_one_line(error)}; do the AWS credentials, or a name, hold a character that no "
            "request can carry, such as a line break?"
        )
    if isinstance(error, _raised_by("botocore.parsers", "ResponseParserError")):
        problem = _one_line(error).partition(", invalid")[0]  # what follows is all that came
        return LambdaTuningError(
            f"what answered does not speak as AWS does ({problem}); is the endpoint's address "
            "right, and no proxy in between?"
        )
    for kinds, leaf, advice in _MEANINGS:
        if isinstance(error, kinds):
            return leaf(f"{_one_line(error)}; {advice}")
    if isinstance(error, _raised_by("boto3.exceptions", "Boto3Error")):
        return LambdaTuningError(f"{_one_line(error)}; {_NETWORK}")
    return None


def _raised_by(module: str, name: str) -> tuple[type[Exception], ...]:
    """An exception of a module, for `isinstance` and `except`; none while that is not imported.

    What was never imported has raised nothing, and importing boto3 takes longer than reading runs
    of this machine, which is done without it.
    """
    imported = sys.modules.get(module)
    return () if imported is None else (getattr(imported, name),)


@contextmanager
def explaining() -> Iterator[None]:
    """What AWS or boto3 say within, or in the function that it decorates, is one line of ours."""
    try:
        yield
    except (
        ClientError,
        boto.BotoCoreError,
        *_raised_by("boto3.exceptions", "Boto3Error"),
    ) as exc:
        raise explain(exc) from exc


def login_ended(error: BaseException) -> bool:
    """Whether a login that was good before is over: a run that goes on meanwhile is not lost."""
    if isinstance(error, ClientError):
        return error.response["Error"].get("Code") in EXPIRED
    ended = boto.LoginError | boto.RefreshWithMFAUnsupportedError | boto.SSOError
    return isinstance(error, ended | boto.TokenRetrievalError | boto.CredentialRetrievalError)


def is_busy(error: BaseException) -> bool:
    """Whether AWS answered that it is too busy, or has a fault of its own: another try may do."""
    if not isinstance(error, ClientError):
        return False
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    return "Throttl" in code or code in _BUSY_CODES or status >= 500


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
    """After an error `undo` is called; where that fails too, both are said, the cause first."""
    try:
        yield
    except BaseException as cause:
        try:
            undo()
        except KeyboardInterrupt:
            raise with_remains(cause, f"{what} is left: undoing was interrupted") from cause
        except Exception as failure:
            raise with_remains(cause, f"{what} is left: {explain(failure)}") from cause
        raise


def _answered(error: ClientError) -> LambdaTuningError:
    """What AWS itself says."""
    if denial := denied_by(str(error)):
        return LambdaTuningError(
            f"{_one_line(error)}; {denial} forbids it, whatever your own permissions are: ask who "
            "administers the organisation or the account"
        )
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    leaf, advice = _of_code(code, status)
    if leaf is CredentialsError:
        return leaf(f"the AWS credentials are {advice} ({code}): {LOGIN}")
    answer = error.response.get("Error", {})
    bucket = str(
        answer.get("BucketName") or (code == "NoSuchBucket" and answer.get("Resource")) or ""
    )
    bucket = bucket.strip("/").partition("/")[0]
    named = f": {bucket}" if bucket and bucket not in str(error) else ""
    return leaf(f"{_one_line(error)}{named}; {advice}")


def _of_code(code: str, status: int) -> tuple[_Leaf, str]:
    for codes, leaf, advice in _ANSWERS:
        if code in codes:
            return leaf, advice
    if "Throttl" in code:
        return LambdaTuningError, _BUSY
    if status >= 500:
        return LambdaTuningError, "AWS has a fault of its own: try again in a minute"
    return LambdaTuningError, "AWS refused; fix that first"


def _unreachable(error: boto.EndpointConnectionError) -> LambdaTuningError:
    url = str(error.kwargs.get("endpoint_url", ""))
    if urlsplit(url).hostname in LOOPBACK:
        advice = "is the endpoint running? (`lambdatuning local` starts the embedded one)"
    else:
        advice = "is the network up, the region's name right, and the service offered there?"
    return LambdaTuningError(f"{url} cannot be reached; {advice}")


_NETWORK = "is the network up? try again"

_BUSY = "AWS is busy with this account's requests: try again in a minute"

_BUSY_CODES = {"RequestLimitExceeded", "SlowDown", "TooManyRequestsException"}

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
    (_BUSY_CODES, LambdaTuningError, _BUSY),
    ({"NoSuchBucket"}, NotFoundError, "check its name and account"),
)

_MEANINGS: tuple[tuple[tuple[type[Exception], ...], _Leaf, str], ...] = (
    (
        (boto.ProfileNotFound,),
        UsageError,
        "`aws configure list-profiles` names the known ones",
    ),
    (
        (boto.NoRegionError,),
        CredentialsError,
        "pass --region, export AWS_REGION, or use --local for the embedded AWS",
    ),
    ((boto.InvalidRegionError,), UsageError, "a region is called like eu-west-1"),
    (
        (
            boto.UnknownRegionError,
            boto.ServiceNotInRegionError,
            boto.BaseEndpointResolverError,
            boto.EndpointProviderError,
        ),
        UsageError,
        "is the region's name right, and the service offered there?",
    ),
    (
        (
            boto.ParamValidationError,
            boto.ValidationError,
            boto.InvalidDNSNameError,
            boto.InvalidHostLabelError,
            boto.UnsupportedS3ArnError,
            boto.UnsupportedS3ControlArnError,
            boto.UnsupportedOutpostResourceError,
            boto.UnsupportedS3ConfigurationError,
            boto.UnsupportedS3AccesspointConfigurationError,
            boto.UnsupportedS3ControlConfigurationError,
        ),
        UsageError,
        "fix that argument",
    ),
    (
        (
            boto.ConfigParseError,
            boto.ConfigNotFound,
            boto.InvalidConfigError,
            boto.InvalidChecksumConfigError,
            boto.InvalidDefaultsMode,
            boto.InvalidEndpointConfigurationError,
            boto.InvalidEndpointDiscoveryConfigurationError,
            boto.InvalidIMDSEndpointError,
            boto.InvalidIMDSEndpointModeError,
            boto.InvalidRetryConfigurationError,
            boto.InvalidS3AddressingStyleError,
            boto.InvalidS3UsEast1RegionalEndpointConfigError,
            boto.InvalidSTSRegionalEndpointsConfigError,
        ),
        CredentialsError,
        "fix the AWS configuration (~/.aws/config, or the environment's AWS_ variables)",
    ),
    (
        (boto.TokenRetrievalError, boto.SSOError),
        CredentialsError,
        "the SSO login has expired; run `aws sso login`",
    ),
    ((boto.LoginError,), CredentialsError, "log in again with `aws login`"),
    (
        (boto.RefreshWithMFAUnsupportedError,),
        CredentialsError,
        "the role's session is over, and its MFA code can be asked for in a terminal alone: run "
        "`aws sts get-caller-identity` there, then try again",
    ),
    (
        (boto.MissingDependencyException,),
        CredentialsError,
        "run `pip install 'boto3[crt]'`, which profiles of `aws login` need",
    ),
    (
        (
            boto.NoCredentialsError,
            boto.NoAuthTokenError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.MetadataRetrievalError,
            boto.UnknownCredentialError,
            boto.UnknownTokenProviderError,
        ),
        CredentialsError,
        LOGIN,
    ),
    (
        (boto.ProxyConnectionError, boto.InvalidProxiesConfigError),
        LambdaTuningError,
        "fix HTTPS_PROXY, or name in NO_PROXY what is reached without it",
    ),
    (
        (boto.SSLError,),
        LambdaTuningError,
        "is this the right host? AWS_CA_BUNDLE names the certificates of a company's proxy",
    ),
    (
        (
            boto.HTTPClientError,
            boto.ConnectionError,
            boto.IncompleteReadError,
            boto.ChecksumError,
            boto.FlexibleChecksumError,
        ),
        LambdaTuningError,
        _NETWORK,
    ),
    ((boto.CapacityNotAvailableError,), LambdaTuningError, _BUSY),
    (
        (boto.WaiterError,),
        LambdaTuningError,
        "look at it in the console, then try again",
    ),
    (
        (
            boto.DataNotFoundError,
            boto.ApiVersionNotFoundError,
            boto.UnsupportedServiceProtocolsError,
        ),
        LambdaTuningError,
        "the installed boto3 does not fit: pip install --upgrade boto3 botocore",
    ),
)


def _unexpected(error: BaseException) -> UnexpectedError:
    """What to say of an error that nobody foresaw."""
    words = f" ({_one_line(error)})" if str(error) else ""
    return UnexpectedError(
        f"this is a fault of lambdatuning, not of yours{words}; please report this line: "
        f"lambdatuning {_version()}, Python {platform.python_version()}, {sys.platform}, "
        f"{type(error).__qualname__} in {_origin(error)}"
    )


def _version() -> str:
    try:
        return version("lambdatuning")
    except PackageNotFoundError:
        return "(not installed)"


def _origin(error: BaseException) -> str:
    """The last line of this package that an error passed through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            return f"{path.relative_to(_PACKAGE.parent).as_posix()}:{frame.lineno}"
    return "its caller"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(" .:")
