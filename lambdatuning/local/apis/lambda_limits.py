"""What Lambda's API refuses, checked before ministack, which takes it, is asked.

Lengths, ranges, patterns and values are those of botocore's own model of the API. Beside it: the
"Lambda quotas" and "Working with environment variables" of the Lambda Developer Guide, and texts of
the service's answers.
"""

import base64
import binascii
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...core.errors import UsageError
from ..packages import check_package
from .asgi import json_object
from .operations import operation_of

RESERVED_VARIABLES = frozenset({
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
    *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    *("AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN"),
})  # fmt: skip
MOST_REQUEST_BYTES = 70_167_211
"""Of CreateFunction and UpdateFunctionCode: 50 MB of zip in base64."""
MOST_VARIABLES_BYTES = 4096
_EMPTY_ZIP = b"PK\5\6" + bytes(18)
_MOST_NAME = 64
_MOST_LAYERS = 5
_VARIABLE_NAME = "[a-zA-Z]([a-zA-Z0-9_])+"
# The model allows what functions on managed instances may have; others may not.
_MOST = {"memorySize": 10_240, "timeout": 900, "ephemeralStorage.size": 10_240}
_RETIRED = frozenset({
    *("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "go1.x", "java8"),
    *("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x"),
    *("nodejs12.x", "nodejs14.x", "provided", "python2.7", "python3.6", "python3.7", "ruby2.5"),
    "ruby2.7",
})  # fmt: skip
"""For which functions can no longer be made or updated ("Lambda runtimes", deprecated ones)."""


class Problem(NamedTuple):
    """Why a call is refused: the error's name, and what is said."""

    kind: str
    message: str
    status: int = 400


def problem_of(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Problem | None:
    """What Lambda would refuse of a call of its API; None for what it takes or is not its own.

    `headers` are lower case.
    """
    operation, parameters = operation_of("lambda", method, path)
    if operation is None or operation.shape is None:
        return None
    members = _members(operation.shape, parameters, headers, body)
    if broken := list(_broken(operation.shape, members, "")):
        return _validation(broken)
    return _problem_of_function(operation.name, members)


def problem_of_reference(path: str, region: str) -> Problem | None:
    """A function of another region cannot be called in `region`, by its ARN neither."""
    match = re.match(r"/\d{4}-\d\d-\d\d/functions/arn:[^:]+:lambda:([^:]+):", path)
    if match is None or match[1] == region:
        return None
    text = f"Functions from '{match[1]}' are not reachable in this region ('{region}')"
    return Problem("ResourceNotFoundException", text, 404)


def too_large(method: str, path: str) -> Problem:
    """The refusal of a call of more than `MOST_REQUEST_BYTES`."""
    operation, _ = operation_of("lambda", method, path)
    what = f" for the {operation.name} operation" if operation else ""
    text = f"Request must be smaller than {MOST_REQUEST_BYTES} bytes{what}"
    return Problem("RequestEntityTooLargeException", text, 413)


def problem_of_package(package: bytes) -> Problem | None:
    """Why Lambda would not take a zip; None for a good one."""
    try:
        if package in (b"", _EMPTY_ZIP):
            return invalid("Uploaded file must be a non-empty zip")
        check_package(package)
    except UsageError as exc:
        return invalid(
            "Could not unzip uploaded file. Please check your file, then try to upload again. "
            f"({exc})"
        )
    return None


def _members(
    shape: Any, parameters: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """The members of a call's input, wherever they were sent: in its path, headers or body."""
    members: dict[str, Any] = {} if "payload" in shape.serialization else json_object(body)
    for name, member in shape.members.items():
        header = member.serialization.get("name", "").lower()
        if member.serialization.get("location") == "header" and header in headers:
            members[name] = headers[header]
    return {**members, **parameters}


def _broken(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with `value`, as the service words it."""
    match shape.type_name, value:
        case _, None:
            return
        case "structure", dict():
            yield from _absent(shape, value, path)
            for name in shape.members.keys() & value.keys():
                inner = name[0].lower() + name[1:]
                yield from _broken(shape.members[name], value[name], f"{path}.{inner}".lstrip("."))
        case "list", list():
            yield from _broken_in_list(shape, value, path)
        case "map", dict() if "sensitive" not in shape.metadata:
            # Of variables, which are sensitive, nothing may be shown: see below.
            yield from _broken_in_map(shape, value, path)
        case "string" | "integer" | "long", _:
            for constraint in _unmet(shape, value, path):
                shown = f"'{value}' " if "sensitive" not in shape.metadata else ""
                yield _failure(f"{shown}at '{path}'", constraint)


def _failure(what: str, constraint: str) -> str:
    return f"Value {what} failed to satisfy constraint: Member must {constraint}"


def _broken_in_list(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    for constraint in _unmet_by_length(shape.metadata, len(value)):
        yield _failure(f"'[{', '.join(map(str, value))}]' at '{path}'", constraint)
    for number, item in enumerate(value, 1):
        yield from _broken(shape.member, item, f"{path}.{number}.member")


def _broken_in_map(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    shown = "{" + ", ".join(f"{name}={one}" for name, one in value.items()) + "}"
    start = f"Value '{shown}' at '{path}' failed to satisfy constraint: Map"
    keys = (unmet for name in value for unmet in _unmet(shape.key, name, path))
    values = (unmet for one in value.values() for unmet in _unmet(shape.value, one, path))
    for what, unmet_constraints in (("keys", keys), ("value", values)):
        if constraints := list(dict.fromkeys(unmet_constraints)):
            joined = ", ".join(f"Member must {one}" for one in constraints)
            yield f"{start} {what} must satisfy constraint: [{joined}]"


def _absent(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """Members of a call's body that must be there and are not."""
    for name in shape.required_members:
        if "location" not in shape.members[name].serialization and value.get(name) is None:
            where = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _unmet(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "string":
        yield from _unmet_by_text(shape.metadata, str(value), path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        most = _MOST.get(path, shape.metadata.get("max"))
        if most is not None and value > most:
            yield f"have value less than or equal to {most}"
        if value < (least := shape.metadata.get("min", value)):
            yield f"have value greater than or equal to {least}"


def _unmet_by_length(limits: Mapping[str, Any], length: int) -> Iterator[str]:
    if length > limits.get("max", length):
        yield f"have length less than or equal to {limits['max']}"
    if length < limits.get("min", 0):
        yield f"have length greater than or equal to {limits['min']}"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of the model; None without one, and for one that Python cannot read (`\\p{L}`)."""
    try:
        return re.compile(pattern) if pattern else None
    except re.error:
        return None


def _unmet_by_text(limits: Mapping[str, Any], text: str, path: str) -> Iterator[str]:
    yield from _unmet_by_length(limits, len(text))
    pattern = _compiled(limits.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(text):
        yield f"satisfy regular expression pattern: {limits['pattern']}"
    if "enum" in limits and text not in limits["enum"]:
        also = " or be a valid ARN" if path == "runtime" else ""
        yield f"satisfy enum value set: [{', '.join(limits['enum'])}]{also}"


def _validation(broken: list[str]) -> Problem:
    if len(broken) == 1 and " at 'runtime' " in broken[0]:
        return invalid(broken[0])
    count = f"{len(broken)} validation error{'s' if len(broken) > 1 else ''} detected"
    return Problem("ValidationException", f"{count}: {'; '.join(broken)}")


def _problem_of_function(operation: str, members: Mapping[str, Any]) -> Problem | None:
    if len(members.get("Layers") or ()) > _MOST_LAYERS:
        return invalid(f"Cannot reference more than {_MOST_LAYERS} layers.")
    if operation in ("CreateAlias", "UpdateAlias"):
        return _problem_of_routing(members)
    if operation == "CreateFunction":
        return (
            _problem_of_name(str(members.get("FunctionName", "")))
            or _problem_of_settings(members)
            or _problem_of_zip((members.get("Code") or {}).get("ZipFile"))
        )
    if operation == "UpdateFunctionConfiguration":
        return _problem_of_settings(members)
    brings_zip = {
        "UpdateFunctionCode": members,
        "PublishLayerVersion": members.get("Content") or {},
    }
    return _problem_of_zip(brings_zip.get(operation, {}).get("ZipFile"))


def _problem_of_settings(members: Mapping[str, Any]) -> Problem | None:
    if (runtime := members.get("Runtime")) in _RETIRED:
        return invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating "
            "AWS Lambda functions. We recommend you use a supported runtime while creating or "
            "updating functions."
        )
    return _problem_of_variables(members)


def _problem_of_routing(members: Mapping[str, Any]) -> Problem | None:
    weights = (members.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    version = members.get("FunctionVersion")
    if len(weights) > 1:
        return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if weights and version == "$LATEST":
        return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    if version in weights:
        return invalid(
            f"Invalid function version {version}. Function version {version} is already included "
            "in routing configuration."
        )
    return None


def _problem_of_name(name: str) -> Problem | None:
    if len(name.rpartition(":")[2]) <= _MOST_NAME:
        return None
    text = f"Member must have length less than or equal to {_MOST_NAME}"
    return _validation([f"Value '{name}' at 'functionName' failed to satisfy constraint: {text}"])


def _problem_of_variables(members: Mapping[str, Any]) -> Problem | None:
    variables = (members.get("Environment") or {}).get("Variables") or {}
    unable = "Lambda was unable to configure your environment variables because the environment "
    if reserved := sorted(RESERVED_VARIABLES & variables.keys()):
        return invalid(
            f"{unable}variables you have provided contains reserved keys that are currently not "
            f"supported for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    if not all(re.fullmatch(_VARIABLE_NAME, name) for name in variables):
        constraint = f"Member must satisfy regular expression pattern: {_VARIABLE_NAME}"
        return _validation(
            [
                "Value at 'environment.variables' failed to satisfy constraint: "
                f"Map keys must satisfy constraint: [{constraint}]"
            ]
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode("utf-8", "replace")) > MOST_VARIABLES_BYTES:
        return invalid(
            f"{unable}variables you have provided exceeded the 4KB limit. "
            f"String measured: {measured}"
        )
    return None


def _problem_of_zip(content: Any) -> Problem | None:
    if not isinstance(content, str):
        return None
    try:
        return problem_of_package(base64.b64decode(content))
    except binascii.Error:
        return None


def invalid(message: str) -> Problem:
    """A parameter that Lambda does not take."""
    return Problem("InvalidParameterValueException", message)
