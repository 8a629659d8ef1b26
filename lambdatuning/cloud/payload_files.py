"""Payload types from files: a folder of them, names within it, or files anywhere."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ..core.errors import UsageError, closest
from ..core.payloads import PayloadType, parse_payload_type, unique

_TELLING = {"event", "weight", "seed", "literal"}
"""Fields by which a payload file is known; an event may well have a name or a description."""


def load_payload_types(folder: Path, wanted: Iterable[str | Path] = ()) -> tuple[PayloadType, ...]:
    """The types wanted, by name in `folder` or by path; all of the folder when none is named.

    A file that is given by its path may also be a plain event, which is sent as it stands.
    UsageError names the file, the line and the reason, or the closest known name.
    """
    known = {path.stem: path for path in sorted(folder.glob("*.json"))}
    names = list(wanted)
    paths = [_find(name, known, folder) for name in names] if names else list(known.values())
    if not paths:
        raise UsageError(f"no payload file in {folder}; name a folder that holds some")
    return unique(_read(path, plain=path not in known.values()) for path in paths)


def _find(name: str | Path, known: dict[str, Path], folder: Path) -> Path:
    if str(name) in known:
        return known[str(name)]
    path = Path(name)
    if path.suffix == ".json" or path.is_file():
        return path
    advice = closest(str(name), known) if known else f"there is none in {folder}"
    raise UsageError(f'unknown payload type "{name}"; {advice}')


def _read(path: Path, *, plain: bool) -> PayloadType:
    """A payload type; a file without the fields of one is an event where that may be (`plain`)."""
    text = _text(path)
    if plain and _is_event(text):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("._-")[:64] or "event"
        described = {"description": f"the event in {path.name}", "literal": True}
        text = json.dumps({"name": name, "event": json.loads(text), **described})
    return parse_payload_type(text, str(path))


def _is_event(text: str) -> bool:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return False
    return not isinstance(value, dict) or not value.keys() & _TELLING


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{path} cannot be read ({exc}); name a JSON file") from exc
