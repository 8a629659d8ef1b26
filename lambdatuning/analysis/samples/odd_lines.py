"""REPORT lines in no usual form: read one by one by `core.report`, which decides what they are."""

from ...core.log_report import Report, iter_reports
from .report_forms import JSON_TIME, STAMP, Row


def read_odd(line: bytes) -> Row:
    """Head and tail of the last report in a line; () for what is none."""
    text = line.removesuffix(b"\n").decode("utf-8", "surrogatepass" if _paired(line) else "replace")
    stamp = STAMP.match(text)
    rest = text[stamp.end() :] if stamp else text
    found = list(iter_reports(rest)) if _may_be_report(rest) else []
    if not found:
        return ()
    time = stamp or JSON_TIME.search(rest)
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
