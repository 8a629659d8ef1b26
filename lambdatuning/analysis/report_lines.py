"""Lambda's REPORT lines in bulk, parsed a block at a time: what `core.report` reads one by one.

Lines in exactly the form that Lambda writes, which are nearly all, are cut by one expression a
block. Every other line goes to `core.report`, which decides alone what is a report.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.report import Report, iter_reports

_TIME = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z"
_DECIMAL = rb"(\d{1,15}(?:\.\d{1,9})?)"
_NUMBER = rb"((?:0|[1-9]\d{0,14})(?:\.\d{1,9})?)"
_STAMP = re.compile(rb"^" + _TIME + rb"[ \t]")
_TEXT = re.compile(
    rb"^(?:" + _TIME + rb"[ \t])?REPORT RequestId: ([!-~]+)\tDuration: " + _DECIMAL + rb" ms"
    rb"\tBilled Duration: " + _DECIMAL + rb" ms\tMemory Size: (\d{1,9}) MB"
    rb"\tMax Memory Used: (\d{1,9}) MB(?:\tInit Duration: " + _DECIMAL + rb" ms)?"
    rb"(?:\tRestore Duration: " + _DECIMAL + rb" ms)?"
    rb"(?:\tBilled Restore Duration: " + _DECIMAL + rb" ms)?"
    rb"(?:\tStatus: (\w+))?(?:\tError Type: ([!-~]+))?[ \t]*\r?$",
    re.MULTILINE,
)
_WORD = rb'"([!#-\[\]-~]*)"'
_JSON = re.compile(
    rb'^\{"time": ?"' + _TIME + rb'", ?"type": ?"platform\.report", ?"record": ?'
    rb'\{"requestId": ?' + _WORD + rb', ?"metrics": ?\{"durationMs": ?' + _NUMBER + rb", ?"
    rb'"billedDurationMs": ?' + _NUMBER + rb', ?"memorySizeMB": ?' + _NUMBER + rb", ?"
    rb'"maxMemoryUsedMB": ?' + _NUMBER + rb'(?:, ?"initDurationMs": ?' + _NUMBER + rb")?"
    rb'(?:, ?"restoreDurationMs": ?' + _NUMBER + rb")?"
    rb'(?:, ?"billedRestoreDurationMs": ?' + _NUMBER + rb")?\}"
    rb'(?:, ?"status": ?' + _WORD + rb')?(?:, ?"errorType": ?' + _WORD + rb")?\}\}[ \t]*\r?$",
    re.MULTILINE,
)
_JSON_TIME = re.compile(rb'"time": ?"' + _TIME + rb'"')

Row = tuple[bytes, ...]


class Columns(NamedTuple):
    """The reports of one block, a column each; times without zone (UTC).

    NaN, NaT and empty text where a report does not say.
    """

    time: NDArray[np.datetime64]
    request_id: NDArray[np.object_]
    duration_ms: NDArray[np.float64]
    billed_ms: NDArray[np.float64]
    memory_mb: NDArray[np.float64]
    max_memory_mb: NDArray[np.float64]
    init_ms: NDArray[np.float64]
    restore_ms: NDArray[np.float64]
    billed_restore_ms: NDArray[np.float64]
    status: NDArray[np.bytes_]
    error_type: NDArray[np.bytes_]


_FEW = {"status", "error_type"}
_WHOLE = {"billed_ms", "memory_mb", "max_memory_mb", "billed_restore_ms"}


def read_blocks(blocks: Iterable[Sequence[bytes]]) -> Iterator[Columns]:
    """The reports of each block of lines, in order; every line but a block's last ends in "\\n"."""
    for block in blocks:
        found = [part for part in _kinds(block) if len(part[1].duration_ms)]
        if len(found) == 1:
            yield found[0][1]
        elif found:
            order = np.argsort(np.concatenate([places for places, _ in found]))
            pairs = zip(*(columns for _, columns in found), strict=True)
            yield Columns(*(np.concatenate(pair)[order] for pair in pairs))


def _kinds(block: Sequence[bytes]) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    """Places and reports of the text lines, and of the JSON lines."""
    first = np.frombuffer(b"".join([line[:1] or b" " for line in block]), np.uint8)
    for form, chosen in (
        (_TEXT, (first == ord("R")) | ((first >= ord("0")) & (first <= ord("9")))),
        (_JSON, first == ord("{")),
    ):
        places = np.flatnonzero(chosen)
        if not len(places):
            continue
        rows = _rows(form, block if chosen.all() else [block[n] for n in places.tolist()])
        good = [row for row in rows if row]
        if len(good) < len(rows):
            places = places[[bool(row) for row in rows]]
        if good:
            yield places, _columns(good)


def _rows(form: re.Pattern[bytes], lines: Sequence[bytes]) -> list[Row]:
    """The fields of each line in the order of `Columns`; an empty row for what is no report."""
    rows: list[Row] = form.findall(b"".join(lines))
    if len(rows) == len(lines):
        return rows
    plain = (line.removesuffix(b"\n") for line in lines)
    return [match.groups(b"") if (match := form.fullmatch(p)) else _slowly(p) for p in plain]


def _slowly(line: bytes) -> Row:
    stamp = _STAMP.match(line)
    rest = line[stamp.end() :] if stamp else line
    if not _may_be_report(rest):
        return ()
    found = list(iter_reports(rest.decode("utf-8", "surrogatepass")))
    if not found:
        return ()
    time = stamp or _JSON_TIME.search(rest)
    return (time[1] if time else b"", *_fields(found[-1]))


def _may_be_report(line: bytes) -> bool:
    """Whether it is worth a look; an escape may hide the word that a report has."""
    if line[:1] == b"{":
        return b"platform.report" in line or b"\\u" in line
    return line.startswith(b"REPORT RequestId: ")


def _fields(report: Report) -> Row:
    numbers = (
        report.duration_ms,
        report.billed_ms,
        report.memory_mb,
        report.max_memory_mb,
        report.init_ms,
        report.restore_ms,
        report.billed_restore_ms,
    )
    told = [b"" if number is None else repr(number).encode() for number in numbers]
    texts = [_plain(text) for text in (report.request_id, report.status, report.error_type)]
    return (texts[0], *told, *texts[1:])


def _plain(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _columns(rows: Sequence[Row]) -> Columns:
    return Columns(*map(_column, Columns._fields, zip(*rows, strict=True)))


def _column(name: str, texts: Sequence[bytes]) -> NDArray[Any]:
    if name in _FEW:
        return np.array(texts, np.bytes_)
    if name == "request_id":
        return np.array([text.decode("utf-8", "replace") for text in texts], np.object_)
    if name == "time":
        return np.array([text.decode() for text in texts], "datetime64[us]")
    if not any(texts):
        return np.full(len(texts), math.nan)
    numbers = np.array([float(text) if text else math.nan for text in texts])
    return np.ceil(numbers) if name in _WHOLE else numbers
