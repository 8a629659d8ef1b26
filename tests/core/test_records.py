"""The parser of reports judged by records of AWS."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.api.logs import read_reports
from lambdatuning.core.errors import NotFoundError
from lambdatuning.core.log_report import InvocationReport, ReportError, parse_report

RECORDS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "records" / "reports.json").read_text("utf-8")
)


def named(record: dict[str, Any]) -> str:
    return str(record["what"])


@pytest.mark.parametrize("record", RECORDS["reports"], ids=named)
def test_a_report_says_what_lambda_says(record: dict[str, Any]) -> None:
    report = parse_report(record["line"])
    assert report == InvocationReport(request_id=report.request_id, **record["report"])
    assert report.request_id.startswith("8f5a0000")


@pytest.mark.parametrize("record", RECORDS["reports"], ids=named)
def test_exported_it_says_the_same(record: dict[str, Any]) -> None:
    report = parse_report(record["line"])
    for line in (record["line"], f"2026-06-03T05:22:39.288Z {record['line']}"):
        (row,) = read_reports([line]).to_dict("records")
        for name in ("duration_ms", "billed_ms", "memory_mb", "max_memory_mb", "cold"):
            assert row[name] == getattr(report, name)
        for name in ("init_ms", "restore_ms"):
            assert (None if math.isnan(row[name]) else row[name]) == getattr(report, name)
        ended = "" if report.status == "success" else report.error_type or report.status
        assert row["error"] == ended


@pytest.mark.parametrize("record", RECORDS["reports"], ids=named)
def test_what_is_billed_is_the_duration_and_what_stands_beside_it(record: dict[str, Any]) -> None:
    report = parse_report(record["line"])
    if record["what"] in {"cold start, before August 2025"}:
        assert report.billed_ms == math.ceil(report.duration_ms)
        return
    least = math.ceil(report.duration_ms + (report.init_ms or 0))
    billed_run_ms = report.billed_ms - (report.billed_restore_ms or 0)
    # Durations are printed rounded: a whole sum may stand for a little more.
    assert billed_run_ms - least in {0, 1}


@pytest.mark.parametrize("record", RECORDS["none"], ids=named)
def test_what_is_no_report_of_an_invocation_is_none(record: dict[str, Any]) -> None:
    with pytest.raises(ReportError):
        parse_report(record["line"])
    with pytest.raises(NotFoundError, match="no report in these logs"):
        read_reports([record["line"]])


@pytest.mark.parametrize("record", RECORDS["unreadable"], ids=named)
def test_what_cannot_be_read_is_named(record: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError, match="1 lines hold a report that could not be read"):
        read_reports([record["line"]])
