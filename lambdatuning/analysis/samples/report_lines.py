"""Lambda's REPORT lines in bulk, parsed a block at a time: what `core.report` reads one by one.

Lines in exactly the form that Lambda writes, which are nearly all, are cut by one expression a
block. Every other line goes to `core.report`, which decides alone what is a report.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.report import Report, iter_reports

_TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z"
_DECIMAL = r"(\d{1,15}(?:\.\d{1,9})?)"
_NUMBER = r"((?:0|[1-9]\d{0,14})(?:\.\d{1,9})?)"
_WORD = r'"([!#-\[\]-~]*)"'
_STAMP = re.compile(rf"^{_TIME}[ \t]", re.ASCII)
_JSON_TIME = re.compile(rf'"time": ?"{_TIME}"', re.ASCII)


class _Form(NamedTuple):
    """One log format: what every report begins with, and what only some have at their end."""

    head: re.Pattern[str]
    tail: re.Pattern[str]
    usual: frozenset[str]


_TEXT = _Form(
    re.compile(
        rf"^(?:{_TIME}[ \t])?REPORT RequestId: ([!-~]+)\tDuration: {_DECIMAL} ms"
        rf"\tBilled Duration: {_DECIMAL} ms\tMemory Size: (\d{{1,9}}) MB"
        r"\tMax Memory Used: (\d{1,9}) MB([^\n]*)$",
        re.MULTILINE | re.ASCII,
    ),
    re.compile(
        rf"(?:\tInit Duration: {_DECIMAL} ms)?(?:\tRestore Duration: {_DECIMAL} ms)?"
        rf"(?:\tBilled Restore Duration: {_DECIMAL} ms)?(?:\tStatus: (\w+))?"
        r"(?:\tError Type: ([!-~]+))?[ \t]*\r?",
        re.ASCII,
    ),
    frozenset({"\t", ""}),
)
_JSON = _Form(
    re.compile(
        rf'^\{{"time": ?"{_TIME}", ?"type": ?"platform\.report", ?"record": ?'
        rf'\{{"requestId": ?{_WORD}, ?"metrics": ?\{{"durationMs": ?{_NUMBER}, ?'
        rf'"billedDurationMs": ?{_NUMBER}, ?"memorySizeMB": ?{_NUMBER}, ?'
        rf'"maxMemoryUsedMB": ?{_NUMBER}([^\n]*)$',
        re.MULTILINE | re.ASCII,
    ),
    re.compile(
        rf'(?:, ?"initDurationMs": ?{_NUMBER})?(?:, ?"restoreDurationMs": ?{_NUMBER})?'
        rf'(?:, ?"billedRestoreDurationMs": ?{_NUMBER})?\}}(?:, ?"status": ?{_WORD})?'
        rf'(?:, ?"errorType": ?{_WORD})?\}}\}}[ \t]*\r?',
        re.ASCII,
    ),
    frozenset({'}, "status": "success"}}', '},"status":"success"}}', "}}}"}),
)

Row = tuple[str, ...]
_NO_TAIL: Row = ("", "", "", "", "")
_TAIL = len(_NO_TAIL)
_HEAD = 6
_DIGIT = (ord("0"), ord("9"))


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
    error: NDArray[np.object_]


_WHOLE = {"billed_ms", "memory_mb", "max_memory_mb", "billed_restore_ms"}


def read_blocks(blocks: Iterable[Sequence[bytes]]) -> Iterator[Columns]:
    r"""The reports of each block of lines, in order; every line but a block's last ends in "\n"."""
    for block in blocks:
        found = list(_kinds(block))
        if len(found) == 1:
            yield found[0][1]
        elif found:
            order = np.argsort(np.concatenate([places for places, _ in found]))
            pairs = zip(*(columns for _, columns in found), strict=True)
            yield Columns(*(np.concatenate(pair)[order] for pair in pairs))


def _kinds(block: Sequence[bytes]) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    """Places and reports of the text lines, and of the JSON lines."""
    first = np.frombuffer(b"".join([line[:1] or b" " for line in block]), np.uint8)
    is_text = (first == ord("R")) | ((first >= _DIGIT[0]) & (first <= _DIGIT[1]))
    for form, chosen in ((_TEXT, is_text), (_JSON, first == ord("{"))):
        places = np.flatnonzero(chosen)
        if not len(places):
            continue
        heads, tails = _rows(form, block if chosen.all() else [block[n] for n in places.tolist()])
        known = [n for n, head in enumerate(heads) if head]
        if len(known) < len(heads):
            places, heads = places[known], [heads[n] for n in known]
            tails = {new: tails[old] for new, old in enumerate(known) if old in tails}
        if heads:
            yield places, _columns(heads, tails)


def _rows(form: _Form, lines: Sequence[bytes]) -> tuple[list[Row], dict[int, Row]]:
    """The head of each line, empty for what is no report; by its place, each unusual tail."""
    # Every byte is a character of Latin-1, so that the text has the lines' own places and lengths.
    heads: list[Row] = form.head.findall(b"".join(lines).decode("latin-1"))
    tails: dict[int, Row] = {}
    if len(heads) != len(lines):
        plain = (line.removesuffix(b"\n").decode("latin-1") for line in lines)
        heads = [match.groups("") if (match := form.head.match(text)) else () for text in plain]
    for n, head in enumerate(heads):
        if head and head[-1] in form.usual:
            continue
        tail = form.tail.fullmatch(head[-1]) if head else None
        if tail:
            tails[n] = tail.groups("")
        else:
            row = _slowly(lines[n])
            heads[n], tails[n] = row[:_HEAD], row[_HEAD:]
    return heads, tails


def _slowly(line: bytes) -> Row:
    text = line.removesuffix(b"\n").decode("utf-8", "surrogatepass" if _paired(line) else "replace")
    stamp = _STAMP.match(text)
    rest = text[stamp.end() :] if stamp else text
    found = list(iter_reports(rest)) if _may_be_report(rest) else []
    if not found:
        return ()
    time = stamp or _JSON_TIME.search(rest)
    return (time[1] if time else "", *_fields(found[-1]))


def _paired(line: bytes) -> bool:
    try:
        line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _may_be_report(text: str) -> bool:
    """Whether it is worth a look; an escape may hide the word that a report has."""
    if text[:1] == "{":
        return "platform.report" in text or "\\u" in text
    return text.startswith("REPORT RequestId: ")


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
    told = ("" if number is None else repr(number) for number in numbers)
    return (report.request_id, *told, report.status, report.error_type)


def _columns(heads: Sequence[Row], tails: dict[int, Row]) -> Columns:
    parts = list(zip(*heads, strict=False))[:_HEAD]
    known = {
        name: _column(name, texts) for name, texts in zip(Columns._fields, parts, strict=False)
    }
    rare = {name: np.full(len(heads), math.nan) for name in Columns._fields[_HEAD:-1]}
    error = np.full(len(heads), "", np.object_)
    for n, (*numbers, status, error_type) in tails.items():
        error[n] = _error(status, error_type)
        for array, number in zip(rare.values(), numbers, strict=True):
            if number:
                array[n] = float(number)
    np.ceil(rare["billed_restore_ms"], out=rare["billed_restore_ms"])
    return Columns(**known, **rare, error=error)


def _column(name: str, texts: Sequence[str]) -> NDArray[Any]:
    if name == "request_id":
        return np.array(texts, np.object_)
    if name == "time":
        known = any(texts)
        return np.array(texts if known else np.full(len(texts), "NaT"), "datetime64[us]")
    numbers = np.array([float(text) if text else math.nan for text in texts])
    return np.ceil(numbers) if name in _WHOLE else numbers


@cache
def _error(status: str, error_type: str) -> str:
    """The error type, or the status where Lambda names none; "" for success."""
    return "" if status in {"", "success"} else error_type or status
