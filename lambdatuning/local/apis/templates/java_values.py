"""Values of a template as Java has them: their texts, methods, properties and arithmetic."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

MOST_TURNS = 1000
"""Of one `#foreach`; API Gateway's own limit."""


class TemplateError(Exception):
    """A template that is broken, or has what is not known here."""


class TemplateObject:
    """An object whose named methods and properties a template may use."""

    methods: Mapping[str, Callable[..., Any]] = {}
    properties: Mapping[str, Any] = {}


class Lenient(dict[str, Any]):
    """A map in which what is missing is an empty text, not an undefined reference."""

    @classmethod
    def of(cls, value: Any) -> Any:
        """`value`, with each map in it lenient."""
        if isinstance(value, dict):
            return cls({key: cls.of(inner) for key, inner in value.items()})
        return value


class Undefined:
    """What a reference leads to that leads nowhere."""


UNDEFINED = Undefined()


def text_of(value: Any) -> str:
    """A value as Java writes it into a template."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, Lenient) and not value:
        return ""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={text_of(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def property_of(value: Any, name: str) -> Any:
    """`$value.name`; UNDEFINED where there is none."""
    if isinstance(value, TemplateObject):
        return value.properties.get(name, UNDEFINED)
    if isinstance(value, dict):
        return item_of(value, name)
    if isinstance(value, list | str) and name in ("empty", "length", "size"):
        return not value if name == "empty" else len(value)
    return UNDEFINED


def item_of(value: Any, key: Any) -> Any:
    """`$value[key]`; UNDEFINED where there is none."""
    if isinstance(value, dict):
        return value.get(key, Lenient() if isinstance(value, Lenient) else UNDEFINED)
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return UNDEFINED


def called(value: Any, name: str, arguments: list[Any], source: str) -> Any:
    """`$value.name(arguments)`. Raises `TemplateError` for a method that is not known here."""
    if value is None:
        return UNDEFINED
    methods = value.methods if isinstance(value, TemplateObject) else _methods_of(value)
    method = methods.get(name)
    if method is None:
        raise TemplateError(f"the embedded AWS does not know {name}() in {source}")
    values = [None if isinstance(one, Undefined) else one for one in arguments]
    try:
        return method(*values) if isinstance(value, TemplateObject) else method(value, *values)
    except TemplateError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, re.error) as exc:
        raise TemplateError(f"{source}: {exc}") from exc


def _methods_of(value: Any) -> Mapping[str, Callable[..., Any]]:
    for kind, methods in _METHODS:
        if isinstance(value, kind):
            return methods
    return {}


def _appended(items: list[Any], *arguments: Any) -> bool:
    """`add(item)`, or `add(index, item)`."""
    if len(arguments) == 2:
        items.insert(*arguments)
    else:
        items.append(arguments[0])
    return True


def _put(values: dict[str, Any], key: Any, value: Any) -> Any:
    before = values.get(key)
    values[key] = value
    return "" if before is None else before


_COMMON: dict[str, Callable[..., Any]] = {
    "equals": lambda one, other: one == other,
    "toString": text_of,
}
_TEXT: dict[str, Callable[..., Any]] = {
    **_COMMON,
    "charAt": lambda text, at: text[at],
    "concat": lambda text, other: text + other,
    "contains": lambda text, other: other in text,
    "endsWith": lambda text, other: text.endswith(other),
    "equalsIgnoreCase": lambda text, other: text.lower() == str(other).lower(),
    "indexOf": lambda text, other: text.find(other),
    "isEmpty": lambda text: not text,
    "lastIndexOf": lambda text, other: text.rfind(other),
    "length": len,
    "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    "replace": lambda text, old, new: text.replace(old, new),
    "replaceAll": lambda text, old, new: re.sub(old, re.sub(r"\$(\d)", r"\\\1", new), text),
    "replaceFirst": lambda text, old, new: re.sub(
        old, re.sub(r"\$(\d)", r"\\\1", new), text, count=1
    ),
    "split": lambda text, pattern: re.split(pattern, text),
    "startsWith": lambda text, other: text.startswith(other),
    "substring": lambda text, start, end=None: text[start:end],
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
}
_LIST: dict[str, Callable[..., Any]] = {
    **_COMMON,
    "add": _appended,
    "addAll": lambda items, others: items.extend(others) or True,
    "contains": lambda items, one: one in items,
    "get": lambda items, at: items[at],
    "indexOf": lambda items, one: items.index(one) if one in items else -1,
    "isEmpty": lambda items: not items,
    "remove": lambda items, at: items.pop(at),
    "set": lambda items, at, one: items.__setitem__(at, one),
    "size": len,
}
_MAP: dict[str, Callable[..., Any]] = {
    **_COMMON,
    "containsKey": lambda values, key: key in values,
    "containsValue": lambda values, value: value in values.values(),
    "entrySet": lambda values: [{"key": key, "value": value} for key, value in values.items()],
    "get": item_of,
    "getKey": lambda entry: entry["key"],
    "getValue": lambda entry: entry["value"],
    "isEmpty": lambda values: not values,
    "keySet": list,
    "put": _put,
    "putAll": lambda values, others: values.update(others) or "",
    "remove": lambda values, key: values.pop(key, ""),
    "size": len,
    "values": lambda values: list(values.values()),
}
_NUMBER: dict[str, Callable[..., Any]] = {**_COMMON, "intValue": int, "doubleValue": float}
_METHODS: tuple[tuple[Any, dict[str, Callable[..., Any]]], ...] = (
    (str, _TEXT),
    (list, _LIST),
    (dict, _MAP),
    ((int, float), _NUMBER),
)


def holds(value: Any) -> bool:
    """Velocity 1.7: what is there is true, unless it is the boolean false."""
    return not (value is None or value is False or isinstance(value, Undefined))


def whole_numbers(first: Any, last: Any) -> list[int]:
    """`[first..last]`, upwards or downwards."""
    if not (isinstance(first, int) and isinstance(last, int)):
        raise TemplateError("a range goes from a whole number to a whole number")
    step = 1 if first <= last else -1
    if abs(last - first) > MOST_TURNS * 100:
        raise TemplateError(f"a range of {abs(last - first)} numbers is too long")
    return list(range(first, last + step, step))


def computed(operator: str, left: Any, right: Any) -> Any:
    """`left operator right`; None where Velocity has no value for it."""
    if operator in ("==", "!="):
        same = _comparable(left) == _comparable(right)
        return same if operator == "==" else not same
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return text_of(left) + text_of(right)
    numbers = all(isinstance(one, int | float) for one in (left, right))
    if not numbers:
        # Velocity logs it and goes on without a value.
        return False if operator in ("<", "<=", ">", ">=") else None
    return _arithmetic(operator, left, right)


def _comparable(value: Any) -> Any:
    return None if isinstance(value, Undefined) else value


def _arithmetic(operator: str, left: Any, right: Any) -> Any:
    if operator in ("/", "%"):
        if right == 0:
            return None
        whole = isinstance(left, int) and isinstance(right, int)
        # Java rounds towards zero.
        quotient = int(left / right) if whole else left / right
        return quotient if operator == "/" else left - right * int(left / right)
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }[operator]()
