"""Reads ministack's records of functions and layers into what an environment runs."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

from ...core.errors import LambdaTuningError
from ..function import FunctionSpec
from ..packages import PackageStore
from ..runtime.command import SDK_FOLDER

_REVISED = (
    "CodeSha256",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "RevisionId",
    "Runtime",
    "Timeout",
)


def spec_of(
    config: dict[str, Any],
    code: bytes | None,
    layers: list[tuple[str, bytes]],
    packages: PackageStore,
) -> FunctionSpec:
    """The function version that `config` describes, unpacked in `packages`.

    `layers` are the ARNs of layer versions and their zips, in the order in which they are merged.

    Raises `LambdaTuningError` for what the embedded AWS cannot run.
    """
    name = config["FunctionName"]
    arn = ":".join(config["FunctionArn"].split(":")[:7])
    _, _, _, region, account_id, *_ = arn.split(":")
    version = str(config.get("Version", "$LATEST"))
    logging = config.get("LoggingConfig") or {}
    variables = (config.get("Environment") or {}).get("Variables") or {}
    return FunctionSpec(
        arn=arn if version == "$LATEST" else f"{arn}:{version}",
        name=name,
        version=version,
        runtime=config.get("Runtime") or "",
        handler=config.get("Handler") or "",
        memory_mb=int(config.get("MemorySize") or 128),
        timeout_s=float(config.get("Timeout") or 3),
        task_root=packages.unpack(str(config.get("CodeSha256")), _present(config, code)),
        revision=_revision(config),
        account_id=account_id,
        region=region,
        log_group=logging.get("LogGroup") or f"/aws/lambda/{name}",
        layers=(packages.merged(layers),) if layers else (),
        variables=tuple(sorted(variables.items())),
        json_logs=logging.get("LogFormat") == "JSON",
        application_log_level=logging.get("ApplicationLogLevel") or "",
        system_log_level=logging.get("SystemLogLevel") or "INFO",
        ephemeral_mb=int((config.get("EphemeralStorage") or {}).get("Size") or 512),
        snapstart=version != "$LATEST"
        and (config.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions",
    )


def _present(config: dict[str, Any], code: bytes | None) -> bytes:
    name = config["FunctionName"]
    if config.get("PackageType") == "Image":
        raise LambdaTuningError(f"{name} is a container image; the embedded AWS runs zip packages")
    if not code:
        # ministack makes a function even when the object that holds its code is missing.
        raise LambdaTuningError(
            f"{name} has no code: its object in S3 was missing when the function was made"
        )
    return code


def _revision(config: dict[str, Any]) -> str:
    configured = {key: config.get(key) for key in _REVISED}
    text = json.dumps(configured, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


Layer = tuple[str, bytes]
"""The ARN of a layer version and its zip."""

_SDK_HOLDERS: dict[str, bool] = {}
"""Whether a layer version, by its ARN, holds the AWS SDK for JavaScript."""


def layers_of(
    config: dict[str, Any],
    versions_of: Callable[[str, str, str], list[dict[str, Any]]],
    published: Callable[[], Iterable[dict[str, Any]]],
) -> list[Layer]:
    """What the function version of `config` runs with, in the order in which it is merged.

    `versions_of` gives the records of a layer's versions by account, region and name. A Node
    function gets one more layer at the beginning, if there is one among all that are `published`:
    the AWS SDK that Lambda's Node.js runtimes bring along. Raises `LambdaTuningError` for a layer
    that is attached but not known.
    """
    attached = [_attached(one, versions_of) for one in config.get("Layers") or ()]
    if not str(config.get("Runtime")).startswith("nodejs"):
        return attached
    attached_arns = {arn for arn, _ in attached}
    return [*(sdk for sdk in _sdk(published()) if sdk[0] not in attached_arns), *attached]


def _attached(
    attachment: Any, versions_of: Callable[[str, str, str], list[dict[str, Any]]]
) -> Layer:
    arn = str(attachment["Arn"] if isinstance(attachment, dict) else attachment)
    # arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION
    _, _, _, region, account_id, _, name, number = (arn.split(":") + [""] * 8)[:8]
    for version in versions_of(account_id, region, name):
        if str(version["Version"]) == number and version.get("_zip_data"):
            return arn, version["_zip_data"]
    raise LambdaTuningError(f"layer {arn} is not known here; publish it on this endpoint")


def _sdk(published: Iterable[dict[str, Any]]) -> list[Layer]:
    """The newest published layer version that holds the AWS SDK; none or one."""
    versions = [
        version
        for layer in published
        for version in layer["versions"]
        if version["_zip_data"] and not version.get("_deleted")
    ]
    versions.sort(key=lambda version: str(version["CreatedDate"]), reverse=True)
    for version in versions:
        if _holds_sdk(version["LayerVersionArn"], version["_zip_data"]):
            return [(version["LayerVersionArn"], version["_zip_data"])]
    return []


def _holds_sdk(arn: str, content: bytes) -> bool:
    # A layer version never changes, and this is asked at every invocation of a Node function.
    if arn not in _SDK_HOLDERS:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
        _SDK_HOLDERS[arn] = any(name.startswith(SDK_FOLDER) for name in names)
    return _SDK_HOLDERS[arn]
