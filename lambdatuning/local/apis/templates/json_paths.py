"""JSONPath as templates and state machines use it: members, indices, slices, wildcards, descent."""

import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(
    r"""(?P<descent>\.\.)?(?:
      \.?(?P<name>[^\s.\[\]()'"?*@,:]+)
    | \.?(?P<any>\*)
    | \[\s*(?P<anywhere>\*)\s*\]
    | \[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]
    | \[\s*(?P<index>-?\d+)\s*\]
    | \[\s*(?P<start>-?\d*)\s*:\s*(?P<end>-?\d*)\s*\]
    )""",
    re.VERBOSE,
)


class JsonPathError(Exception):
    """A path that is broken or has what is not known here."""


def at_path(value: Any, path: str) -> Iterator[Any]:
    """All values in `value` that lie at `path`, such as `$.a[0]['b']`, `$.items[*].id`, `$..id`."""
    if not path.startswith("$"):
        path = f"$.{path}"
    values, at = [value], 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise JsonPathError(f'"{path[at:]}" in the path "{path}" is not known here')
        if match["descent"]:
            values = [below for one in values for below in _below(one)]
        values = [inner for one in values for inner in _step(one, match)]
        at = match.end()
    yield from values


def _below(value: Any) -> Iterator[Any]:
    yield value
    for inner in items_of(value):
        yield from _below(inner)


def items_of(value: Any) -> list[Any]:
    """The values of a map, the items of a list, nothing else."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _step(value: Any, match: re.Match[str]) -> list[Any]:
    if match["any"] or match["anywhere"]:
        return items_of(value)
    if match["index"] is not None:
        number = int(match["index"])
        in_range = isinstance(value, list) and -len(value) <= number < len(value)
        return [value[number]] if in_range else []
    if match["start"] is not None:
        bounds = (int(text) if text else None for text in (match["start"], match["end"]))
        return value[slice(*bounds)] if isinstance(value, list) else []
    name = match["name"]
    if name is None:
        name = re.sub(r"\\(.)", r"\1", match["quoted"][1:-1])
    return [value[name]] if isinstance(value, dict) and name in value else []
