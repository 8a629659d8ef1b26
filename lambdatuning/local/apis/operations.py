"""Operations of AWS's APIs by method and path, with the shapes of their inputs (botocore's)."""

import functools
import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

_PARAMETER = re.compile(r"\\\{(.+?)(?:\\\+)?\\\}")
"""A parameter in the escaped path of an operation: `{Name}` or `{Name+}`."""


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
        path = re.compile(_PARAMETER.sub(_named_group, re.escape(uri)))
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
