"""Reports in every log format, and lines that only look like one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.log_report import InvocationReport, ReportError, iter_reports, parse_report

ID = "8f5a0000-0000-4000-8000-000000000001"
OTHER = "8f5a0000-0000-4000-8000-000000000002"
WARM = (
    f"REPORT RequestId: {ID}\tDuration: 47.28 ms\tBilled Duration: 48 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 70 MB\t"
)


def json_report(request_id: str = ID, **metrics: float) -> dict[str, object]:
    usual = {"durationMs": 12.34, "billedDurationMs": 13, "memorySizeMB": 512}
    record = {"requestId": request_id, "status": "success", "metrics": {**usual, **metrics}}
    return {"time": "2026-01-05T08:00:00.080Z", "type": "platform.report", "record": record}


def test_warm_text() -> None:
    report = parse_report(f"START RequestId: {ID} Version: 7\nEND RequestId: {ID}\n{WARM}\n", ID)
    assert report == InvocationReport(ID, 47.28, 48, 128, 70)
    assert not report.cold
    assert (report.total_ms, report.billed_ms) == (47.28, 48)


def test_cold_text_with_xray() -> None:
    tail = f"{WARM}Init Duration: 340.74 ms\t\nXRAY TraceId: 1-5e\tSegmentId: 07\tSampled: true\t\n"
    report = parse_report(tail)
    assert report.init_ms == 340.74
    assert report.cold
    assert report.total_ms == 47.28 + 340.74


def test_snapstart_text() -> None:
    tail = (
        "RESTORE_START Runtime Version: python:3.13.v1\n"
        "RESTORE_REPORT Restore Duration: 299.12 ms\n"
        "REPORT RequestId: 1\tDuration: 159.87 ms\tBilled Duration: 278 ms\tMemory Size: 1024 MB\t"
        "Max Memory Used: 88 MB\tRestore Duration: 562.43 ms\tBilled Restore Duration: 118 ms\t\n"
    )
    report = parse_report(tail)
    assert (report.restore_ms, report.billed_restore_ms, report.init_ms) == (562.43, 118, None)
    assert report.cold
    assert report.billed_ms == 278


@pytest.mark.parametrize(
    ("end", "status", "error_type"),
    [
        ("Status: timeout", "timeout", ""),
        ("Status: error\tError Type: Runtime.OutOfMemory", "error", "Runtime.OutOfMemory"),
        ("Init Duration: 3.00 ms\tStatus: error\tError Type: Runtime.ExitError\t", "error",
         "Runtime.ExitError"),
        ("", "success", ""),
    ],
)  # fmt: skip
def test_failures_are_named(end: str, status: str, error_type: str) -> None:
    report = parse_report(f"{WARM}{end}\n")
    assert (report.status, report.error_type) == (status, error_type)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_one_line_and_pretty(indent: int | None) -> None:
    start = {"type": "platform.start", "record": {"requestId": ID}}
    tail = "\n".join(
        json.dumps(value, indent=indent) for value in (start, json_report(initDurationMs=5.5))
    )
    report = parse_report(tail + "\n", ID)
    assert (report.duration_ms, report.billed_ms, report.memory_mb) == (12.34, 13, 512)
    assert report.init_ms == 5.5
    assert report.max_memory_mb is None


def test_json_failure() -> None:
    value = json_report()
    value["record"] |= {"status": "error", "errorType": "Runtime.ExitError"}  # type: ignore[operator]
    report = parse_report(json.dumps(value))
    assert (report.status, report.error_type) == ("error", "Runtime.ExitError")


def test_a_tail_cut_in_a_pretty_object_is_read() -> None:
    cut = '    "deep": {\n      "x": 1\n    }\n  }\n}\n'
    assert parse_report(cut + json.dumps(json_report(), indent=2), ID).billed_ms == 13


@pytest.mark.parametrize(
    "lie",
    [
        "hello\tDuration: 9.00 ms\tBilled Duration: 9 ms",
        f"REPORT RequestId: {ID}\tDuration: 9.00 ms\tBilled Duration: 9 ms\tMemory Size: 1 MB",
        json.dumps(json_report(durationMs=9)),
        json.dumps({"message": json_report(durationMs=9)}, indent=2),
        "REPORT RequestId: none",
        '{"type": "platform.report"',
    ],
)
def test_a_line_of_the_function_is_not_believed(lie: str) -> None:
    assert parse_report(f"{lie}\n{WARM}\n", ID).duration_ms == 47.28
    assert parse_report(f"{lie}\n{json.dumps(json_report())}\n", ID).duration_ms == 12.34


def test_only_the_report_of_the_given_request_counts() -> None:
    tail = f"{WARM}\n{WARM.replace(ID, OTHER).replace('47.28', '9.00')}\n"
    assert parse_report(tail, ID).duration_ms == 47.28
    assert parse_report(tail).duration_ms == 9.00
    assert [report.request_id for report in iter_reports(tail)] == [ID, OTHER]


@pytest.mark.parametrize("tail", ["", "START RequestId: x\n", "[1, 2]", '{"type": 1}', "\x00" * 9])
def test_no_report_is_an_error_that_names_the_request(tail: str) -> None:
    with pytest.raises(ReportError, match=f"no REPORT of request {ID}.*LogType=Tail"):
        parse_report(tail, ID)


def test_another_request_is_named() -> None:
    with pytest.raises(ReportError, match=f"it reports {OTHER}"):
        parse_report(WARM.replace(ID, OTHER), ID)


@pytest.mark.parametrize("value", [-1, float("nan"), 10**400, True, "12", None])
def test_metrics_that_are_no_amounts_make_no_report(value: object) -> None:
    with pytest.raises(ReportError):
        parse_report(json.dumps(json_report(durationMs=value)))  # type: ignore[arg-type]


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_before_the_report_changes_nothing(before: str, line: str) -> None:
    assert parse_report(f"{before}\n{line}\n{WARM}\n", ID).duration_ms == 47.28


@given(st.text(alphabet='{}[]":, \n\tREPORT', max_size=400))
def test_garbage_is_no_report(text: str) -> None:
    with pytest.raises(ReportError):
        parse_report(text)


def test_deep_nesting_is_no_crash() -> None:
    bomb = "{" + '"a":{' * 50_000
    assert parse_report(f"{bomb}\n{WARM}\n", ID).billed_ms == 48
