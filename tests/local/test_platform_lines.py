"""What the embedded AWS writes must be something that AWS could have written."""

import json
import math
import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.log_report import parse_report
from lambdatuning.local.logs.platform import ReportLine, json_report, text_report

AT = datetime(2026, 6, 3, 5, 22, 39, 288_000, UTC)
ID = "8f5a0000-0000-4000-8000-000000000001"

TEXT = re.compile(
    r"REPORT RequestId: [0-9a-f-]{36}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms"
    r"\tMemory Size: \d+ MB\tMax Memory Used: \d+ MB"
    r"(\tInit Duration: \d+\.\d\d ms|\tRestore Duration: \d+\.\d\d ms"
    r"\tBilled Restore Duration: \d+ ms)?"
    r"(\tStatus: (timeout|error\tError Type: (Runtime|Sandbox)\.\w+))?\t"
)
"""A text report as Lambda writes it (tests/records/reports.json)."""

milliseconds = st.floats(0, 900_000).map(lambda ms: round(ms, 4))
errors = st.sampled_from(
    [("success", ""), ("timeout", ""), ("error", "Runtime.ExitError"), ("error", "KeyError")]
)


@st.composite
def reports(draw: st.DrawFn) -> ReportLine:
    start = draw(st.sampled_from(["warm", "init", "restore"]))
    status, error_type = draw(errors)
    memory_mb = draw(st.integers(128, 10_240))
    return ReportLine(
        ID,
        draw(milliseconds),
        memory_mb,
        draw(st.integers(1, memory_mb)),
        init_ms=draw(milliseconds) if start == "init" else None,
        restore_ms=draw(milliseconds) if start == "restore" else None,
        status=status,
        error_type=error_type,
    )


@given(reports())
def test_its_reports_have_lambdas_form_in_text_and_json(report: ReportLine) -> None:
    assert TEXT.fullmatch(text_report(report))
    value = json.loads(json_report(report, AT))
    assert list(value) == ["time", "type", "record"]
    assert value["time"] == "2026-06-03T05:22:39.288Z"
    metrics = value["record"]["metrics"]
    assert None not in metrics.values()
    assert ("initDurationMs" in metrics) == (report.init_ms is not None)
    assert ("billedRestoreDurationMs" in metrics) == (report.restore_ms is not None)


@given(reports())
def test_its_reports_are_billed_as_lambdas_are(report: ReportLine) -> None:
    for line in (text_report(report), json_report(report, AT)):
        read = parse_report(line, ID)
        run_ms = read.billed_ms - (read.billed_restore_ms or 0)
        # Times are printed rounded: what is billed was rounded up before that.
        exact_ms = report.duration_ms + (report.init_ms or 0)
        assert run_ms == math.ceil(round(exact_ms, 3))
        assert abs(run_ms - math.ceil(read.duration_ms + (read.init_ms or 0))) <= 1
        if report.restore_ms is None:
            assert read.billed_restore_ms is None
        else:
            assert read.billed_restore_ms == math.ceil(round(report.restore_ms, 3))


@given(reports())
def test_both_formats_say_the_same(report: ReportLine) -> None:
    text, in_json = parse_report(text_report(report)), parse_report(json_report(report, AT))
    for name in ("billed_ms", "memory_mb", "max_memory_mb", "billed_restore_ms", "cold"):
        assert getattr(text, name) == getattr(in_json, name)
    for name in ("duration_ms", "init_ms", "restore_ms"):
        mine, other = getattr(text, name), getattr(in_json, name)
        assert (mine is None) == (other is None)
        assert mine is None or abs(mine - other) <= 0.006
