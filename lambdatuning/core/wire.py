"""Spelling at the border: camelCase in JSON, snake_case inside."""

import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_UNDERSCORE = re.compile(r"_([a-z0-9])")
_SNAKE = {"within1": "within_1", "within5": "within_5"}
"""A number after an underscore leaves no trace in camelCase, so that these are named."""


def snake(name: str) -> str:
    """A name as it is inside; one that is so already stays.

    >>> snake("codeSha256"), snake("run_id")
    ('code_sha256', 'run_id')
    """
    return _SNAKE.get(name) or _HUMP.sub(lambda match: f"_{match[0].lower()}", name)


def camel(name: str) -> str:
    """A name as it is in JSON.

    >>> camel("billed_ms_critical_path")
    'billedMsCriticalPath'
    """
    return _UNDERSCORE.sub(lambda match: match[1].upper(), name)


def finite(value: float) -> float | None:
    """A number for JSON, which has neither NaN nor infinity: these are None."""
    return value if math.isfinite(value) else None


def inside(value: Any) -> Any:
    """A JSON value with all names in it as they are inside."""
    return _renamed(value, snake)


def outside(value: Any) -> Any:
    """A value with all names in it as they are in JSON; tuples become lists."""
    return _renamed(value, camel)


def known_fields(record: type, value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entries of a JSON object that a dataclass has a field for, and the others as they are."""
    names = {field.name for field in fields(record)} - {"extra"}
    own = {snake(name): entry for name, entry in value.items() if snake(name) in names}
    return own, {name: entry for name, entry in value.items() if snake(name) not in names}


def misfit(record: type, value: Mapping[str, Any]) -> str:
    """The first name in a JSON object whose value does not fit the type of the dataclass's field;
    "" where all fit. null fits all, and what is absent or not known is not looked at.

    >>> from dataclasses import make_dataclass
    >>> misfit(make_dataclass("Size", [("memory_mb", int)]), {"memoryMb": "x"})
    'memoryMb'
    """
    types = get_type_hints(record)
    for name, entry in value.items():
        hint = types.get(snake(name), Any)
        if not _fits(hint, entry):
            return name
    return ""


def _fits(hint: Any, value: Any) -> bool:
    if hint is Any or value is None:
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(each, value) for each in inner if each is not NoneType)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(inner[0], each) for each in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(inner[1], v) for v in value.values())
    if is_dataclass(hint):
        return isinstance(value, Mapping) and not misfit(cast(type, hint), value)
    plain = int | float if hint is float else hint
    return isinstance(value, plain) and (hint is bool or not isinstance(value, bool))


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, Mapping):
        return {rename(str(name)): _renamed(entry, rename) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(entry, rename) for entry in value]
    return value
