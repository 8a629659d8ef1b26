"""A template as plain data, and its code as zips whose bytes and names depend on the code alone."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Required, TypedDict, cast

import yaml

from ...core.errors import UsageError

MAX_BODY_BYTES = 51_200
"""CloudFormation's limit for a template that is sent and not lying in S3."""

_CODE = {
    "AWS::Serverless::Function": ("CodeUri", "Bucket", "Key"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", "Bucket", "Key"),
}


_INSTALLED = Path(__file__).parents[3]
"""The folder in which the package lies."""


# libyaml, where PyYAML came with it, reads a template five times as fast.
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc, valid-type]
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
    keys: set[Any] = set()
    for key, _ in node.value:
        if key.value in keys:
            raise yaml.MarkedYAMLError(
                problem=f'"{key.value}" stands twice', problem_mark=key.start_mark
            )
        keys.add(key.value)
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return mapping


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


class TemplateParameter(TypedDict, total=False):
    """A parameter as a template declares it."""

    Type: Required[str]
    Default: str | float
    AllowedValues: list[str | float]
    AllowedPattern: str
    MinValue: float
    MaxValue: float


class Template(TypedDict, total=False):
    """A template as plain data, by section."""

    AWSTemplateFormatVersion: str
    Description: str
    Transform: str
    Globals: dict[str, Any]
    Outputs: dict[str, Any]
    Parameters: dict[str, TemplateParameter]
    Conditions: dict[str, dict[str, Any]]
    Resources: Required[dict[str, dict[str, Any]]]


def load_template(path: Path) -> Template:
    """The template in `path`, YAML or JSON; UsageError with file and line where it is wrong."""
    try:
        template = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}; pass --template FILE") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise UsageError(f"{path}:{line}: {exc.problem}; fix the template") from exc
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise UsageError(f"{path}: has no Resources; pass a CloudFormation template")
    return cast(Template, template)


def local_code(template: Template, folder: Path) -> Iterator[LocalCode]:
    """Every function and state machine whose code lies beside the template, in `folder`.

    Code that is not there is that of the installed package: so the template that comes with it,
    and a copy of that in any folder, can be deployed.
    """
    for logical_id, resource in template["Resources"].items():
        name, *_ = _CODE.get(resource.get("Type", ""), ("", "", ""))
        uri = resource.get("Properties", {}).get(name)
        if isinstance(uri, str) and not uri.startswith("s3://"):
            package = resource.get("Metadata", {}).get("Package", ())
            path, inside = folder / uri, _INSTALLED / uri
            installed = inside.exists() and not path.exists()
            yield LocalCode(logical_id, name, inside if installed else path, tuple(package))


def with_code_in_s3(
    template: Template, bucket: str, key_of: Callable[[str], str | None]
) -> Template:
    """The template with the code of each resource at `key_of(logical_id)` in `bucket`."""
    packaged = deepcopy(template)
    for logical_id, resource in packaged["Resources"].items():
        key = key_of(logical_id)
        if key is not None:
            name, bucket_field, key_field = _CODE[resource["Type"]]
            resource["Properties"][name] = {bucket_field: bucket, key_field: key}
    return packaged


def template_body(template: Template) -> str:
    """The template as compact JSON, which is what is sent."""
    body = json.dumps(template, separators=(",", ":"), ensure_ascii=False)
    if len(body.encode()) > MAX_BODY_BYTES:
        raise UsageError(f"the template has over {MAX_BODY_BYTES} bytes; split it")
    return body


# Code packages: zips whose bytes and names depend on the code alone.


_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Artifact:
    """What is uploaded for the resource `logical_id`; `name` is its content hash and suffix."""

    logical_id: str
    name: str
    data: bytes


def build(code: LocalCode) -> Artifact:
    """A folder as a zip, a single file as it is.

    The hash is that of the files and not of the zip, which another zlib would pack otherwise.
    """
    if code.path.is_file():
        data = code.path.read_bytes()
        return Artifact(code.logical_id, _hash([(code.path.name, data)]) + code.path.suffix, data)
    files = read_folder(code.path, code.package)
    return Artifact(code.logical_id, f"{_hash(files)}.zip", zip_files(files))


def read_folder(folder: Path, package: tuple[str, ...] = ()) -> list[tuple[str, bytes]]:
    """Sorted names and contents of the files of `folder`, or of its parts named in `package`.

    A part that begins with "!" is left out of the others, as `!core/exploration`. Bytecode,
    hidden files and links stay out. UsageError where there is nothing to package.
    """
    parts = [part for part in package if not part.startswith("!")] or ["."]
    left_out = {
        path for part in package if part.startswith("!") for path in _part(folder, part[1:])
    }
    files = sorted(
        (path.relative_to(folder).as_posix(), path.read_bytes())
        for part in parts
        for path in _part(folder, part)
        if path not in left_out
    )
    if not files:
        raise UsageError(f"{folder}: nothing to package; is the template in its place?")
    return files


def zip_files(files: list[tuple[str, bytes]]) -> bytes:
    """A zip with fixed times, modes and order."""
    return _zipped(tuple(files))


@lru_cache(maxsize=4)
def _zipped(files: tuple[tuple[str, bytes], ...]) -> bytes:
    """Made once: functions share a package, and a process may deploy several stacks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = _FILE_MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _part(folder: Path, part: str) -> Iterator[Path]:
    root = folder / part
    if not root.exists():
        raise UsageError(f"{root}: not there, but the template packages it; restore it")
    paths = iter((root,)) if root.is_file() else root.rglob("*")
    yield from (path for path in paths if _belongs(path.relative_to(folder), path))


def _belongs(relative: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
    return path.is_file() and not path.is_symlink() and not hidden and path.suffix != ".pyc"


def _hash(files: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, data in files:
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:40]
