"""The one door to AWS: who am I, where, and clients that retry.

boto3 is imported where something is asked of AWS: what runs of this machine say needs none of it,
and importing it takes longer than reading them.
"""

import json
import os
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

from botocore.exceptions import NoRegionError

from ..core.errors import CredentialsError, UsageError
from ..core.format import card
from ..core.tuning.endpoint import AWS, Endpoint
from ..core.validation import checked
from ..workspace.settings import read_settings
from .aws_errors import LOOPBACK, explain

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session


@dataclass(frozen=True)
class Cloud:
    """An account in a region behind an endpoint.

    `endpoint` is what a manifest says of it: the kind, and all that the embedded AWS says of itself
    (limiter, cores, ...).
    """

    MADE_BY: ClassVar[str] = "connect"

    region: str
    account_id: str
    caller_arn: str
    endpoint_url: str | None
    endpoint: Endpoint
    session: Any = field(repr=False)

    def _repr_html_(self) -> str:
        """A card for notebooks: where this is, and who asks."""
        facts = [
            ("region", self.region),
            ("account", self.account_id),
            ("as", self.caller_arn),
            ("endpoint", self.endpoint_url or ""),
        ]
        return card("embedded AWS" if self.embedded else "AWS", facts)

    @property
    def kind(self) -> str:
        """ "embedded" for our own local AWS, "aws" for everything else."""
        return self.endpoint.kind

    @property
    def embedded(self) -> bool:
        """Whether it is our own local AWS, which bills nothing."""
        return self.endpoint.embedded

    @property
    def partition(self) -> str:
        """ "aws", "aws-us-gov", "aws-cn" and the like: how ARNs begin here."""
        return self.caller_arn.split(":")[1]

    @property
    def ca_bundle(self) -> str | None:
        """The file of certificates that the profile names, as companies' proxies need it."""
        core = getattr(self.session, "_session", None)
        return core.get_config_variable("ca_bundle") if core else None

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 client that retries throttling with backoff; `region` for another region."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self.session.client(
                service,
                region_name=region or self.region,
                endpoint_url=self.endpoint_url,
                config=_config(self.endpoint_url),
            )
        return self._clients[key]

    @cached_property
    def _clients(self) -> dict[tuple[str, str], Any]:
        """The clients that were made, by service and region."""
        return {}


@checked
def connect(
    *, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None
) -> Cloud:
    """Open the session; what is not given is the project's (its settings), else what boto3 finds.

    An embedded AWS needs neither login nor region. Raises CredentialsError when nobody is logged
    in, the login has expired or no region is set, and LambdaTuningError when the endpoint does not
    answer.
    """
    settings = read_settings().given
    if not os.environ.get("AWS_ENDPOINT_URL"):
        endpoint_url = endpoint_url or settings.get("endpoint_url")
    address = endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
    _check_address(address)
    facts = embedded_facts(address)
    if not facts:
        profile, region = profile or settings.get("profile"), region or settings.get("region")
    try:
        session = _embedded_session(region) if facts and not profile else _session(profile, region)
        url = endpoint_url or _loopback(session.client("sts").meta.endpoint_url)
        identity = _caller(session, url)
    except EOFError as exc:
        raise CredentialsError(
            "the profile asks for an MFA code, and nobody can be asked here: log in once with "
            "`aws sts get-caller-identity` in a terminal, whose session is used then"
        ) from exc
    except Exception as exc:
        raise explain(exc) from exc
    return Cloud(
        region=session.region_name,
        account_id=identity["Account"],
        caller_arn=identity["Arn"],
        endpoint_url=url,
        endpoint=Endpoint.from_json(facts or embedded_facts(url) or {"kind": AWS}),
        session=session,
    )


def _caller(session: Any, endpoint_url: str | None) -> Mapping[str, str]:
    """Who the login is: the answer of GetCallerIdentity."""
    from botocore.config import Config

    config = _config(endpoint_url)
    if _loopback(endpoint_url):
        # What does not listen on this machine will not listen in 20 s either.
        one_attempt = Config(retries={"mode": "standard", "total_max_attempts": 1})
        config = config.merge(one_attempt)
    sts = session.client("sts", endpoint_url=endpoint_url, config=config)
    identity: Mapping[str, str] = sts.get_caller_identity()
    return identity


def _session(profile: str | None, region: str | None) -> Any:
    import boto3
    from botocore.credentials import JSONFileCache

    core = _core_session(profile)
    # Where the AWS CLI keeps the sessions of assumed roles: one MFA code serves both.
    roles = Path("~/.aws/cli/cache").expanduser()
    if os.access(roles.parents[1], os.W_OK):
        provider = core.get_component("credential_provider").get_provider("assume-role")
        provider.cache = JSONFileCache(str(roles))
    session = boto3.Session(botocore_session=core, region_name=_region_or_variable(region))
    if session.region_name is None:
        raise NoRegionError
    return session


def _embedded_session(region: str | None) -> Any:
    """The login of the environment, or a worthless one: a real login is never sent there."""
    import boto3

    return boto3.Session(
        botocore_session=_core_session(None),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "embedded"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "embedded"),
        aws_session_token=os.environ.get("AWS_SESSION_TOKEN"),
        region_name=_region_or_variable(region)
        or os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
    )


def _core_session(profile: str | None) -> "Session":
    """A session that shares the descriptions of services: reading them from megabytes of JSON takes
    longer than all else that makes its clients."""
    from botocore.session import Session

    core = Session(profile=profile)
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    return core


@cache
def _loader(data_path: str | None) -> "Loader":
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _region_or_variable(region: str | None) -> str | None:
    # Other SDKs and Lambda itself call it AWS_REGION, boto3 reads AWS_DEFAULT_REGION alone.
    return region or os.environ.get("AWS_REGION")


def open_url(url: str, timeout_s: float, ca_bundle: str | None = None) -> Any:
    """The answer of an http or https URL, by the user's proxy and with the certificates in the file
    `ca_bundle` (default: as for boto3); no proxy comes between us and loopback."""
    proxies = urllib.request.ProxyHandler({} if _loopback(url) else None)
    certificates = urllib.request.HTTPSHandler(context=_certificates(url, ca_bundle))
    return urllib.request.build_opener(proxies, certificates).open(url, timeout=timeout_s)


def _certificates(url: str, ca_bundle: str | None) -> ssl.SSLContext:
    """Reading them takes as long as several requests: none for loopback without TLS."""
    if _loopback(url) and url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bundle = ca_bundle or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle)


def _config(endpoint_url: str | None) -> "Config":
    """No proxy of the user's comes between us and loopback, and who is gone there stays gone."""
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "max_attempts": 6},
        connect_timeout=10,
        read_timeout=120,
        # Step Functions' and API Gateway's host prefixes do not resolve behind a loopback endpoint.
        inject_host_prefix=False,
        user_agent_extra="lambdatuning",
    )
    if _loopback(endpoint_url) is None:
        return config
    loopback = Config(proxies={}, retries={"mode": "standard", "max_attempts": 3})
    return config.merge(loopback)


def _check_address(url: str | None) -> None:
    """UsageError for an endpoint that nothing can be sent to."""
    try:
        parts = urlsplit(url or "http://none")
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or (url and not url.isprintable()) or " " in (url or ""):
        raise UsageError(
            f"endpoint {url!r} is no address; write it like http://127.0.0.1:4566 "
            "(--endpoint-url, or AWS_ENDPOINT_URL)"
        )


def _loopback(url: str | None) -> str | None:
    return url if urlsplit(url or "").hostname in LOOPBACK else None


def why_not_here(cloud: Cloud, config: Mapping[str, Any]) -> str:
    """Why the embedded AWS cannot run the function of this configuration, and what to do; "" for
    one that it can, and everywhere else."""
    if not cloud.embedded:
        return ""
    query = {"runtime": config.get("Runtime", ""), "package": config.get("PackageType", "Zip")}
    try:
        with open_url(
            f"{cloud.endpoint_url}/_lambdatuning/why-not?{urlencode(query)}", 5
        ) as answer:
            return str(json.load(answer).get("why", ""))
    except (OSError, ValueError):
        return ""


def embedded_facts(endpoint_url: str | None) -> Mapping[str, Any]:
    """What the embedded AWS says of itself; {} for any other endpoint."""
    if _loopback(endpoint_url) is None:
        return {}
    try:
        with open_url(f"{endpoint_url}/_lambdatuning", 5) as answer:
            facts = json.load(answer)
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and facts.get("kind") == "embedded" else {}
