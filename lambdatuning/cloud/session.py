"""The one door to AWS: who am I, where, and clients that retry."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from ..core.errors import CredentialsError, LambdaTuningError, UsageError

_LOGIN = "run `aws configure`, export AWS_PROFILE, or use --local for the embedded AWS"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Cloud:
    """An account in a region behind an endpoint.

    `kind` is "embedded" for our own local AWS and "aws" for everything else; `about` is what the
    embedded AWS says of itself (limiter, cores, ...), empty elsewhere.
    """

    region: str
    account_id: str
    caller_arn: str
    endpoint_url: str | None
    kind: str
    about: Mapping[str, Any]
    session: Any = field(repr=False)

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 client that retries throttling with backoff; `region` for another region."""
        return self._clients(service, region or self.region)

    @cached_property
    def _cache(self) -> dict[tuple[str, str], Any]:
        return {}

    def _clients(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self._cache:
            self._cache[key] = self.session.client(
                service, region_name=region, endpoint_url=self.endpoint_url, config=_CONFIG
            )
        return self._cache[key]


_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 6},
    connect_timeout=10,
    read_timeout=120,
    # Step Functions' and API Gateway's host prefixes do not resolve behind a loopback endpoint.
    inject_host_prefix=False,
    user_agent_extra="lambdatuning",
)


def connect(
    *, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None
) -> Cloud:
    """Open the session; profile, region and endpoint default to what boto3 finds.

    Raises CredentialsError when nobody is logged in, the login has expired or no region is set,
    and LambdaTuningError when the endpoint does not answer.
    """
    try:
        session = _session(profile, region)
        sts = session.client("sts", endpoint_url=endpoint_url, config=_CONFIG)
        identity = sts.get_caller_identity()
    except Exception as exc:
        raise explain(exc) from exc
    endpoint = endpoint_url or _loopback(sts.meta.endpoint_url)
    about = _about(endpoint)
    return Cloud(
        region=session.region_name,
        account_id=identity["Account"],
        caller_arn=identity["Arn"],
        endpoint_url=endpoint,
        kind="embedded" if about else "aws",
        about=about,
        session=session,
    )


def _session(profile: str | None, region: str | None) -> Any:
    # Other SDKs and Lambda itself call it AWS_REGION, boto3 reads AWS_DEFAULT_REGION alone.
    named = region or os.environ.get("AWS_REGION")
    session = boto3.Session(profile_name=profile, region_name=named)
    if session.region_name is None:
        raise NoRegionError
    return session


def explain(error: Exception) -> LambdaTuningError:
    """The error of ours that says in one line what a boto3 error of the login means."""
    if isinstance(error, LambdaTuningError):
        return error
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _EXPIRED:
        return CredentialsError(f"the AWS credentials are expired or unknown: {_LOGIN}")
    for kinds, leaf, advice in _MEANINGS:
        if isinstance(error, kinds):
            return leaf(f"{_one_line(error)}: {advice}")
    raise error


_MEANINGS: tuple[tuple[tuple[type[Exception], ...], type[LambdaTuningError], str], ...] = (
    ((ProfileNotFound,), UsageError, "`aws configure list-profiles` names the known ones"),
    ((NoRegionError,), CredentialsError, "pass --region or export AWS_REGION"),
    (
        (TokenRetrievalError, UnauthorizedSSOTokenError, SSOError),
        CredentialsError,
        "the SSO login has expired; run `aws sso login`",
    ),
    (
        (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError),
        CredentialsError,
        _LOGIN,
    ),
    (
        (EndpointConnectionError,),
        LambdaTuningError,
        "is the endpoint running? (`lambdatuning local` starts the embedded one)",
    ),
    ((ClientError, BotoCoreError, ValueError), LambdaTuningError, "AWS refused; mend that first"),
)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _loopback(url: str) -> str | None:
    return url if urlsplit(url).hostname in _LOOPBACK else None


def _about(endpoint_url: str | None) -> Mapping[str, Any]:
    """What the embedded AWS says of itself; {} for any other endpoint."""
    if endpoint_url is None or urlsplit(endpoint_url).hostname not in _LOOPBACK:
        return {}
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_lambdatuning", timeout=5) as answer:  # noqa: S310
            about = json.load(answer)
    except (urllib.error.URLError, TimeoutError, ValueError):
        return {}
    return about if isinstance(about, dict) and about.get("kind") == "embedded" else {}
