"""Reports on lines in no usual form: quoted, escaped, several on one line, fields in other places.

What such a line means is decided here, one line at a time; a line that holds a report and does not
yield one is unread.
"""

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .places import UUID

Report = dict[str, object]
"""Fields of `reports.SCHEMA` as numbers and texts, and what stands before and after it."""

_REPORT = re.compile(r"REPORT RequestId: ([^\s\"'\\|,;<]+)")
_JSON_REPORT = re.compile(r"type\W{1,12}platform\.report(?!\w)")
_FIELD = re.compile(
    r"(?<![A-Za-z])(Billed Restore Duration|Billed Duration|Restore Duration|Init Duration|Duration"
    r"|Memory Size|Max Memory Used): ([0-9]{1,15}(?:\.[0-9]{1,9})?) (?:ms|MB)(?![A-Za-z])"
)
_STATUS = re.compile(r"(?<![A-Za-z])Status: (\w+)")
_ERROR_TYPE = re.compile(r"(?<![A-Za-z])Error Type: ([\w.:]+)")
_EPOCH = re.compile(r"(?<![0-9])([0-9]{13})(?![0-9])")
_NAMES = (
    "Duration: ",
    "Billed Duration: ",
    "Memory Size: ",
    "Max Memory Used: ",
    "Init Duration: ",
    "Restore Duration: ",
    "Billed Restore Duration: ",
    "Status: ",
    "Error Type: ",
)
_COLUMNS = {
    "Duration": "duration_ms",
    "Billed Duration": "billed_ms",
    "Memory Size": "memory_mb",
    "Max Memory Used": "max_memory_mb",
    "Init Duration": "init_ms",
    "Restore Duration": "restore_ms",
}
_METRICS = {
    "durationMs": "duration_ms",
    "billedDurationMs": "billed_ms",
    "memorySizeMB": "memory_mb",
    "maxMemoryUsedMB": "max_memory_mb",
    "initDurationMs": "init_ms",
    "restoreDurationMs": "restore_ms",
}
_NEEDED = {"duration_ms", "billed_ms", "memory_mb"}
_NEEDED_IN_TEXT = _NEEDED | {"max_memory_mb"}
_DECODER = json.JSONDecoder()
_UNESCAPED: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.replace('""', '"'),
    lambda text: text.replace('\\"', '"'),
)
"""What exports do to quotes: nothing, CSV, JSON within JSON."""


@dataclass(frozen=True)
class OddReports:
    """What one line gave."""

    reports: tuple[Report, ...]
    unread: int


def read_odd(line: str) -> OddReports:
    """Every report of a line, and how many there are that cannot be read."""
    if "REPORT RequestId: " in line:
        if _is_function_line(line):
            return OddReports((), 0)
        pieces = list(_pieces(line))
        reports = [report for _, report in pieces if report]
        return OddReports(tuple(reports), len(pieces) - len(reports))
    text = html.unescape(line) if "&quot;" in line else line
    if not _JSON_REPORT.search(text):
        return OddReports((), 0)
    read = _json_report(text)
    return OddReports((read,), 0) if read else OddReports((), 1)


def _pieces(line: str) -> Iterator[tuple[str, Report | None]]:
    """Each text report of a line, with its fields where it has all that are needed."""
    text = line.replace("\\t", "\t").replace("\\n", "\n") if "\\t" in line else line
    text = html.unescape(text) if "&#" in text else text
    starts = [*_REPORT.finditer(text)]
    if not starts:
        yield line, None
        return
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        prefix = text[: start.start()] if start is starts[0] else ""
        if _quoted_by_another(prefix, start[1]):
            continue
        piece = text[start.end() : following.start() if following else len(text)]
        yield piece, _text_report(start[1], prefix, piece)


def _quoted_by_another(prefix: str, request_id: str) -> bool:
    """Whether a function wrote it of another request: it names its own before."""
    writer = re.search(UUID, prefix)
    return writer is not None and writer[1] != request_id


def _is_function_line(line: str) -> bool:
    """A line of the function's own in Lambda's JSON log format: what it quotes is no report."""
    start = line.find("{")
    value = _object(line, start) if 0 <= start < line.find("REPORT RequestId: ") else None
    return isinstance(value, dict) and "level" in value and "requestId" in value


def _text_report(request_id: str, prefix: str, piece: str) -> Report | None:
    report: Report = {"request_id": request_id, "prefix": prefix}
    for name, number in _FIELD.findall(piece):
        if name in _COLUMNS:
            report.setdefault(_COLUMNS[name], float(number))
    if not report.keys() >= _NEEDED_IN_TEXT or _torn(piece):
        return None
    status, error_type, epoch = (
        pattern.search(piece) for pattern in (_STATUS, _ERROR_TYPE, _EPOCH)
    )
    report |= {"status": status[1]} if status else {}
    report |= {"error_type": error_type[1]} if error_type else {}
    return report | ({"epoch": epoch[1]} if epoch else {})


def _torn(piece: str) -> bool:
    """Whether it breaks off within a field: what is left may be half of a number."""
    last = re.split(r"\t|  | (?=[A-Z])", piece.rstrip(" \r\n"))[-1] if piece else ""
    words = piece.rstrip("\r\n")
    for name in _NAMES:
        cut = words.rfind(name.rstrip())
        rest = words[cut + len(name.rstrip()) :].strip() if cut >= 0 else "x"
        if rest == "" or re.fullmatch(r"[0-9.]+ ?m?", rest):
            return True
    return len(last) > 2 and any(name.startswith(last) for name in _NAMES)


def _json_report(line: str) -> Report | None:
    for unescaped in _UNESCAPED:
        text = unescaped(line)
        for start in re.finditer(r"\{", text):
            value = _object(text, start.start())
            if value is not None and (read := _platform_report(value, text[: start.start()])):
                return read
    return None


def _object(text: str, start: int) -> Any:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None


def _platform_report(value: Any, prefix: str) -> Report | None:
    if not isinstance(value, dict) or value.get("type") != "platform.report":
        return None
    record = value.get("record")
    if not isinstance(record, dict) or not isinstance(record.get("requestId"), str):
        return None
    metrics = record.get("metrics")
    if not isinstance(metrics, dict):
        return None
    numbers = {name: _amount(metrics.get(key)) for key, name in _METRICS.items()}
    if any(numbers[name] is None for name in _NEEDED):
        return None
    texts = {"status": record.get("status"), "error_type": record.get("errorType")}
    present = {name: text for name, text in texts.items() if isinstance(text, str)}
    when = value.get("time")
    about = {"prefix": prefix} | ({"about_time": when} if isinstance(when, str) else {})
    return {"request_id": record["requestId"], **about, **numbers, **present}


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 2.0**1000 else None
