"""Placeholders in events and items, rendered afresh for every invocation."""

import random
import re
import uuid
from dataclasses import dataclass
from typing import Any

from .errors import UsageError, closest

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)((?::[^{}:]*)*)\s*\}\}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz     "


@dataclass(frozen=True)
class Context:
    """What placeholders are rendered from; the same context renders the same text."""

    run: str
    payload: str
    n: int
    seed: int = 0
    table: str = ""
    memory_mb: int = 0
    timestamp: str = ""


def render(value: Any, context: Context) -> Any:
    """`value` with every placeholder of its strings filled in.

    `{{uuid}} {{n}} {{run}} {{table}} {{payload}} {{memory_mb}} {{timestamp}} {{text:LENGTH}}
    {{int:LOW:HIGH}}`; a string that is one `{{int:..}}` or `{{n:int}}` alone becomes a number.
    """
    rng = random.Random(f"{context.seed}/{context.run}/{context.payload}/{context.n}")  # noqa: S311
    return _render(value, context, rng)


def _render(value: Any, context: Context, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {_render_text(k, context, rng): _render(v, context, rng) for k, v in value.items()}
    if isinstance(value, list):
        return [_render(item, context, rng) for item in value]
    if isinstance(value, str):
        return _render_string(value, context, rng)
    return value


def _render_string(text: str, context: Context, rng: random.Random) -> str | int:
    match = _PLACEHOLDER.fullmatch(text)
    if match and (match[1] == "int" or match[2] == ":int"):
        return int(_fill(match, context, rng))
    return _render_text(text, context, rng)


def _render_text(text: str, context: Context, rng: random.Random) -> str:
    return _PLACEHOLDER.sub(lambda match: _fill(match, context, rng), text)


def _fill(match: re.Match[str], context: Context, rng: random.Random) -> str:
    name, arguments = match[1], match[2].split(":")[1:]
    try:
        match name, arguments:
            case "uuid", []:
                return str(uuid.UUID(int=rng.getrandbits(128), version=4))
            case "text", [length]:
                return "".join(rng.choices(_ALPHABET, k=int(length)))
            case "int", [low, high]:
                return str(rng.randint(int(low), int(high)))
            case "n", [] | ["int"]:
                return str(context.n)
            case (("run" | "table" | "payload" | "memory_mb" | "timestamp"), []):
                return str(getattr(context, name))
    except ValueError as exc:
        raise UsageError(f"placeholder {match[0]}: {exc}") from exc
    known = ("uuid", "n", "run", "table", "payload", "memory_mb", "timestamp", "text", "int")
    raise UsageError(f"unknown placeholder {match[0]}; {closest(name, known)}")
