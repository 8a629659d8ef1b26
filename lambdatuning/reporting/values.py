"""Values of parameters: held to their declared types, and written as code."""

import ast
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from ..core.errors import UsageError
from ..core.format import one_line
from .parameters import NotebookParameter, SourceText


class Typed(str):
    """Text as somebody typed it on a command line: for a parameter without a type, papermill's
    reading of it counts ("5" is a number)."""

    __slots__ = ()


def convert(parameter: NotebookParameter, value: object, *, folder: Path) -> object:
    """The value as the declared type; text (from a command line) is parsed.

    Text for a parameter that may be a `Path` is relative to `folder`, where the command was given;
    addresses such as `s3://...` stay as they are. A type that is not known here (a class of the
    notebook's own, say) is taken as papermill takes it.

    Raises:
        UsageError: the value does not fit the declared type, or cannot be written as code.
    """
    member = _member(parameter, value)
    if member is not None:
        return member
    try:
        return _Reader(folder).read(_annotation(parameter.kind), _plain(value))
    except _MisfitError as exc:
        example = parameter.default
        if not isinstance(example, SourceText):
            example = json.dumps(example, default=str)
        raise UsageError(
            f"parameter {parameter.name} must be {parameter.kind}, such as {example}; not {value!r}"
        ) from exc
    except _ForeignError as exc:
        raise UsageError(
            f"parameter {parameter.name}: a {type(exc.args[0]).__name__} cannot be written into a "
            "notebook; give text, numbers, dates, or lists and dicts of them"
        ) from exc


def _member(parameter: NotebookParameter, value: object) -> SourceText | None:
    """The code of an enumeration's member, given as it is or written as the default is."""
    kind = parameter.kind
    if isinstance(value, Enum):
        same = type(value).__name__ == kind.rpartition(".")[2]
        return SourceText(f"{kind}.{value.name}") if same else None
    default, written = parameter.default, re.compile(rf"{re.escape(kind)}\.[^\W\d]\w*")
    is_like_default = (
        bool(kind)
        and isinstance(default, SourceText)
        and isinstance(value, str)
        and written.fullmatch(default)
        and written.fullmatch(value)
    )
    return SourceText(value) if is_like_default else None


def read_yaml(text: str, source: str) -> dict[str, object]:
    """Parameters from JSON or YAML, dates as text; UsageError names `source`."""
    try:
        # YAML has JSON within it, but for tabs before a name.
        values = json.loads(text)
    except ValueError:
        try:
            values = yaml.load(text, _Loader)  # noqa: S506 (a safe loader)
        except yaml.YAMLError as exc:
            raise UsageError(f"{source} is not YAML: {one_line(exc)}") from exc
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise UsageError(f'{source} must give values to names, as in "num: 20"')
    return values


def as_code(value: object) -> object:
    """What papermill can write into a notebook: plain data as it is, anything else as its code."""
    return value if _is_json(value) else SourceText(_code(value))


def as_data(value: object) -> object:
    """What papermill can write in any language: text, numbers, lists and dicts of them."""
    if isinstance(value, dict):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _is_json(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_json, value.values()))
    return value is None or isinstance(value, str | bool | int)


def _code(value: object) -> str:
    """Python source of a value, which needs no import and no name of the notebook's."""
    if isinstance(value, date | time | timedelta):
        # Its time zone is written with the module it is of, too.
        return re.sub(r"\b(datetime|zoneinfo)\.", r'__import__("\1").', repr(_portable(value)))
    if isinstance(value, Decimal):
        return f'__import__("decimal").{value!r}'
    if isinstance(value, Path):
        return f'__import__("pathlib").Path({str(value)!r})'
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_code(key)}: {_code(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple | set | frozenset):
        items = f"[{', '.join(map(_code, value))}]"
        return items if isinstance(value, list) else f"{type(value).__name__}({items})"
    unwritable = isinstance(value, float) and not math.isfinite(value)
    return f'float("{value}")' if unwritable else repr(value)


def _portable(value: date | time | timedelta) -> date | time | timedelta:
    """The same moment in a time zone that Python itself has."""
    if not isinstance(value, datetime) or isinstance(value.tzinfo, timezone | ZoneInfo | None):
        return value
    offset = value.utcoffset()
    return value if offset is None else value.astimezone(timezone(offset))


class _MisfitError(Exception):
    """A value is not of its type."""


class _ForeignError(Exception):
    """A value that no notebook can be given."""


_ANY = ast.Constant(...)


def _annotation(kind: str) -> ast.expr:
    try:
        return ast.parse(kind, mode="eval").body if kind else _ANY
    except SyntaxError:
        return _ANY


def _plain(value: object) -> object:
    """NumPy's and pandas' values as Python's own; paths, and members of
    enumerations that are text or numbers, as these."""
    if isinstance(value, Path):
        return str(value)
    if type(value).__name__ in {"NaTType", "NAType"}:  # what is missing in pandas
        return None
    if isinstance(value, Enum) and isinstance(value, str | int | float):
        return value.value
    for method in ("to_pydatetime", "to_pytimedelta", "tolist"):
        convert_it: Callable[[], object] | None = getattr(value, method, None)
        if convert_it is not None:
            return convert_it()
    return value


class _Reader:
    """Reads values by annotations; text for a path is relative to `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._forms: Mapping[str, Callable[[Sequence[ast.expr], object], object]] = {
            "Literal": self._literal,
            **dict.fromkeys(_PATHS, self._path),
            **{name: partial(self._collection, kind) for name, kind in _COLLECTIONS.items()},
            **dict.fromkeys(_DICTS, self._dict),
        }

    def read(self, kind: ast.expr, value: object) -> object:
        """The value as that type; _MisfitError if it is not one."""
        options = tuple(_options(kind))
        if len(options) > 1:
            return self._first(options, value)
        name, arguments = _name(options[0])
        if name in self._forms:
            return self._forms[name](arguments, value)
        return _SCALARS.get(name, _read_any)(value)

    def _first(self, options: Sequence[ast.expr], value: object) -> object:
        """By the first alternative that fits; the word "none" is None wherever that is one."""
        names = [_name(option)[0] for option in options]
        if "None" in names and isinstance(value, str) and value.lower() in {"none", "null"}:
            return None
        if _PATHS.intersection(names) and "str" in names and isinstance(value, str):
            return self._located(value)
        for option in options:
            try:
                return self.read(option, value)
            except _MisfitError:
                continue
        raise _MisfitError

    def _literal(self, arguments: Sequence[ast.expr], value: object) -> object:
        for argument in arguments:
            try:
                allowed: object = ast.literal_eval(argument)
            except ValueError:  # a member of an enumeration
                allowed = SourceText(ast.unparse(argument))
            if value == allowed and isinstance(value, bool) == isinstance(allowed, bool):
                return allowed
            if isinstance(value, str) and value == str(allowed):
                return allowed
        raise _MisfitError

    def _path(self, _: Sequence[ast.expr], value: object) -> Path:
        return Path(self._located(_read_str(value)))

    def _collection(self, kind: type, arguments: Sequence[ast.expr], value: object) -> object:
        """A list, tuple or set; text is JSON, Python, YAML, or parts with commas between."""
        parts = _parts(value, typed=bool(arguments))
        open_ended = len(arguments) == 2 and ast.unparse(arguments[1]) == "..."
        if kind is not tuple or not arguments or open_ended:
            inner = arguments[0] if arguments else _ANY
            return kind(self.read(inner, _plain(part)) for part in parts)
        if len(parts) != len(arguments):
            raise _MisfitError
        return tuple(self.read(*pair) for pair in zip(arguments, parts, strict=True))

    def _dict(self, arguments: Sequence[ast.expr], value: object) -> object:
        parsed = _structure(value) if isinstance(value, str) else value
        if not isinstance(parsed, Mapping):
            raise _MisfitError
        keys, values = arguments if len(arguments) == 2 else (_ANY, _ANY)
        return {
            self.read(keys, key): self.read(values, _plain(item)) for key, item in parsed.items()
        }

    def _located(self, text: str) -> str:
        if not text or "://" in text:
            return text
        return str((self._folder / Path(text).expanduser()).resolve())


def _options(kind: ast.expr) -> Iterator[ast.expr]:
    """The alternatives of `a | b`, `Union[a, b]` and `Optional[a]`; else the type itself."""
    if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
        yield from _options(_annotation(kind.value))
        return
    if isinstance(kind, ast.BinOp) and isinstance(kind.op, ast.BitOr):
        yield from _options(kind.left)
        yield from _options(kind.right)
        return
    name, arguments = _name(kind)
    if name in {"Annotated", "Final"} and arguments:
        yield from _options(arguments[0])
    elif name in {"Union", "Optional"} and arguments:
        for argument in arguments:
            yield from _options(argument)
        if name == "Optional":
            yield ast.Constant(None)
    else:
        yield kind


def _name(kind: ast.expr) -> tuple[str, Sequence[ast.expr]]:
    """The last part of a type's name, and what stands in its brackets."""
    if isinstance(kind, ast.Subscript):
        inner = kind.slice
        return _name(kind.value)[0], inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if isinstance(kind, ast.Attribute):
        return kind.attr, ()
    if isinstance(kind, ast.Constant):
        return str(kind.value), ()
    return (kind.id if isinstance(kind, ast.Name) else ""), ()


# ---- Values of one type


def _read_any(value: object) -> object:
    """As papermill takes it: typed text is a number, a truth value or None if it looks like one."""
    if isinstance(value, Typed):
        if value in {"True", "False", "None"}:
            return ast.literal_eval(value)
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_read_any(_plain(item)) for item in value)
    if isinstance(value, Mapping):
        return {_read_any(key): _read_any(_plain(item)) for key, item in value.items()}
    if value is None or isinstance(value, _WRITABLE):
        return value
    raise _ForeignError(value)


_WRITABLE = (str, bool, int, float, Decimal, date, time, timedelta)


def _read_none(value: object) -> None:
    if value is None or (isinstance(value, str) and value.strip().lower() in {"", "none", "null"}):
        return
    raise _MisfitError


def _read_str(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    raise _MisfitError


def _read_int(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+(_[0-9]+)*\s*", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _MisfitError


def _read_float(value: object) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise _MisfitError from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _MisfitError


_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def _read_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise _MisfitError


def _read_decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise _MisfitError
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        raise _MisfitError from None


def _read_time(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(_read_str(value).strip())
    except ValueError:
        raise _MisfitError from None


def _read_moment(value: object) -> datetime:
    if isinstance(value, date):
        return (
            value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        )
    try:
        return datetime.fromisoformat(_read_str(value).strip())
    except ValueError:
        raise _MisfitError from None


def _read_date(value: object) -> date:
    if isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    try:
        return date.fromisoformat(_read_str(value).strip())
    except ValueError:
        raise _MisfitError from None


_SCALARS: Mapping[str, Callable[[object], object]] = {
    "None": _read_none,
    "NoneType": _read_none,
    "bool": _read_bool,
    "int": _read_int,
    "float": _read_float,
    "str": _read_str,
    "date": _read_date,
    "datetime": _read_moment,
    "time": _read_time,
    "Decimal": _read_decimal,
}

_COLLECTIONS: Mapping[str, type] = {
    "list": list,
    "List": list,
    "Sequence": list,
    "Iterable": list,
    "Collection": list,
    "tuple": tuple,
    "Tuple": tuple,
    "set": set,
    "Set": set,
    "frozenset": frozenset,
    "FrozenSet": frozenset,
}
_PATHS = frozenset(("Path", "PosixPath", "PurePath"))
_DICTS = frozenset(("dict", "Dict", "Mapping", "MutableMapping"))


def _parts(value: object, *, typed: bool) -> Sequence[object]:
    """The parts of a collection; of text with commas, as text where a type will read them."""
    if isinstance(value, str):
        bracketed = value.strip().startswith(("[", "{", "("))
        # Without brackets and quotes "1, 2" may be two texts: the type of the parts says.
        if bracketed or not typed or "'" in value or '"' in value:
            parsed = _structure(value)
            if isinstance(parsed, list | tuple | set):
                return list(parsed)
        if bracketed:
            raise _MisfitError
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return parts if typed else [_scalar(part) for part in parts]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    raise _MisfitError


def _structure(text: str) -> object:
    """Text as JSON, as Python, or (in brackets) as YAML; None if it is none of them."""
    readers: tuple[Callable[[str], object], ...] = (json.loads, ast.literal_eval, _load_yaml)
    for read in readers:
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, yaml.YAMLError):
            continue
    return None


def _load_yaml(text: str) -> object:
    if not text.strip().startswith(("[", "{")):
        raise ValueError
    return yaml.load(text, _Loader)  # noqa: S506 (a safe loader without dates)


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay text, as in papermill."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own way)
        first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _scalar(text: str) -> object:
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    return parsed if isinstance(parsed, int | float) else text
