"""A copy of a function, tuned in its place and removed: nothing of the original is touched."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import parse_function_arn
from ...core.errors import LambdaTuningError, UsageError
from ...functions.tuner.function import read, settled
from ..session import Cloud, open_url

PREFIX = "lambdatuning-copy-"
"""How copies are named: the stack's tuner may tune those of any function."""

_LONGEST_NAME = 64
_COPIED = (
    "Runtime",
    "Role",
    "Handler",
    "Timeout",
    "MemorySize",
    "KMSKeyArn",
    "Architectures",
    "FileSystemConfigs",
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


@contextmanager
def isolated(cloud: Cloud, function: str, sleep: Callable[[float], None]) -> Iterator[str]:
    """The ARN of a copy (same code, role, environment, layers, network), gone at the end.

    Triggers, aliases and permissions are not copied: nobody but the tuner calls it. Needs
    lambda:CreateFunction and iam:PassRole of the caller, and nothing more of the tuner.
    """
    arn = parse_function_arn(function) if function.startswith("arn:") else None
    client = cloud.client("lambda", region=arn.region if arn else None)
    config = read(client, str(arn.unqualified) if arn else function, arn.qualifier if arn else None)
    name = f"{PREFIX}{secrets.token_hex(4)}-{config['FunctionName']}"[:_LONGEST_NAME]
    try:
        yield _copy(client, config, name, sleep)
    finally:
        remove_copy(cloud, client, parse_function_arn(config["FunctionArn"]).region, name)


def copy_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateFunction is told, from GetFunctionConfiguration; code and name are not in it."""
    plain = {key: config[key] for key in _COPIED if config.get(key)}
    shaped = {
        key: {part: config[key][part] for part in parts if config[key].get(part)}
        for key, parts in _SHAPED.items()
        if config.get(key)
    }
    layers = [layer["Arn"] for layer in config.get("Layers") or []]
    image = (config.get("ImageConfigResponse") or {}).get("ImageConfig")
    return {
        **plain,
        **{key: value for key, value in shaped.items() if value},
        **({"Layers": layers} if layers else {}),
        **({"ImageConfig": image} if image else {}),
        "Description": _description(config["FunctionName"]),
    }


def copies(client: Any, function: str) -> list[str]:
    """The names of a function's copies that are there still: a client that was killed left them,
    or a run is going on. None where functions may not be listed."""
    try:
        pages = list(client.get_paginator("list_functions").paginate())
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            return []
        raise
    return [
        found["FunctionName"]
        for page in pages
        for found in page["Functions"]
        if found["FunctionName"].startswith(PREFIX)
        and found.get("Description") == _description(function)
    ]


def remove_copy(cloud: Cloud, client: Any, region: str, name: str) -> None:
    """Delete a copy, and its log group where it has one of its own."""
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function(FunctionName=name)
    # Only where the original has no log group of its own in its settings is there one of the copy.
    with suppress(ClientError):
        cloud.client("logs", region=region).delete_log_group(logGroupName=f"/aws/lambda/{name}")


def _description(function: str) -> str:
    return f"lambdatuning: a copy of {function} while it is tuned"


def _copy(client: Any, config: Mapping[str, Any], name: str, sleep: Callable[[float], None]) -> str:
    qualified = {} if config["Version"] == "$LATEST" else {"Qualifier": config["Version"]}
    found = client.get_function(FunctionName=config["FunctionName"], **qualified)
    if config.get("PackageType", "Zip") == "Image":
        code, kind = {"ImageUri": found["Code"]["ImageUri"]}, {"PackageType": "Image"}
    else:
        code, kind = {"ZipFile": _download(found["Code"]["Location"])}, {}
    try:
        answer = client.create_function(
            FunctionName=name, Code=code, Tags={"project": "lambdatuning"}, **kind,
            **copy_settings(config),
        )  # fmt: skip
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            raise LambdaTuningError(
                "a copy needs lambda:CreateFunction and iam:PassRole on the function's role; "
                "get them, or tune without isolating"
            ) from exc
        raise
    settled(client, name, None, sleep)
    return str(answer["FunctionArn"])


def _download(url: str) -> bytes:
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise UsageError("the function's code has no address to be copied from")
    with open_url(url, 300) as answer:
        return bytes(answer.read())
