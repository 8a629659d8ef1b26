"""`lambdatuning schema`: JSON Schemas of what commands print with `--json`, from its types."""

import dataclasses
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import click

from ...core.errors import UsageError, closest
from ..output import Output

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
def schema(words: tuple[str, ...]) -> None:
    """Print the JSON Schemas of all `--json` outputs, by command, or that of COMMAND alone.

    COMMAND may be of two words, such as schedule run.
    """
    command, schemas = " ".join(words), output_schemas()
    if command and command not in schemas:
        raise UsageError(f'no --json output of "{command}"; {closest(command, schemas)}')
    Output(json=True).show(schemas[command] if command else schemas, "")


def output_schemas() -> dict[str, Any]:
    """The JSON Schema of each command's `--json` output, by the name of the command."""
    from ..json_outputs import OUTPUTS

    return {
        name: {
            "$schema": DIALECT,
            "title": f"lambdatuning {name} --json",
            **json_schema(kind),
        }
        for name, kind in OUTPUTS.items()
    }


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type: scalars, lists, dicts, unions, dataclasses and TypedDicts.

    >>> json_schema(list[int | None])
    {'type': 'array', 'items': {'type': ['integer', 'null']}}
    """
    if kind is Any:
        return {}
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _object(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _union([json_schema(part) for part in parts])
    if origin in (list, tuple):
        return {"type": "array", "items": json_schema(parts[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": json_schema(parts[1])}
    raise TypeError(f"no JSON Schema for {kind!r}")


def _union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    if all(part.keys() == {"type"} for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"anyOf": parts}


def _object(kind: Any) -> dict[str, Any]:
    """Further fields may come with later versions."""
    hints = get_type_hints(kind)
    required = getattr(kind, "__required_keys__", hints)
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {name: json_schema(hint) for name, hint in hints.items()},
        "required": [name for name in hints if name in required],
    }
