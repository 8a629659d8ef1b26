"""A copy of a function, tuned in its place and removed: nothing of the original is touched."""

import secrets
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from ..core.arn import parse_function_arn
from ..core.errors import LambdaTuningError, UsageError
from ..functions.tuner.function_config import read, settled
from .session import Cloud

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
        _remove(cloud, client, parse_function_arn(config["FunctionArn"]).region, name)


def copy_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateFunction is told, from GetFunctionConfiguration; code and name are not in it."""
    plain = {key: config[key] for key in _COPIED if config.get(key)}
    shaped = {
        key: {part: config[key][part] for part in parts if config[key].get(part)}
        for key, parts in _SHAPED.items()
        if config.get(key)
    }
    layers = [layer["Arn"] for layer in config.get("Layers") or []]
    return {
        **plain,
        **{key: value for key, value in shaped.items() if value},
        **({"Layers": layers} if layers else {}),
        "Description": f"lambdatuning: a copy of {config['FunctionName']} while it is tuned",
    }


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
    with urllib.request.urlopen(url, timeout=300) as answer:  # noqa: S310 - checked above
        return bytes(answer.read())


def _remove(cloud: Cloud, client: Any, region: str, name: str) -> None:
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function(FunctionName=name)
    logs = cloud.client("logs", region=region)
    with suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
