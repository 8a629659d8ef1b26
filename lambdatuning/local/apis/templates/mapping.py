"""Mapping templates of API Gateway: Apache Velocity, with $input, $util, $context, $stageVariables.

By "API Gateway mapping template and access logging variable reference" of the API Gateway Developer
Guide and the "VTL Reference" of Apache Velocity 1.7. What is not known here raises `TemplateError`
that names it.
"""

import base64
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from .java_values import Lenient, TemplateError, TemplateObject, text_of
from .json_paths import JsonPathError, at_path
from .velocity import VelocityTemplate

__all__ = ["TemplateError", "TemplateRequest", "rendered"]


@dataclass
class TemplateRequest:
    """What a template can ask for; `context` may be changed by it (`responseOverride`)."""

    body: str
    path: Mapping[str, str] = field(default_factory=dict)
    querystring: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    stage_variables: Mapping[str, str] = field(default_factory=dict)


def rendered(template: str, request: TemplateRequest) -> str:
    """`template` filled in. Raises `TemplateError` for what is not known or is broken."""
    names: dict[str, Any] = {
        "input": _Input(request),
        "util": _Util(),
        "context": (context := Lenient.of(request.context)),
        "stageVariables": Lenient.of(dict(request.stage_variables)),
    }
    try:
        text = _parsed(template).rendered(names)
    except JsonPathError as exc:
        raise TemplateError(str(exc)) from exc
    except RecursionError as exc:
        raise TemplateError("the template is nested too deeply") from exc
    if override := context.get("responseOverride"):
        request.context["responseOverride"] = override
    return text


@functools.lru_cache(maxsize=256)
def _parsed(template: str) -> VelocityTemplate:
    return VelocityTemplate(template)


class _Input(TemplateObject):
    """`$input`: the payload and the parameters of the request."""

    def __init__(self, request: TemplateRequest) -> None:
        self._request = request
        self.properties = {"body": request.body}
        self.methods: dict[str, Callable[..., Any]] = {
            "json": self._json,
            "path": self._path,
            "params": self._params,
        }

    def _root(self) -> Any:
        try:
            return json.loads(self._request.body or "{}")
        except ValueError:
            return self._request.body

    def _json(self, path: str) -> str:
        # A path that leads nowhere is an empty text, in quotes.
        values = list(at_path(self._root(), path))
        return json.dumps(_one(path, values, ""), ensure_ascii=False)

    def _path(self, path: str) -> Any:
        return _one(path, list(at_path(self._root(), path)), None)

    def _params(self, name: str | None = None) -> Any:
        request = self._request
        if name is None:
            groups = {
                "path": request.path,
                "querystring": request.querystring,
                "header": request.header,
            }
            return {group: dict(values) for group, values in groups.items()}
        lowered = {key.lower(): value for key, value in request.header.items()}
        candidates = (
            request.path.get(name),
            request.querystring.get(name),
            lowered.get(name.lower()),
        )
        return next((value for value in candidates if value is not None), "")


def _one(path: str, values: list[Any], missing: Any) -> Any:
    """A definite path has one value, another a list of all."""
    if re.search(r"\*|\.\.|\?|:|,", path):
        return values
    return values[0] if values else missing


class _Util(TemplateObject):
    """`$util`: conversions of texts."""

    def __init__(self) -> None:
        self.methods = {
            "escapeJavaScript": lambda text: "".join(_escaped(text_of(text))),
            "parseJson": _parsed_json,
            "urlEncode": lambda text: quote_plus(text_of(text), safe="*-._"),
            "urlDecode": lambda text: unquote_plus(text_of(text)),
            "base64Encode": lambda text: base64.b64encode(text_of(text).encode()).decode(),
            "base64Decode": lambda text: base64.b64decode(text).decode("utf-8", "replace"),
        }


def _parsed_json(text: Any) -> Any:
    try:
        return json.loads(text_of(text))
    except ValueError as exc:
        raise TemplateError(f"$util.parseJson: {exc}") from exc


_ESCAPES = {
    "\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r",
    "'": "\\'", '"': '\\"', "\\": "\\\\", "/": "\\/",
}  # fmt: skip


def _escaped(text: str) -> Iterator[str]:
    for character in text:
        if character in _ESCAPES:
            yield _ESCAPES[character]
        elif " " <= character <= "~":
            yield character
        else:
            units = character.encode("utf-16-be", "surrogatepass")
            yield "".join(
                f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2)
            )
