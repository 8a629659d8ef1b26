"""Whatever logs people have: each form of the same invocations gives the same samples."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas import DataFrame

from lambdatuning.analysis.frames import COLUMNS, read_parts
from lambdatuning.api.logs import read_reports
from lambdatuning.core.errors import NotFoundError, UnreadReportsWarning, UsageError

from . import log_forms as forms
from .log_forms import Event, json_events, text_events

RECORDS = Path(__file__).parents[1] / "records" / "logs"
Form = Callable[[list[Event]], str]


def read(text: str | bytes, **options: Any) -> DataFrame:
    return read_reports(io.BytesIO(text.encode() if isinstance(text, str) else text), **options)


def assert_the_invocations(frame: DataFrame, failures: list[str] | None = None) -> None:
    assert tuple(frame.columns) == COLUMNS
    assert frame["duration_ms"].tolist() == forms.DURATION_MS
    assert frame["billed_ms"].tolist() == forms.BILLED_MS
    assert frame["cold"].tolist() == forms.COLD
    assert frame["max_memory_mb"].tolist() == [150, 150, 150, 88, 150]
    assert frame["request_id"].tolist() == [forms.request(n) for n in range(5)]
    assert frame["error"].tolist() == (forms.FAILED if failures is None else failures)
    assert frame.attrs["logs"]["unread"] == 0


def assert_form_recognised(frame: DataFrame, form: Form) -> None:
    """Times, environments and functions, where the form tells them."""
    if form in forms.TIMED:
        first = pd.Timestamp(forms.FIRST)
        times = [first + pd.Timedelta(seconds=n) for n in range(5)]
        assert frame["started_at"].tolist() == times
    if form in forms.STREAMED:
        assert frame["environment"].unique().tolist() == [forms.STREAM]
    if form in forms.GROUPED:
        assert frame["function"].unique().tolist() == ["shop-checkout"]


@pytest.mark.parametrize("form", [*forms.LINES, *forms.DOCUMENTS], ids=lambda form: form.__name__)
@pytest.mark.parametrize("events", [text_events, json_events], ids=["text", "json"])
def test_every_form_gives_the_same_invocations(form: Form, events: Any) -> None:
    frame = read(form(events()))
    assert_the_invocations(frame)
    assert_form_recognised(frame, form)
    assert frame.attrs["logs"]["untold"] == 0


@pytest.mark.parametrize(
    "form", [*forms.LINES, *forms.DOCUMENTS, *forms.REPORTS_ALONE], ids=lambda form: form.__name__
)
def test_reports_alone_do_not_tell_what_raised(form: Form) -> None:
    frame = read(form(text_events(around=False)))
    assert_the_invocations(frame, ["timeout", "", "", "", ""])
    assert frame.attrs["logs"]["untold"] == 4


@pytest.mark.parametrize(
    "form",
    [forms.printed_events, forms.headless_csv, forms.two_on_a_line],
    ids=lambda form: form.__name__,
)
def test_json_reports_in_odd_forms(form: Form) -> None:
    events = [event for event in json_events() if "platform.report" in event.message]
    if form is forms.two_on_a_line:
        return
    assert_the_invocations(read(form(events)))


@pytest.mark.parametrize("name", forms.ENCODINGS)
@pytest.mark.parametrize(
    "form", [forms.s3_export, forms.filter_json, forms.insights_csv, forms.tail_json],
    ids=lambda form: form.__name__,
)  # fmt: skip
def test_every_encoding_and_packing_whatever_its_name(name: str, form: Form) -> None:
    assert_the_invocations(read(forms.ENCODINGS[name](form(text_events()))))


@pytest.mark.parametrize("form", [forms.tail_detailed, forms.insights_csv, forms.filter_json],
                         ids=lambda form: form.__name__)  # fmt: skip
def test_newest_first_is_recognised_by_the_order_of_lines(form: Form) -> None:
    frame = read(form(text_events()[::-1])).iloc[::-1]
    assert frame["error"].tolist() == forms.FAILED
    assert frame["duration_ms"].tolist() == forms.DURATION_MS


@pytest.mark.parametrize(
    ("name", "rows", "failed", "cold"),
    [
        ("awslogstail.log", 4, 2, 2),
        ("console_offset.log", 4, 2, 2),
        ("filter_text.txt", 4, 2, 2),
        ("handler_raise.log", 1, 1, 1),
        ("insights.csv", 4, 2, 2),
        ("insights_copy.json", 4, 2, 2),
        ("old_timeout.log", 2, 1, 0),
        ("s3export.log", 4, 2, 2),
        ("snapstart.log", 6, 0, 6),
        ("utf8bom.log", 4, 2, 2),
    ],
)
def test_recorded_exports(name: str, rows: int, failed: int, cold: int) -> None:
    frame = read_reports(RECORDS / name)
    assert (len(frame), int(frame["error"].ne("").sum()), int(frame["cold"].sum())) == (
        rows,
        failed,
        cold,
    )
    assert frame.attrs["logs"]["unread"] == 0


def test_a_restore_is_billed_once() -> None:
    frame = read_reports(RECORDS / "snapstart.log")
    assert frame["billed_ms"].tolist() == [154, 2521, 278, 313, 610, 3231]


def test_events_of_boto3_are_read_alone_in_pages_and_as_an_answer() -> None:
    events = [forms.cli_event(event) for event in text_events()]
    assert_the_invocations(read_reports(events))
    assert_the_invocations(read_reports({"events": events, "ResponseMetadata": {}}))
    assert_the_invocations(read_reports(iter([{"events": events[:7]}, {"events": events[7:]}])))


def test_lines_are_read_as_bytes_text_and_a_generator() -> None:
    lines = forms.bare(text_events()).splitlines()
    assert_the_invocations(read_reports(lines))
    assert_the_invocations(read_reports(line.encode() for line in lines))
    assert_the_invocations(read_reports([f"{line}\n" for line in lines]))


def test_fields_that_insights_discovers_stand_for_a_message() -> None:
    head = (
        "@timestamp,@requestId,@duration,@billedDuration,@memorySize,@maxMemoryUsed,@initDuration"
    )
    rows = ["2026-06-03 05:22:39.288,a-1,14.97,15.0,1.28E8,6.7E7,", "2026-06-03 05:22:40.000,"
            "a-2,100.5,401,512000000,70000000,300.25"]  # fmt: skip
    frame = read("\n".join([head, *rows]))
    assert frame["memory_mb"].tolist() == [128, 512]
    assert frame["max_memory_mb"].tolist() == [67, 70]
    assert frame["billed_ms"].tolist() == [15, 401]
    assert frame["cold"].tolist() == [False, True]
    table = "\n".join("| " + " | ".join(row.split(",")) + " |" for row in [head, "---," * 6, *rows])
    assert read(table)["memory_mb"].tolist() == [128, 512]
    fields = [{"field": name, "value": value} for name, value in
              zip(head.split(","), rows[1].split(","), strict=True)]  # fmt: skip
    assert read(json.dumps({"results": [fields]}))["billed_ms"].tolist() == [401]


def test_several_streams_and_functions_keep_apart() -> None:
    other = [
        Event(e.ms, e.message.replace("0a1b", "ffff"), e.stream.replace("0f1e", "ffff"))
        for e in text_events()
    ]
    both = [event for pair in zip(text_events(), other, strict=True) for event in pair]
    frame = read(forms.filter_json(both))
    assert frame["error"].tolist() == [error for error in forms.FAILED for _ in range(2)]
    assert frame["environment"].nunique() == 2
    text = forms.subscription_json(text_events()) + forms.subscription_json(text_events()).replace(
        "shop-checkout", "shop-search"
    )
    assert read(text)["function"].tolist() == ["shop-checkout"] * 5 + ["shop-search"] * 5


def test_a_repeated_request_fails_only_once() -> None:
    again = [event._replace(ms=event.ms + 60_000) for event in text_events(around=False)]
    frame = read(forms.tail_detailed([*text_events(), *again]))
    assert frame["error"].tolist() == [*forms.FAILED, "timeout", "", "", "", ""]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("2023-09-05T02:50:33.669Z {id} Task timed out after 31.04 seconds\n\n", "timeout"),
        ("[ERROR] ConnectTimeout: no answer", "ConnectTimeout"),
        ("[ERROR] Odd: x\nTraceback (most recent call last):", "Odd"),
        ("[ERROR] Runtime.ImportModuleError: Unable to import module", "Runtime.ImportModuleError"),
        ('2026-06-03T05:22:39.288Z\t{id}\tERROR\tInvoke Error \t{{"errorType":"TypeError","errorMe'
         'ssage":"x"}}', "TypeError"),
        ("RequestId: {id} Error: Runtime exited with error: exit status 1", "Runtime.ExitError"),
        ("RequestId: {id} Process exited before completing request", "Runtime.ExitError"),
        ("[ERROR]\t2026-06-03T05:22:39.288Z\t{id}\tlogged by the function, and no failure", ""),
        ("[ERROR] could not refresh the cache", ""),
        ("2026-06-03T05:22:39.288Z\t{id}\tERROR\tlogged by the function", ""),
        ("a job of ours: Task timed out after 3 tries", ""),
    ],
)  # fmt: skip
def test_what_stands_beside_a_report_tells_of_failures(line: str, error: str) -> None:
    text = (
        f"START RequestId: {forms.request(1)} Version: 7\n{line.format(id=forms.request(1))}\n"
        f"END RequestId: {forms.request(1)}\n{forms.text_report(1, forms.REPORTS[1])}"
    )
    assert read(text)["error"].tolist() == [error]


def test_a_report_that_a_function_quotes_is_no_report() -> None:
    quoted = forms.text_report(9, forms.REPORTS[1]).strip()
    lines = [
        f"2026-06-03T05:22:39.288Z\t{forms.request(1)}\tINFO\t{quoted}",
        json.dumps({"timestamp": "2026-06-03T05:22:39Z", "level": "INFO", "message": quoted,
                    "requestId": forms.request(1)}),
    ]  # fmt: skip
    text = "\n".join([*lines, forms.text_report(1, forms.REPORTS[1])])
    assert read(text)["request_id"].tolist() == [forms.request(1)]


TORN = [
    "REPORT RequestId: {id}\tDuration: 31000.00 ms\tBilled Dur",
    "REPORT RequestId: {id}\tDuration: 1.0 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Mem",
    "REPORT RequestId: {id}\tDuration: 1.0 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 70 MB\tInit Dura",
    "REPORT RequestId: {id}\tDuration: 1.0 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 70 MB\tInit Duration: 34",
    "REPORT RequestId: {id}",
    'REPORT RequestId: "{id}" is what the function prints',
    '{{"time":"2026-06-03T05:22:39.288Z","type":"platform.report","record":{{"requestId":"{id}",'
    '"metrics":{{"durationMs":1.5}},"status":"success"}}}}',
    '{{"time":"2026-06-03T05:22:39.288Z","type":"platform.report","record":{{"requestId":"{id}"',
]


@pytest.mark.parametrize("line", TORN)
@pytest.mark.parametrize("whole", [text_events, json_events], ids=["text", "json"])
def test_what_cannot_be_read_is_counted_and_shown(line: str, whole: Any) -> None:
    text = forms.bare(whole()) + line.format(id=forms.request(8))
    with pytest.warns(UnreadReportsWarning, match=r"^1 lines hold a report .*such as"):
        frame = read(text)
    assert len(frame) == 5
    assert frame.attrs["logs"]["unread"] == 1
    assert forms.request(8) in frame.attrs["logs"]["example"]


@pytest.mark.parametrize("line", TORN)
def test_none_that_can_be_read_is_an_error(line: str) -> None:
    with pytest.raises(NotFoundError, match="1 lines hold a report that could not be read"):
        read(line.format(id=forms.request(8)))


@pytest.mark.parametrize(
    "text", ["", "\n", "START RequestId: 1\n", "[]", "{}", "[1, 2]", "@timestamp,@message\n",
             "INIT_REPORT Init Duration: 1.5 ms\tPhase: init\tStatus: timeout\n",
             "RESTORE_REPORT Restore Duration: 1.5 ms\n",
             '{"time":"x","type":"platform.initReport","record":{"metrics":{"durationMs":1}}}'],
)  # fmt: skip
def test_no_report_is_an_error_that_says_what_to_do(text: str) -> None:
    with pytest.raises(NotFoundError, match="no report in these logs: export"):
        read(text)


def test_a_cut_document_loses_only_what_was_cut() -> None:
    text = forms.filter_json(text_events(around=False))
    cut = text[: text.rindex("Max Memory Used")]
    with pytest.warns(UnreadReportsWarning, match="^1 lines"):
        frame = read(cut)
    assert frame["duration_ms"].tolist() == forms.DURATION_MS[:4]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = forms.ENCODINGS["gzip"](forms.s3_export(text_events() * 50))
    path = tmp_path / "cut.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"cut\.gz is damaged .*: export it again"):
        read_reports(path)


def test_an_export_to_s3_tells_streams_by_its_folders(tmp_path: Path) -> None:
    folder = tmp_path / "exportedlogs" / "0a1b" / forms.STREAM.replace("/", "-")
    folder.mkdir(parents=True)
    (folder / "000000.gz").write_bytes(
        forms.ENCODINGS["gzip"](forms.s3_export(text_events(around=False)))
    )
    (folder.parent.parent / "aws-logs-write-test").write_text("Permission Check Successful")
    assert read_reports(tmp_path)["environment"].unique().tolist() == [forms.STREAM]


def test_files_that_cannot_be_are_refused() -> None:
    with pytest.raises(NotFoundError, match="no file nowhere"):
        read_reports("nowhere.log")
    with pytest.raises(UsageError, match="copy it first, `aws s3 cp"):
        read_reports("s3://bucket/logs")
    with pytest.raises(UsageError, match='no prices for region "mars"'):
        read_reports([forms.text_report(1, forms.REPORTS[1])], region="mars")


def test_is_a_samples_frame_with_costs() -> None:
    frame = read(forms.bare(text_events()), function="f", region="af-south-1")
    kinds, same = (
        samples.dtypes.map(str).drop("started_at") for samples in (frame, read_parts([]))
    )
    assert kinds.tolist() == same.tolist()
    assert frame["function"].unique().tolist() == ["f"]
    assert frame["cost_usd"].iloc[1] == pytest.approx(0.27e-6 + 0.813 * 160 / 1024 * 0.0000221)


def blocks_of(text: str, size: int) -> Iterator[bytes]:
    data = text.encode()
    yield from (data[n : n + size] for n in range(0, len(data), size))


@pytest.mark.parametrize("form", [forms.s3_export, forms.tail_json], ids=lambda form: form.__name__)
def test_blocks_of_any_size_give_the_same(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    from lambdatuning.analysis.logs import archives

    text = "".join(form(events()) for events in (text_events, json_events))
    whole = read(text)
    for size in (97, 1000, 5000):
        monkeypatch.setattr(archives, "BLOCK_CHARACTERS", size)
        pd.testing.assert_frame_equal(read(text), whole)


def _json_of(make: Callable[[Event], Any]) -> Form:
    return lambda events: "\n".join(json.dumps(make(event)) for event in events)


NEIGHBOURS: dict[str, Form] = {
    "Splunk": _json_of(lambda e: {"result": {"_raw": e.message, "_time": forms.stamp(e)}}),
    "Fluent Bit": _json_of(lambda e: {"date": e.ms / 1000, "log": e.message}),
    "Docker": _json_of(lambda e: {"log": e.message, "stream": "stdout", "time": forms.stamp(e)}),
    "events one by one": _json_of(lambda e: {"events": [forms.cli_event(e)]}),
    "an answer with a message": lambda events: json.dumps(
        {"message": "ok", "events": [*map(forms.cli_event, events)]}
    ),
    "Kibana": lambda events: json.dumps(
        {
            "hits": [
                {"_source": {"@timestamp": forms.stamp(e), "@message": e.message}} for e in events
            ]
        }
    ),
    "Loki": lambda events: json.dumps(
        [{"line": e.message, "timestamp": str(e.ms * 1_000_000)} for e in events]
    ),
    "SNS": lambda events: json.dumps(
        {"Records": [{"Sns": {"Message": json.dumps(forms.subscription(events))}}]}
    ),
    "Base64 in JSON in JSON": lambda events: json.dumps({"body": forms.awslogs_event(events)}),
    "JSON after a line": lambda events: "fetching ...\n" + forms.filter_json(events),
    "hard blanks of a browser": lambda events: forms.console_offset(events).replace("\t", "\xa0"),
    "HTML": lambda events: f"<pre>{forms.bare(events)}</pre>".replace('"', "&quot;"),
    "syslog": lambda events: "".join(
        f"<14>1 {forms.stamp(e)} host app - - - {e.message.strip()}\n" for e in events
    ),
    "empty lines between": lambda events: forms.bare(events).replace("\n", "\r\n\r\n"),
    "Excel's first line": lambda events: "sep=;\r\n" + forms.semicolons(events),
    "tabs between cells": forms.insights_tabs,
    "cells that are not quoted": lambda events: (
        "timestamp,message\n" + "\n".join(f"{event.ms},{event.message.strip()}" for event in events)
    ),
}


@pytest.mark.parametrize("form", NEIGHBOURS.values(), ids=NEIGHBOURS)
@pytest.mark.parametrize("events", [text_events, json_events], ids=["text", "json"])
def test_neighbours_of_known_forms(form: Form, events: Any) -> None:
    assert_the_invocations(read(form(events())))


def test_messages_that_are_objects_are_read_once() -> None:
    rows = [
        {"logStreamName": e.stream, "timestamp": e.ms, "message": json.loads(e.message)}
        for e in json_events()
    ]
    frame = read("\n".join(map(json.dumps, rows)))
    assert_the_invocations(frame)
    assert frame["environment"].unique().tolist() == [forms.STREAM]


QUOTED: dict[str, Callable[[str], str]] = {
    "CSV": lambda line: f'"{line}"',
    "Markdown": lambda line: f"- `{line}`",
    "YAML": lambda line: '- message: "' + line.replace("\t", "\\t") + '"',
    "a spreadsheet's XML": lambda line: f"<si><t>{line}</t></si>",
    "Python": repr,
}


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
def test_quoted_reports(quoted: Callable[[str], str]) -> None:
    lines = [event.message.strip() for event in text_events(around=False)]
    assert_the_invocations(read("\n".join(map(quoted, lines))), ["timeout", "", "", "", ""])
