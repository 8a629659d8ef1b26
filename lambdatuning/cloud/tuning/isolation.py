"""A copy of a function, tuned in its place and removed: nothing of the original is touched."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from ...core.arn import parse_function_arn
from ...core.errors import CutOffError, LambdaTuningError, UsageError
from ...functions.tuner.function import Configuration, Sleep, read, settled
from ...functions.tuner.tunable import check_kind, lacks_permission
from ..aws_errors import undoing
from ..session import Cloud, open_url
from .plan import named_function

PREFIX = "lambdatuning-copy-"
"""How copies are named: the stack's tuner may tune those of any function."""

_LONGEST_NAME = 64
_LARGEST_UPLOAD = 50 * 1024 * 1024
"""Bytes of a package that Lambda takes in a request; a larger one goes by S3."""

_MOST_TAGS = 50
"""Lambda takes no more; a copy is known by its description."""

_COPIED = (
    "Runtime",
    "Role",
    "Handler",
    "Timeout",
    "MemorySize",
    "KMSKeyArn",
    "Architectures",
    "FileSystemConfigs",
    "PackageType",
)
_SHAPED: Mapping[str, tuple[str, ...]] = {
    "VpcConfig": ("SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack"),
    "DeadLetterConfig": ("TargetArn",),
    "Environment": ("Variables",),
    "TracingConfig": ("Mode",),
    "EphemeralStorage": ("Size",),
    "SnapStart": ("ApplyOn",),
    "LoggingConfig": ("LogFormat", "ApplicationLogLevel", "SystemLogLevel", "LogGroup"),
}
"""Settings that Lambda answers with more than CreateFunction takes. The copy logs into the
original's group, into which its role may write."""


@dataclass(frozen=True)
class Copy:
    """A copy of a function, when it was made, and the execution that it was made for; "" where its
    description is not the exact mark of one."""

    name: str
    execution: str
    made_at: datetime


@contextmanager
def isolated(
    cloud: Cloud,
    function: str,
    execution: str,
    sleep: Sleep,
    bucket: str = "",
) -> Iterator[str]:
    """The ARN of a copy (same code, role, environment, layers, network, tags), gone at the end.

    It is made for `execution`, which is not started yet, and says so.

    Triggers, aliases and permissions are not copied: nobody but the tuner calls it. Needs
    lambda:CreateFunction and iam:PassRole of the caller, and nothing more of the tuner. `bucket`
    takes packages above 50 MB while it is made. UsageError for what cannot be copied as it is.
    """
    arn = named_function(cloud, function)
    client = cloud.client("lambda", region=arn.region)
    config = read(client, str(arn.unqualified), arn.qualifier)
    refuse_uncopied(config)
    name = f"{PREFIX}{secrets.token_hex(4)}-{config['FunctionName']}"[:_LONGEST_NAME]
    region = parse_function_arn(config["FunctionArn"]).region
    removal = partial(remove_copy, cloud, client, region, name)
    cut_off: CutOffError | None = None
    with undoing(removal, f"the function {name}, a copy,"):
        with _package(cloud, client, config, Upload(bucket, name, region)) as (code, tags):
            copy = _copy(client, config, name, execution, code, tags)
        settled(client, name, None, sleep)
        if _pinned(client, config, name):
            settled(client, name, None, sleep)
        try:
            yield copy
        except CutOffError as exc:  # the run goes on, and needs it
            cut_off = exc
    if cut_off:
        raise CutOffError(
            f"{cut_off}; its copy, the function {name}, stays: once the run is over, `lambdatuning "
            f"clean {arn.name}` removes it"
        ) from cut_off
    removal()


def refuse_uncopied(config: Configuration) -> None:
    """UsageError for a function of which a copy would be another function."""
    check_kind(config)
    name = config["FunctionName"]
    error = (config.get("Environment") or {}).get("Error")
    if error:
        raise UsageError(
            f"{name} cannot be copied: its variables cannot be read ({error.get('ErrorCode')}: "
            f"{error.get('Message')}); get kms:Decrypt on its key {config.get('KMSKeyArn') or ''}"
        )


def copy_settings(config: Configuration) -> dict[str, object]:
    """What CreateFunction is told, from GetFunctionConfiguration; code and name are not in it."""
    settings: Mapping[str, Any] = config
    plain = {key: settings[key] for key in _COPIED if settings.get(key)}
    shaped = {
        key: {part: settings[key][part] for part in parts if settings[key].get(part)}
        for key, parts in _SHAPED.items()
        if settings.get(key)
    }
    layers = [layer["Arn"] for layer in config.get("Layers") or []]
    image = (config.get("ImageConfigResponse") or {}).get("ImageConfig")
    return {
        **plain,
        **{key: value for key, value in shaped.items() if value},
        **({"Layers": layers} if layers else {}),
        **({"ImageConfig": image} if image else {}),
        **_reported(shaped.get("LoggingConfig")),
    }


def _reported(logging: Mapping[str, Any] | None) -> dict[str, object]:
    """JSON logs at a level that leaves reports: without them nothing can be measured."""
    if not logging or logging.get("LogFormat") != "JSON":
        return {}
    return {"LoggingConfig": {**logging, "SystemLogLevel": "INFO"}}


def copies(client: Any, function: str) -> list[Copy]:
    """A function's copies that are there still: a client that was killed left them, or a run is
    going on or about to. None where functions may not be listed."""
    try:
        pages = list(client.get_paginator("list_functions").paginate())
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            return []
        raise
    return [
        Copy(config["FunctionName"], _made_for(config, function), _made_at(config))
        for page in pages
        for config in page["Functions"]
        if _looks_like_a_copy(config, function)
    ]


def _looks_like_a_copy(config: Configuration, function: str) -> bool:
    """By its name, or by its description, which somebody may have changed."""
    name = str(config["FunctionName"])
    random = re.match(rf"{PREFIX}[0-9a-f]{{8}}-", name)
    ours = random is not None and name == f"{random[0]}{function}"[:_LONGEST_NAME]
    described = config.get("Description", "").startswith(_description(function, ""))
    return name.startswith(PREFIX) and (ours or described)


def _made_for(config: Configuration, function: str) -> str:
    mark = re.escape(_description(function, "")) + r"(arn:\S+)"
    match = re.fullmatch(mark, config.get("Description", ""))
    return match[1] if match else ""


def _made_at(config: Configuration) -> datetime:
    """When a function was made or last changed; now, where that is not said."""
    text = config.get("LastModified")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") if text else datetime.now(UTC)


def remove_copy(cloud: Cloud, client: Any, region: str, name: str) -> None:
    """Delete a copy, and its log group where it has one of its own."""
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function(FunctionName=name)
    # Only where the original has no log group of its own in its settings is there one of the copy.
    with suppress(ClientError):
        cloud.client("logs", region=region).delete_log_group(logGroupName=f"/aws/lambda/{name}")


def _description(function: str, execution: str) -> str:
    return f"lambdatuning: a copy of {function} for {execution}"


@dataclass(frozen=True)
class Upload:
    """Where a package above 50 MB lies while a copy is made: a bucket of the function's region."""

    bucket: str
    name: str
    region: str

    @property
    def key(self) -> str:
        """Beside the inputs of runs, which the stack's users may write."""
        return f"inputs/{self.name}.zip"


@contextmanager
def _package(
    cloud: Cloud, client: Any, config: Configuration, upload: Upload
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """CreateFunction's `Code`, and the function's tags."""
    code, tags = _code_and_tags(client, config)
    if config.get("PackageType", "Zip") == "Image":
        yield {"ImageUri": code["ImageUri"]}, tags
        return
    data = _download(code["Location"], cloud.ca_bundle)
    key = {"SourceKMSKeyArn": code["SourceKMSKeyArn"]} if code.get("SourceKMSKeyArn") else {}
    if len(data) <= _LARGEST_UPLOAD:
        yield {"ZipFile": data, **key}, tags
        return
    if not upload.bucket or upload.region != cloud.region:
        raise UsageError(
            f"{config['FunctionName']} cannot be copied: its package of {len(data) >> 20} MB goes "
            "by S3, for which it needs a stack of ours in its own region; tune without isolating"
        )
    s3 = cloud.client("s3")
    s3.put_object(Bucket=upload.bucket, Key=upload.key, Body=data)
    try:
        yield {"S3Bucket": upload.bucket, "S3Key": upload.key, **key}, tags
    finally:
        # Inputs expire with the samples where deleting is denied.
        with suppress(ClientError):
            s3.delete_object(Bucket=upload.bucket, Key=upload.key)


def _code_and_tags(client: Any, config: Configuration) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Where the package lies, and the tags that are the user's own."""
    qualified = {} if config["Version"] == "$LATEST" else {"Qualifier": config["Version"]}
    answer = client.get_function(FunctionName=config["FunctionName"], **qualified)
    code = answer["Code"]
    if error := code.get("Error"):
        raise UsageError(
            f"{config['FunctionName']} cannot be copied: its package cannot be read "
            f"({error.get('ErrorCode')}: {error.get('Message')})"
        )
    if error := answer.get("TagsError"):
        raise UsageError(
            f"{config['FunctionName']} cannot be copied: its tags cannot be read "
            f"({error.get('ErrorCode')}: {error.get('Message')}); get lambda:ListTags"
        )
    tags = {
        key: value
        for key, value in (answer.get("Tags") or {}).items()
        if not key.lower().startswith("aws:")
    }
    return code, tags


def _copy(
    client: Any,
    config: Configuration,
    name: str,
    execution: str,
    code: dict[str, Any],
    tags: dict[str, str],
) -> str:
    try:
        answer = client.create_function(
            FunctionName=name,
            Code=code,
            Tags=tags if len(tags) >= _MOST_TAGS else {**tags, "lambdatuning": "copy"},
            Description=_description(config["FunctionName"], execution),
            **_signing(client, config["FunctionName"]),
            **copy_settings(config),
        )
    except ClientError as exc:
        if lacks_permission(exc):
            raise LambdaTuningError(
                f"{exc.response['Error']['Message']}: a copy needs lambda:CreateFunction, "
                "lambda:TagResource, and iam:PassRole on the function's role; get them "
                "(policy isolate.json of `lambdatuning init`), or tune without isolating"
            ) from exc
        raise
    return str(answer["FunctionArn"])


def _signing(client: Any, function: str) -> dict[str, str]:
    """The code signing configuration; none where there is none, or nobody may ask."""
    try:
        answer = client.get_function_code_signing_config(FunctionName=function)
    except (ClientError, EndpointConnectionError):
        return {}
    arn = answer.get("CodeSigningConfigArn")
    return {"CodeSigningConfigArn": arn} if arn else {}


def _pinned(client: Any, config: Configuration, name: str) -> bool:
    """Whether the copy was given the runtime version of the original, which does not follow the
    newest; where nobody may ask, or there is no such setting, it follows."""
    version = (config.get("RuntimeVersionConfig") or {}).get("RuntimeVersionArn")
    function = {"FunctionName": config["FunctionName"], "Qualifier": config["Version"]}
    try:
        mode = client.get_runtime_management_config(**function)["UpdateRuntimeOn"]
    except (ClientError, EndpointConnectionError):
        return False
    if mode == "Auto" or not version:
        return False
    try:
        client.put_runtime_management_config(
            FunctionName=name, UpdateRuntimeOn="Manual", RuntimeVersionArn=version
        )
    except ClientError as exc:
        raise LambdaTuningError(
            f"{config['FunctionName']} runs on a runtime version of its own ({version}), which its "
            f"copy may not be given ({exc}): get lambda:PutRuntimeManagementConfig, or tune "
            "without isolating"
        ) from exc
    return True


def _download(url: str, ca_bundle: str | None) -> bytes:
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise UsageError("the function's code has no address to be copied from")
    with open_url(url, 300, ca_bundle) as answer:
        return bytes(answer.read())
