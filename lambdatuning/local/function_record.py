"""Reads a function's configuration, as the Lambda API stores it, into a `FunctionSpec`."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import LambdaTuningError
from .function import FunctionSpec

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
    unpack: Callable[[str, bytes], Path],
) -> FunctionSpec:
    """The function version that `config` describes, its code and layers unpacked by `unpack`.

    `layers` are the ARNs of layer versions and their zips, in the order of attachment.

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
        task_root=unpack(str(config.get("CodeSha256")), _present(config, code)),
        revision=_revision(config),
        account_id=account_id,
        region=region,
        log_group=logging.get("LogGroup") or f"/aws/lambda/{name}",
        layers=tuple(unpack(arn, content) for arn, content in layers),
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
