"""The sample, one row an invocation, and the CSV parts in which samples are stored."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One invocation, as Lambda billed it.

    `duration_ms` is the handler's time alone; `init_ms` (cold start) and `restore_ms` (SnapStart)
    stand beside it. `error` is the error type, "" for success. `environment` names the execution
    environment, "" where it could not be learnt. `stolen_ms` is CPU time lost to other load, known
    on the embedded AWS only. `cost_usd` is duration plus request fee at the price book's rates.
    """

    payload: str
    memory_mb: int
    invocation: int
    cold: bool
    environment: str
    started_at: str
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    restore_ms: float | None
    max_memory_mb: int | None
    error: str
    cost_usd: float
    request_id: str
    architecture: str
    retries: int = 0
    stolen_ms: float | None = None


COLUMNS = tuple(field.name for field in fields(Sample))
"""Columns of a stored part; `function` and `run_id` are in its Hive-style path."""

_INTEGERS = frozenset({"memory_mb", "invocation", "billed_ms", "max_memory_mb", "retries"})
_FLOATS = frozenset({"duration_ms", "init_ms", "restore_ms", "cost_usd", "stolen_ms"})


def encode_part(samples: Iterable[Sample]) -> bytes:
    """Samples as gzipped CSV with a header, a line a sample (line breaks become spaces)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in asdict(sample).values()] for sample in samples)
    return gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0)


def decode_part(data: bytes) -> Iterator[Sample]:
    """The samples of one part; columns that a newer version added are left out."""
    text = io.StringIO(gzip.decompress(data).decode(), newline="")
    for row in csv.DictReader(text):
        yield Sample(**{name: _value(name, row[name]) for name in COLUMNS if name in row})


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value.splitlines()) if isinstance(value, str) else value


def _value(name: str, text: str) -> Any:
    if name == "cold":
        return text == "true"
    if name in _INTEGERS or name in _FLOATS:
        if text == "":
            return None
        return int(text) if name in _INTEGERS else float(text)
    return text
