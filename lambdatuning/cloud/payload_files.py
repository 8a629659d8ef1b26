"""Payload types from files: a folder of them, names within it, or files anywhere."""

from collections.abc import Iterable
from pathlib import Path

from ..core.errors import UsageError, closest
from ..core.payloads import PayloadType, parse_payload_type, unique


def load_payload_types(folder: Path, wanted: Iterable[str | Path] = ()) -> tuple[PayloadType, ...]:
    """The types wanted, by name in `folder` or by path; all of the folder when none is named.

    UsageError names the file, the line and the reason, or the closest known name.
    """
    known = {path.stem: path for path in sorted(folder.glob("*.json"))}
    names = list(wanted)
    paths = [_find(name, known, folder) for name in names] if names else list(known.values())
    if not paths:
        raise UsageError(f"no payload file in {folder}; name a folder that holds some")
    return unique(parse_payload_type(_text(path), str(path)) for path in paths)


def _find(name: str | Path, known: dict[str, Path], folder: Path) -> Path:
    if str(name) in known:
        return known[str(name)]
    path = Path(name)
    if path.suffix == ".json" or path.is_file():
        return path
    advice = closest(str(name), known) if known else f"there is none in {folder}"
    raise UsageError(f'unknown payload type "{name}"; {advice}')


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{path} cannot be read ({exc}); name a JSON file") from exc
