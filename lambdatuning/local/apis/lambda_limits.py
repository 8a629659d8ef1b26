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
from urllib.parse import unquote

import botocore.session

from ...core.errors import UsageError
from ..packages import check_package

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
_FUNCTIONS = "/2015-03-31/functions"
_CODE_IN = {"CreateFunction": "Code", "PublishLayerVersion": "Content", "UpdateFunctionCode": ""}
"""Where each call that brings code has it, "" for the call itself."""


class Problem(NamedTuple):
    """Why a call is refused: the error's name, and what is said."""

    kind: str
    message: str
    status: int = 400


class _Operation(NamedTuple):
    name: str
    method: str
    path: re.Pattern[str]
    shape: Any


def problem_of(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Problem | None:
    """What Lambda would refuse of a call of its API; None for what it takes or is not its own.

    `headers` are lower case.
    """
    operation, named = _operation(method, path)
    if operation is None or operation.shape is None:
        return None
    given = _given(operation, named, headers, body)
    if broken := list(_broken(operation.shape, given, "")):
        return _validation(broken)
    return _problem_of_function(operation.name, given)


def changes_function(method: str, path: str) -> str:
    """The function that a call changes, which must not be while another change is under way."""
    match = re.fullmatch(rf"{_FUNCTIONS}/([^/]+)/(code|configuration|versions)", path)
    changes = match and method == ("POST" if match[2] == "versions" else "PUT")
    return unquote(match[1]) if match and changes else ""


def versions_of_alias(method: str, path: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Function and version of all that a call of CreateAlias or UpdateAlias leads to."""
    match = re.fullmatch(rf"{_FUNCTIONS}/([^/]+)/aliases(/[^/]+)?", path)
    if match is None or method != ("PUT" if match[2] else "POST"):
        return
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        return
    weights = (given.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for version in filter(None, (given.get("FunctionVersion"), *weights)):
        yield unquote(match[1]), str(version)


def too_large(method: str, path: str) -> Problem:
    """The refusal of a call of more than `MOST_REQUEST_BYTES`."""
    operation, _ = _operation(method, path)
    what = f" for the {operation.name} operation" if operation else ""
    text = f"Request must be smaller than {MOST_REQUEST_BYTES} bytes{what}"
    return Problem("RequestEntityTooLargeException", text, 413)


def code_in_s3(method: str, path: str, body: bytes) -> tuple[str, str, str] | None:
    """Bucket, key and version ("" for the newest) of the code that a call brings, if in S3."""
    operation, _ = _operation(method, path)
    if operation is None or operation.name not in _CODE_IN:
        return None
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        return None
    code = given.get(_CODE_IN[operation.name]) if _CODE_IN[operation.name] else given
    if not isinstance(code, dict) or "ZipFile" in code:
        return None
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    return (bucket, key, code.get("S3ObjectVersion") or "") if bucket and key else None


def problem_of_package(package: bytes) -> Problem | None:
    """Why Lambda would not take a zip; None for a good one."""
    try:
        if package in (b"", _EMPTY_ZIP):
            return _invalid("Uploaded file must be a non-empty zip")
        check_package(package)
    except UsageError as exc:
        return _invalid(
            "Could not unzip uploaded file. Please check your file, then try to upload again. "
            f"({exc})"
        )
    return None


def in_progress(configuration: Mapping[str, Any]) -> Problem | None:
    """The refusal of a change while a function is `configuration`, if it is not settled yet."""
    if configuration.get("LastUpdateStatus") != "InProgress":
        if configuration.get("State") != "Pending":
            return None
        state = "The function is currently in the following state: Pending"
    else:
        state = f"An update is in progress for resource: {configuration.get('FunctionArn')}"
    text = f"The operation cannot be performed at this time. {state}"
    return Problem("ResourceConflictException", text, 409)


@functools.cache
def _operations() -> list[_Operation]:
    model = botocore.session.get_session().get_service_model("lambda")
    operations = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = operation.http["requestUri"].partition("?")[0].rstrip("/")
        path = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(uri))
        operations.append(
            _Operation(name, operation.http["method"], re.compile(path), operation.input_shape)
        )
    return operations


def _operation(method: str, path: str) -> tuple[_Operation | None, dict[str, str]]:
    for operation in _operations():
        if operation.method == method and (match := operation.path.fullmatch(path.rstrip("/"))):
            return operation, {name: unquote(text) for name, text in match.groupdict().items()}
    return None, {}


def _given(
    operation: _Operation, named: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """The members of a call's input, wherever they were sent: in its path, headers or body."""
    shape = operation.shape
    given: dict[str, Any] = {}
    if "payload" not in shape.serialization:
        try:
            parsed = json.loads(body or b"{}")
        except ValueError:
            parsed = {}
        given.update(parsed if isinstance(parsed, dict) else {})
    for name, member in shape.members.items():
        header = member.serialization.get("name", "").lower()
        if member.serialization.get("location") == "header" and header in headers:
            given[name] = headers[header]
    return {**given, **named}


def _broken(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with `value`, as the service words it."""
    if value is None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        yield from _absent(shape, value, path)
        for name in shape.members.keys() & value.keys():
            inner = name[0].lower() + name[1:]
            yield from _broken(shape.members[name], value[name], f"{path}.{inner}".lstrip("."))
    elif shape.type_name == "list" and isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _broken(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name in ("string", "integer", "long"):
        for constraint in _unmet(shape, value, path):
            shown = f"'{value}' " if "sensitive" not in shape.metadata else ""
            yield f"Value {shown}at '{path}' failed to satisfy constraint: Member must {constraint}"


def _absent(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """Members of a call's body that must be there and are not."""
    for name in shape.required_members:
        if "location" not in shape.members[name].serialization and value.get(name) is None:
            where = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _unmet(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "string":
        yield from _unmet_by_text(shape.metadata, str(value), path)
    elif isinstance(value, int) and not isinstance(value, bool):
        most = _MOST.get(path, shape.metadata.get("max"))
        if most is not None and value > most:
            yield f"have value less than or equal to {most}"
        if value < (least := shape.metadata.get("min", value)):
            yield f"have value greater than or equal to {least}"


def _unmet_by_text(limits: Mapping[str, Any], text: str, path: str) -> Iterator[str]:
    if len(text) > limits.get("max", len(text)):
        yield f"have length less than or equal to {limits['max']}"
    if len(text) < limits.get("min", 0):
        yield f"have length greater than or equal to {limits['min']}"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], text):
        yield f"satisfy regular expression pattern: {limits['pattern']}"
    if "enum" in limits and text not in limits["enum"]:
        also = " or be a valid ARN" if path == "runtime" else ""
        yield f"satisfy enum value set: [{', '.join(limits['enum'])}]{also}"


def _validation(broken: list[str]) -> Problem:
    if len(broken) == 1 and " at 'runtime' " in broken[0]:
        return _invalid(broken[0])
    count = f"{len(broken)} validation error{'s' if len(broken) > 1 else ''} detected"
    return Problem("ValidationException", f"{count}: {'; '.join(broken)}")


def _problem_of_function(operation: str, given: Mapping[str, Any]) -> Problem | None:
    if len(given.get("Layers") or ()) > _MOST_LAYERS:
        return _invalid(f"Cannot reference more than {_MOST_LAYERS} layers.")
    if operation == "CreateFunction":
        return (
            _problem_of_name(str(given.get("FunctionName", "")))
            or _problem_of_variables(given)
            or _problem_of_zip((given.get("Code") or {}).get("ZipFile"))
        )
    if operation == "UpdateFunctionConfiguration":
        return _problem_of_variables(given)
    if operation == "UpdateFunctionCode":
        return _problem_of_zip(given.get("ZipFile"))
    if operation == "PublishLayerVersion":
        return _problem_of_zip((given.get("Content") or {}).get("ZipFile"))
    return None


def _problem_of_name(name: str) -> Problem | None:
    if len(name.rpartition(":")[2]) <= _MOST_NAME:
        return None
    text = f"Member must have length less than or equal to {_MOST_NAME}"
    return _validation([f"Value '{name}' at 'functionName' failed to satisfy constraint: {text}"])


def _problem_of_variables(given: Mapping[str, Any]) -> Problem | None:
    variables = (given.get("Environment") or {}).get("Variables") or {}
    unable = "Lambda was unable to configure your environment variables because the environment "
    if reserved := sorted(RESERVED_VARIABLES & variables.keys()):
        return _invalid(
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
        return _invalid(
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


def _invalid(message: str) -> Problem:
    return Problem("InvalidParameterValueException", message)
