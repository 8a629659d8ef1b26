"""Operations of AWS's APIs by botocore's models: which one a call is of, and what of its body AWS
would refuse: ministack takes it, or answers 500. The texts are the services'.
"""

import functools
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

_IN_PATH = re.compile(r"\\\{(.+?)(?:\\\+)?\\\}")
"""A parameter in the escaped path of an operation: `{Name}` or `{Name+}`."""

MOST_BYTES = 16 * 1024 * 1024
"""Of any request that is read before ministack, but for those of the Lambda API: DynamoDB's own
limit, the largest among the others."""

_BY_PREFIX = {
    "AWSEvents": "events",
    "AWSStepFunctions": "stepfunctions",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "DynamoDB_20120810": "dynamodb",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
}
_BY_PATH = (
    (re.compile(r"/20\d\d-\d\d-\d\d/(functions|layers|event-source-mappings|tags)\b"), "lambda"),
    (re.compile(r"/restapis(/|$)"), "apigateway"),
    (re.compile(r"/v2/apis(/|$)"), "apigatewayv2"),
    (re.compile(r"/schedules/"), "scheduler"),
)
_SCALARS = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float, str),
    "double": (int, float, str),
    "timestamp": (int, float, str),
}
_CONTAINERS = {"structure": dict, "map": dict, "list": list}
_KINDS = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_CLASSES = {"string": "a String", "blob": "a ByteBuffer", "boolean": "a Boolean"}


_ABSENT = {
    "name": "Name cannot be an empty string",
    "protocolType": "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
}
"""What API Gateway says of members that it must have."""


class Operation(NamedTuple):
    """An operation of a REST API; `path` matches its paths and names their parameters."""

    name: str
    method: str
    path: re.Pattern[str]
    shape: Any


@functools.cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    # Without a session, which brings clients: half as much to import.
    return ServiceModel(_loader().load_service_model(service, "service-2"), service)


def service_model_or_none(service: str) -> ServiceModel | None:
    """botocore's model of a service; None where it has none."""
    try:
        return service_model(service)
    except UnknownServiceError:
        return None


@functools.cache
def _loader() -> Loader:
    return Loader()


@functools.cache
def _operations(service: str) -> list[Operation]:
    model = service_model(service)
    operations = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = operation.http["requestUri"].partition("?")[0].rstrip("/")
        path = re.compile(_IN_PATH.sub(_named_group, re.escape(uri)))
        operations.append(Operation(name, operation.http["method"], path, operation.input_shape))
    # What is spelled out comes before what may be anything.
    return sorted(
        operations, key=lambda operation: (operation.path.groups, -len(operation.path.pattern))
    )


def _named_group(match: re.Match[str]) -> str:
    name = re.sub(r"\W+", "_", match[1])
    return f"(?P<{name}>[^/]+)"


def operation_of(service: str, method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
    """The operation that a call is of, and the parameters in its path; None for none."""
    for operation in _operations(service):
        if operation.method == method and (match := operation.path.fullmatch(path.rstrip("/"))):
            return operation, {name: unquote(text) for name, text in match.groupdict().items()}
    return None, {}


def service_of(target: str, path: str, signed_for: str) -> str:
    """The service, as botocore calls it, that a JSON call is for; "" for any other request.

    `signed_for` is the service in the call's signature, "" without one: a bucket may be named
    "schedules".
    """
    if target:
        return _BY_PREFIX.get(target.partition(".")[0], "")
    service = next((service for pattern, service in _BY_PATH if pattern.match(path)), "")
    own = "apigateway" if service == "apigatewayv2" else service
    return service if signed_for in ("", own) else ""


def problem_of(service: str, target: str, method: str, path: str, query: str, body: bytes) -> str:
    """Why a service cannot read a call; "" where it can, or where the call is not known."""
    shape = _input_of(service, target, method, path)
    imports = "mode=import" in query
    if imports or (shape is not None and shape.serialization.get("payload")):
        return ""
    try:
        content = _parsed(body)
    except ValueError as exc:
        return f"Could not parse request body into json: {exc}"
    if not isinstance(content, dict):
        return _unexpected(content)
    if shape is None:
        return ""
    parameters = {name: values[-1] for name, values in parse_qs(query).items()}
    return next(itertools.chain(_misfits_of_query(shape, parameters), _misfits(shape, content)), "")


def absent_member(service: str, method: str, path: str, query: str, body: bytes) -> str:
    """What API Gateway says of a body, one that can be read, without a member that it must have.

    "" where nothing is missing. Other services look for themselves.
    """
    shape = _input_of(service, "", method, path)
    imports = "mode=import" in query
    if not service.startswith("apigateway") or shape is None or imports:
        return ""
    if shape.serialization.get("payload"):
        return ""
    content = _parsed(body)
    for member_name in shape.required_members:
        member = shape.members[member_name]
        name = member.serialization.get("name", member_name)
        value = content.get(name)
        valid = not getattr(member, "enum", None) or value in member.enum
        if "location" not in member.serialization and (value in (None, "") or not valid):
            return _ABSENT.get(name, f"Invalid request input: {name}")
    return ""


def _parsed(body: bytes) -> Any:
    """The body's JSON, `{}` for none; ValueError for what is none, or no text."""
    try:
        content = json.loads(body.decode() or "{}", parse_constant=_refuse, parse_int=_whole)
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    except UnicodeError as exc:
        raise ValueError("it is no UTF-8") from exc
    return content


def _input_of(service: str, target: str, method: str, path: str) -> Any:
    """The shape of an operation's input; None for what is not modelled."""
    if target:
        model = service_model(service)
        name = target.partition(".")[2]
        if name not in model.operation_names:
            return None
        return model.operation_model(name).input_shape
    operation, _ = operation_of(service, method, path)
    return operation.shape if operation else None


def _misfits_of_query(shape: Any, parameters: Mapping[str, str]) -> Iterator[str]:
    for name, member in shape.members.items():
        text = parameters.get(member.serialization.get("name", name))
        inside = member.serialization.get("location") == "querystring"
        if inside and text is not None and member.type_name in ("integer", "long"):
            try:
                _whole(text)
            except ValueError:
                yield "STRING_VALUE can not be converted to an Integer"


def _misfits(shape: Any, value: Any) -> Iterator[str]:
    """What is of another type than its member."""
    if value is None or getattr(shape, "is_document_type", False):
        return
    if shape.type_name in _SCALARS:
        yield from _misfits_of_scalar(shape.type_name, value)
    elif not isinstance(value, _CONTAINERS.get(shape.type_name, object)):
        yield _unexpected(value)
    else:
        for member, inner in _parts(shape, value):
            yield from _misfits(member, inner)


def _parts(shape: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """The shapes and values of what a structure, map or list holds."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            key = member.serialization.get("name", name)
            if "location" not in member.serialization and key in value:
                yield member, value[key]
    elif shape.type_name == "map":
        yield from ((shape.value, inner) for inner in value.values())
    elif shape.type_name == "list":
        yield from ((shape.member, inner) for inner in value)


def _misfits_of_scalar(kind: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        yield _unexpected(value)
    elif type(value) not in _SCALARS[kind] and not (
        int in _SCALARS[kind] and isinstance(value, float) and value.is_integer()
    ):
        yield f"{_KINDS[type(value)]} can not be converted to {_CLASSES.get(kind, 'an Integer')}"


def _unexpected(value: Any) -> str:
    """What a parser says that waits for something else."""
    if isinstance(value, dict):
        return "Start of structure or map found where not expected"
    return (
        "Start of list found where not expected"
        if isinstance(value, list)
        else ("Unexpected value type in payload")
    )


def _refuse(name: str) -> None:
    # Python takes them, JSON does not have them.
    raise ValueError(f"Unrecognized token '{name}'")


def _whole(text: str) -> int:
    if len(text) > 300 or not math.isfinite(float(text)):
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)
