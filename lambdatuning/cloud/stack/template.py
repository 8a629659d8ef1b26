"""A CloudFormation template as plain data: short tags read into their long form, code put in S3."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...core.errors import UsageError, closest

MAX_BODY_BYTES = 51_200
"""CloudFormation's limit for a template that is sent and not lying in S3."""

_CODE = {
    "AWS::Serverless::Function": ("CodeUri", "Bucket", "Key"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", "Bucket", "Key"),
}


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: tags are intrinsic functions, and a date is its text."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value = _plain(loader, node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


def _plain(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return _mapping(loader, node)


def _mapping(loader: _Loader, node: yaml.Node) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.MarkedYAMLError(problem="an object is wanted", problem_mark=node.start_mark)
    seen: set[Any] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f'"{key.value}" stands twice', problem_mark=key.start_mark
            )
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _intrinsic)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _plain)


@dataclass(frozen=True)
class LocalCode:
    """A folder or file of which a resource is made; `package` are the parts that belong to it."""

    logical_id: str
    property: str
    path: Path
    package: tuple[str, ...]


def load_template(path: Path) -> dict[str, Any]:
    """The template in `path`, YAML or JSON; UsageError with file and line where it is wrong."""
    try:
        template = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}; pass --template FILE") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise UsageError(f"{path}:{line}: {exc.problem}; mend the template") from exc
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise UsageError(f"{path}: has no Resources; pass a CloudFormation template")
    return template


def local_code(template: Mapping[str, Any], folder: Path) -> Iterator[LocalCode]:
    """Every function and state machine whose code lies beside the template, in `folder`."""
    for logical_id, resource in template["Resources"].items():
        name, *_ = _CODE.get(resource.get("Type"), ("",))
        uri = resource.get("Properties", {}).get(name)
        if isinstance(uri, str) and not uri.startswith("s3://"):
            package = resource.get("Metadata", {}).get("Package", ())
            yield LocalCode(logical_id, name, folder / uri, tuple(package))


def with_code_in_s3(
    template: Mapping[str, Any], bucket: str, key_of: Callable[[str], str | None]
) -> dict[str, Any]:
    """The template with the code of each resource at `key_of(logical_id)` in `bucket`."""
    packaged = deepcopy(dict(template))
    for logical_id, resource in packaged["Resources"].items():
        key = key_of(logical_id)
        if key is not None:
            name, bucket_field, key_field = _CODE[resource["Type"]]
            resource["Properties"][name] = {bucket_field: bucket, key_field: key}
    return packaged


def template_body(template: Mapping[str, Any]) -> str:
    """The template as compact JSON, which is what is sent."""
    body = json.dumps(template, separators=(",", ":"), ensure_ascii=False)
    if len(body.encode()) > MAX_BODY_BYTES:
        raise UsageError(f"the template has over {MAX_BODY_BYTES} bytes; split it")
    return body


def check_parameters(template: Mapping[str, Any], values: Mapping[str, str]) -> None:
    """Refuse names and values that CloudFormation would refuse, before anything is created."""
    known = template.get("Parameters", {})
    for name, value in values.items():
        if name not in known:
            raise UsageError(f'the stack has no parameter "{name}"; {closest(name, known)}')
        _check_value(name, value, known[name])


def _check_value(name: str, value: str, declared: Mapping[str, Any]) -> None:
    allowed = [str(option) for option in declared.get("AllowedValues", ())]
    if allowed and value not in allowed:
        raise UsageError(f'{name} must be one of {", ".join(allowed)}; not "{value}"')
    pattern = declared.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        raise UsageError(f'{name} must match {pattern}; not "{value}"')
    if declared["Type"] == "Number" and not _in_range(value, declared):
        low, high = declared.get("MinValue", "-"), declared.get("MaxValue", "-")
        raise UsageError(f'{name} must be a number from {low} to {high}; not "{value}"')


def _in_range(value: str, declared: Mapping[str, Any]) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    low, high = declared.get("MinValue", number), declared.get("MaxValue", number)
    return float(low) <= number <= float(high)
