"""Reads layer versions, as ministack stores them, into ARNs and zips."""

import io
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

from ..core.errors import LambdaTuningError
from .node_runtime import SDK_FOLDER

Layer = tuple[str, bytes]
"""The ARN of a layer version and its zip."""

_SDK_HOLDERS: dict[str, bool] = {}
"""Whether a layer version, by its ARN, holds the AWS SDK for JavaScript."""


def of_function(
    config: dict[str, Any],
    resolve: Callable[[Any], bytes | None],
    published: Callable[[], Iterable[dict[str, Any]]],
) -> list[Layer]:
    """What the function version of `config` runs with, in the order of attachment.

    A Node function gets one more layer at the end, if there is one among all that are `published`:
    the AWS SDK that Lambda's Node.js runtimes bring along. Raises `LambdaTuningError` for a layer
    that is attached but not known.
    """
    attached = [_attached(one, resolve) for one in config.get("Layers") or ()]
    if not str(config.get("Runtime")).startswith("nodejs"):
        return attached
    known = {arn for arn, _ in attached}
    return [*attached, *(sdk for sdk in _sdk(published()) if sdk[0] not in known)]


def _attached(attachment: Any, resolve: Callable[[Any], bytes | None]) -> Layer:
    arn = str(attachment["Arn"] if isinstance(attachment, dict) else attachment)
    content = resolve(attachment)
    if content is None:
        raise LambdaTuningError(f"layer {arn} is not known here; publish it on this endpoint")
    return arn, content


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
