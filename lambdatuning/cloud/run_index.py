"""The index of a store: one line a run, a cache that is never believed over the runs.

A line is used while the files of its run are those it was made of (names, sizes and times, in S3
ETags); every other run is read. So the file may be deleted at any time, and is made again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from botocore.exceptions import ClientError

from ..core.errors import LambdaTuningError, RunFailedError
from ..core.tuning.manifest import MANIFEST_NAME
from .run_store import Skipped, Store, StoredRun, address_of, read_run, warn_of_skipped

INDEX_NAME = "_index.jsonl"

_WORTH_IT = 10
"""With fewer runs, reading them takes no longer than a cache would save."""

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Indexed:
    """What an index says of a store: the line of each run, by its folder, and how many
    runs were read for it."""

    lines: Mapping[str, Line]
    read: int


def indexed(store: Store, summarise: Callable[[StoredRun], Line], version: str = "") -> Indexed:
    """The line of each run of a store; `summarise` makes one of a run, LambdaTuningError and
    ValueError where it cannot be read, which leaves it out with a warning. Lines of another
    `version` are made again."""
    before = dict(_read(store, version))
    lines: dict[str, Line] = {}
    skipped: list[Skipped] = []
    marks = _marks(store)
    read = 0
    for prefix, mark in marks.items():
        line = before.get(prefix)
        if line is None or line["mark"] != mark:
            read += 1
            summary = _summary(store, prefix, summarise)
            if isinstance(summary, str):
                skipped.append(Skipped(address_of(store, prefix), summary))
                continue
            line = {"prefix": prefix, "mark": mark, "version": version, "run": summary}
        lines[prefix] = line
    if len(lines) >= _WORTH_IT and (read or before.keys() != lines.keys()):
        _write(store, lines.values())
    warn_of_skipped(skipped)
    return Indexed({prefix: line["run"] for prefix, line in lines.items()}, read)


def _summary(store: Store, prefix: str, summarise: Callable[[StoredRun], Line]) -> Line | str:
    """The line of a run, or why there is none."""
    run = read_run(store, prefix)
    if isinstance(run, str):
        return run
    try:
        return summarise(run)
    except (LambdaTuningError, ValueError, OSError) as exc:
        return str(exc)


def _marks(store: Store) -> dict[str, int]:
    """Of each folder with a manifest a number that changes with any of its files."""
    files: dict[str, list[str]] = {}
    for key, mark in store.fingerprints():
        folder, _, name = key.rpartition("/")
        if folder:
            files.setdefault(f"{folder}/", []).append(f"{name} {mark}")
    whole = {
        prefix: names
        for prefix, names in files.items()
        if any(name.startswith(f"{MANIFEST_NAME} ") for name in names)
    }
    return {prefix: crc32("\n".join(sorted(whole[prefix])).encode()) for prefix in sorted(whole)}


def _read(store: Store, version: str) -> Iterator[tuple[str, Line]]:
    """The lines of the file as it is; whatever cannot be read is as if it were not there."""
    try:
        text = store.read(INDEX_NAME)
    except (OSError, ClientError):
        return
    for row in text.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            line = json.loads(row)
            if line["version"] == version and isinstance(line["run"], dict) and "mark" in line:
                yield str(line["prefix"]), line


def _write(store: Store, lines: Iterable[Line]) -> None:
    """Replace the file as a whole; who may not write goes without."""
    body = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
    with suppress(OSError, ClientError):
        store.write(INDEX_NAME, body)


# Accepted levels: one line an acceptance, in a file of the function beside its runs.


ACCEPTED_NAME = "accepted.jsonl"


@dataclass(frozen=True)
class Accepted:
    """The first run of a level that is the baseline from then on, and why."""

    run_id: str
    why: str
    at: str


def accepted(store: Store, function: str) -> list[Accepted]:
    """The accepted levels of a function, oldest first."""
    try:
        text = store.read(_accepted_key(function)).decode()
    except (OSError, ClientError):
        return []
    try:
        return [Accepted(**json.loads(row)) for row in text.splitlines() if row.strip()]
    except (ValueError, TypeError) as exc:
        where = address_of(store, _accepted_key(function))
        raise RunFailedError(
            f"{where} is damaged ({exc}): correct it, or delete it and accept again"
        ) from exc


def accept(store: Store, function: str, level: Accepted) -> None:
    """Add an accepted level; in S3 the last of two at the same moment wins."""
    levels = [*accepted(store, function), level]
    body = "".join(json.dumps(vars(entry)) + "\n" for entry in levels).encode()
    store.write(_accepted_key(function), body)


def _accepted_key(function: str) -> str:
    return f"function={function}/{ACCEPTED_NAME}"
