"""The parameters of a notebook: read from its tagged cell, and values held to them."""

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UsageError, closest

TAG = "parameters"
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: `name: kind = default  # comment`."""

    name: str
    kind: str
    default: object
    comment: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The alternatives of a union, generics without their arguments: ("list", "None")."""
        return tuple(part.strip().partition("[")[0] for part in self.kind.split("|"))


def declared(notebook: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """The parameters in the cell tagged `parameters`, in order; () without such a cell.

    A parameter without annotation has the type of its default.
    """
    source = next(("".join(cell["source"]) for cell in notebook["cells"] if TAG in tags(cell)), "")
    lines = source.splitlines()
    found = []
    for node in ast.parse(source).body:
        target = _target(node)
        if target is None or node.value is None:  # type: ignore[attr-defined]
            continue
        default = ast.literal_eval(node.value)  # type: ignore[attr-defined]
        kind = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
        end = lines[(node.end_lineno or 1) - 1][node.end_col_offset or 0 :]
        comment = end.partition("#")[2].strip()
        found.append(Parameter(target, kind or type(default).__name__, default, comment))
    return tuple(found)


def tags(cell: Mapping[str, Any]) -> Sequence[str]:
    """The tags of a cell."""
    found: Sequence[str] = cell.get("metadata", {}).get("tags", [])
    return found


def check_names(names: Iterable[str], known: Iterable[Parameter], where: str) -> None:
    """UsageError, naming the closest match, for the first name that is no parameter."""
    parameters = [parameter.name for parameter in known]
    for name in names:
        if name not in parameters:
            hint = closest(name, parameters) if parameters else "it has no parameters"
            raise UsageError(f'unknown parameter "{name}" of {where}; {hint}')


def convert(parameter: Parameter, value: object, *, folder: Path) -> object:
    """The value as the declared type; text (from a command line) is parsed.

    Text for a parameter that may be a `Path` is relative to `folder`, where the command was given;
    addresses such as `s3://...` stay as they are.

    Raises:
        UsageError: the value does not fit the declared type.
    """
    if isinstance(value, Path):
        value = str(value)
    for kind in parameter.kinds:
        fits, converted = _READERS[kind](value) if kind in _READERS else (False, None)
        if fits:
            return _located(parameter, converted, folder)
    raise UsageError(
        f"parameter {parameter.name} must be {parameter.kind}, such as "
        f"{json.dumps(parameter.default, default=str)}; not {value!r}"
    )


def _located(parameter: Parameter, value: object, folder: Path) -> object:
    if "Path" not in parameter.kinds or not isinstance(value, str) or not value:
        return value
    return value if "://" in value else str((folder / Path(value).expanduser()).resolve())


def _target(node: ast.stmt) -> str | None:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


Read = tuple[bool, object]


def _read_str(value: object) -> Read:
    return isinstance(value, str), value


def _read_int(value: object) -> Read:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
        return True, int(value)
    return isinstance(value, int) and not isinstance(value, bool), value


def _read_float(value: object) -> Read:
    if isinstance(value, str):
        try:
            return True, float(value)
        except ValueError:
            return False, None
    return isinstance(value, int | float) and not isinstance(value, bool), value


def _read_bool(value: object) -> Read:
    if isinstance(value, str):
        text = value.strip().lower()
        return text in _TRUE | _FALSE, text in _TRUE
    return isinstance(value, bool), value


def _read_none(value: object) -> Read:
    empty = isinstance(value, str) and value.strip().lower() in {"", "none", "null"}
    return empty or value is None, None


def _read_list(value: object) -> Read:
    parsed = _json(value)
    if isinstance(value, str) and not isinstance(parsed, list):
        parsed = [_scalar(part.strip()) for part in value.split(",") if part.strip()]
    return isinstance(parsed, list | tuple), list(parsed) if isinstance(parsed, list | tuple) else 0


def _read_dict(value: object) -> Read:
    parsed = _json(value)
    return isinstance(parsed, dict), parsed


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _scalar(text: str) -> object:
    parsed = _json(text)
    return parsed if isinstance(parsed, int | float) else text


_READERS = {
    "None": _read_none,
    "bool": _read_bool,
    "int": _read_int,
    "float": _read_float,
    "list": _read_list,
    "dict": _read_dict,
    "str": _read_str,
    "Path": _read_str,
}
