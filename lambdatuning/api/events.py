"""Which payload types a caller means: names, files, events or types."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..cloud.payload_files import load_payload_types
from ..core.errors import UsageError
from ..core.payloads import PayloadType, unique

Wanted = PayloadType | str | Path | Mapping[str, Any]
"""A type, the name of one, a file, or the event itself, which is sent as it stands."""


def payload_types(wanted: Wanted | Iterable[Wanted], folder: str | Path) -> tuple[PayloadType, ...]:
    """The types meant, () for none; names are looked up in `folder`.

    UsageError for what cannot be one.
    """
    many = [wanted] if isinstance(wanted, PayloadType | str | Path | Mapping) else list(wanted)
    if not many:
        return ()
    given = [_event(entry) if isinstance(entry, Mapping) else entry for entry in many]
    types = [entry for entry in given if isinstance(entry, PayloadType)]
    names = [entry for entry in given if isinstance(entry, str | Path)]
    if len(types) + len(names) < len(given):
        raise UsageError("a payload is a name, a file, an event (a dict) or a PayloadType")
    if sum(isinstance(entry, Mapping) for entry in many) > 1:
        raise UsageError("several events need names; write PayloadType(name, event) for each")
    return unique([*types, *(load_payload_types(Path(folder), names) if names else ())])


def _event(event: Mapping[str, Any]) -> PayloadType:
    return PayloadType("event", dict(event), literal=True)
