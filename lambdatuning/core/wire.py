"""Spelling at the border: camelCase in JSON, snake_case inside."""

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")

_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_UNDERSCORE = re.compile(r"_([a-z0-9])")
_SNAKE = {"within1": "within_1", "within5": "within_5"}
"""A number after an underscore leaves no trace in camelCase, so that these are named."""


@lru_cache(maxsize=1024)
def snake(name: str) -> str:
    """A name as it is inside; one that is so already stays.

    >>> snake("codeSha256"), snake("run_id")
    ('code_sha256', 'run_id')
    """
    return _SNAKE.get(name) or _HUMP.sub(lambda match: f"_{match[0].lower()}", name)


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """A name as it is in JSON.

    >>> camel("billed_ms_critical_path")
    'billedMsCriticalPath'
    """
    return _UNDERSCORE.sub(lambda match: match[1].upper(), name)


def finite(value: float) -> float | None:
    """A number for JSON, which has neither NaN nor infinity: these are None."""
    return value if math.isfinite(value) else None


def outside(value: Any) -> Any:
    """A value with all names in it as they are in JSON; tuples become lists."""
    if isinstance(value, Mapping):
        return {camel(str(name)): outside(entry) for name, entry in value.items()}
    return [outside(entry) for entry in value] if isinstance(value, list | tuple) else value


def known_fields(record: type, value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entries of a JSON object that a dataclass has a field for, and the others as they are."""
    names = _names(record)
    own = {snake(name): entry for name, entry in value.items() if snake(name) in names}
    if len(own) == len(value):
        return own, {}
    return own, {name: entry for name, entry in value.items() if snake(name) not in names}


@cache
def _names(record: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(record)) - {"extra"}


def read_record(record: type[Record], value: Mapping[str, Any]) -> Record:
    """The dataclass in a JSON object, and those inside it.

    What is absent, or null without being allowed to, has its default. Where the dataclass has a
    field `extra`, it keeps the entries that no field is for. TypeError for what `misfit` names.

    >>> from dataclasses import make_dataclass
    >>> read_record(make_dataclass("Size", [("memory_mb", int)]), {"memoryMb": 128})
    Size(memory_mb=128)
    """
    own, extra = known_fields(record, value)
    hints = _hints(cast(type, record))
    arguments = {
        name: _read(hints[name], entry)
        for name, entry in own.items()
        if entry is not None or _fits_null(hints[name])
    }
    return record(**arguments, **({"extra": extra} if extra and "extra" in hints else {}))


def write_record(record: Any) -> dict[str, object]:
    """The inverse of `read_record`: a JSON object."""
    kind: type = type(record)
    own = {name: _write(getattr(record, field)) for field, name in _written_names(kind).items()}
    return {**getattr(record, "extra", {}), **own}


@cache
def _written_names(record: type) -> Mapping[str, str]:
    return {field.name: camel(field.name) for field in fields(record) if field.name != "extra"}


def misfit(record: type, value: Mapping[str, Any]) -> str:
    """The first name in a JSON object whose value does not fit the type of the dataclass's field,
    or the first field without a default that the object lacks; "" where all fit. null fits what
    has a default, and what the dataclass does not know is not looked at.

    >>> from dataclasses import make_dataclass
    >>> misfit(make_dataclass("Size", [("memory_mb", int)]), {"memoryMb": "x"})
    'memoryMb'
    """
    hints = _hints(record)
    present = {snake(name): entry for name, entry in value.items()}
    for name, entry in value.items():
        if not _fits(hints.get(snake(name), Any), entry):
            return name
    needed = (field.name for field in fields(record) if _needed(field))
    return next((name for name in needed if _lacking(name, present, hints[name])), "")


@cache
def _hints(record: type) -> Mapping[str, Any]:
    return get_type_hints(record)


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _lacking(name: str, present: Mapping[str, Any], hint: Any) -> bool:
    return present.get(name) is None and not (name in present and _fits_null(hint))


def _fits_null(hint: Any) -> bool:
    return hint is Any or NoneType in get_args(hint)


def _fits(hint: Any, value: Any) -> bool:
    if hint is Any or value is None:
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(part, value) for part in inner if part is not NoneType)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(inner[0], item) for item in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(inner[1], v) for v in value.values())
    if is_dataclass(hint):
        return isinstance(value, Mapping) and not misfit(cast(type, hint), value)
    plain = int | float if hint is float else hint
    return isinstance(value, plain) and (hint is bool or not isinstance(value, bool))


def _read(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _read(next(part for part in inner if part is not NoneType), value)
    if origin is tuple:
        return tuple(_read(inner[0], item) for item in value)
    return read_record(cast(type, hint), value) if is_dataclass(hint) else value


def _write(value: Any) -> Any:
    if is_dataclass(value):
        return write_record(value)
    return [_write(item) for item in value] if isinstance(value, tuple) else value
