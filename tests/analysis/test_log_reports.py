import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatuning.analysis.frames import COLUMNS, read_parts
from lambdatuning.api import logs
from lambdatuning.api.logs import read_reports
from lambdatuning.core.errors import NotFoundError, UsageError
from lambdatuning.core.log_report import Report, ReportError, parse_report

ID = "8f5a0000-0000-4000-8000-000000000001"
WARM = (
    f"REPORT RequestId: {ID}\tDuration: 47.28 ms\tBilled Duration: 48 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 70 MB\t"
)
JSON = {
    "time": "2026-01-05T08:00:00.080Z",
    "type": "platform.report",
    "record": {
        "requestId": ID,
        "metrics": {
            "durationMs": 12.34,
            "billedDurationMs": 13,
            "memorySizeMB": 512,
            "maxMemoryUsedMB": 71,
        },
        "status": "success",
    },
}

numbers = st.one_of(
    st.integers(0, 10**6), st.floats(0, 1e6).map(lambda x: round(x, 2)), st.just(10**400)
)
names = st.sampled_from(
    ["Duration", "Billed Duration", "Memory Size", "Max Memory Used", "Init Duration",
     "Restore Duration", "Billed Restore Duration"]
)  # fmt: skip
gaps = st.sampled_from(["\t", "\t", "\t", "  ", " ", ""])


@st.composite
def text_lines(draw: st.DrawFn) -> str:
    """Text reports: mostly in order, sometimes torn."""
    known = {name: draw(numbers) for name in draw(st.lists(names, max_size=8, unique=True))}
    if draw(st.booleans()):
        known |= {"Duration": 1.5, "Billed Duration": 2, "Memory Size": 128}
    order = list(known) if draw(st.booleans()) else sorted(known, key=_ORDER.index)
    fields = [f"{name}: {known[name]} {'MB' if 'Mem' in name else 'ms'}" for name in order]
    end = draw(st.sampled_from(["", "Status: timeout", "Status: error\tError Type: Runtime.X"]))
    line = draw(gaps).join([f"REPORT RequestId: {ID}", *fields, end])
    return line + draw(st.sampled_from(["", "\t", " \r", "\r", "\tXRAY TraceId: 1-5e\t"]))


_ORDER = names.elements  # type: ignore[attr-defined]
keys = st.sampled_from(
    ["durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs",
     "restoreDurationMs", "billedRestoreDurationMs"]
)  # fmt: skip


@st.composite
def json_lines(draw: st.DrawFn) -> str:
    """JSON reports, with fields missing, moved or of other kinds."""
    odd = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=3), st.just(-1))
    metrics = dict(JSON["record"]["metrics"]) if draw(st.booleans()) else {}  # type: ignore[index]
    metrics |= draw(st.dictionaries(keys, st.one_of(numbers, odd), max_size=4))
    record = {"requestId": draw(st.sampled_from([ID, "", 'a"b', "é"])), "metrics": metrics}
    if draw(st.booleans()):
        record |= {"status": draw(st.sampled_from(["success", "error", "", 1]))}
    value = {"time": JSON["time"], "type": "platform.report", "record": record}
    spaced = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]))
    line = json.dumps(value, separators=spaced, ensure_ascii=draw(st.booleans()))
    return line + draw(st.sampled_from(["", " ", "\r", "x", "{}", line]))


lines = st.one_of(
    text_lines(),
    json_lines(),
    st.text(max_size=40).map(lambda text: text.replace("\n", " ")),
    st.sampled_from([WARM, json.dumps(JSON), "START RequestId: 1", "{", "9", "R", ""]),
)


def expected(line: str) -> Report | None:
    try:
        return parse_report(line)
    except ReportError:
        return None


@settings(deadline=None)  # on a busy machine, frames take their time
@given(st.lists(lines, max_size=12))
def test_agrees_with_the_parser_of_one_line_on_every_line(block: list[str]) -> None:
    reports = [found for line in block if (found := expected(line))]
    reports = [report for report in reports if report.memory_mb is not None]
    frame = read_reports(block)
    assert frame["request_id"].tolist() == [report.request_id for report in reports]
    assert frame["duration_ms"].tolist() == [report.duration_ms for report in reports]
    assert frame["billed_ms"].tolist() == [report.total_billed_ms for report in reports]
    assert frame["memory_mb"].tolist() == [report.memory_mb for report in reports]
    assert frame["cold"].tolist() == [report.cold for report in reports]
    for name in ("max_memory_mb", "init_ms", "restore_ms"):
        values = [None if pd.isna(value) else value for value in frame[name]]
        assert values == [getattr(report, name) for report in reports]
    failed = [report.status != "success" for report in reports]
    assert frame["error"].ne("").tolist() == failed


def test_is_a_samples_frame_with_costs_and_times() -> None:
    frame = read_reports([WARM, json.dumps(JSON)], function="f", region="af-south-1")
    assert tuple(frame.columns) == COLUMNS
    kinds, same = (each.dtypes.map(str).drop("started_at") for each in (frame, read_parts([])))
    assert kinds.tolist() == same.tolist()
    assert frame["cost_usd"].tolist() == pytest.approx(
        [0.27e-6 + 48 / 1000 / 8 * 0.0000221, 0.27e-6 + 13 / 1000 / 2 * 0.0000221]
    )
    assert frame["started_at"].tolist()[1] == pd.Timestamp("2026-01-05T08:00:00.080Z")
    assert pd.isna(frame["started_at"].iloc[0])


def test_a_stamp_before_a_line_is_its_time() -> None:
    stamped = f"2026-01-05T08:00:00.080Z {WARM}"
    odd = stamped.replace("\tMax Memory", "  Max Memory")
    frame = read_reports([stamped, odd, f"2026-01-05 {WARM}"])
    assert frame["duration_ms"].tolist() == [47.28, 47.28]
    assert frame["started_at"].nunique() == 1


@pytest.mark.parametrize("name", ["log.txt", "log.txt.gz"])
def test_a_file_is_read_as_its_lines(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [WARM.replace("47.28", f"{n}.50") if n % 3 else json.dumps(JSON) for n in range(500)]
    data = "\n".join([*lines, "END RequestId: 1"]).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    whole = read_reports(lines)
    assert len(whole) == 500
    monkeypatch.setattr(logs, "_BLOCK_BYTES", 1000)
    pd.testing.assert_frame_equal(read_reports(path), whole)


def test_nothing_to_read_is_an_empty_frame() -> None:
    assert tuple(read_reports([]).columns) == COLUMNS
    assert read_reports(["START RequestId: 1"]).empty
    assert read_reports([WARM.replace("\tMemory Size: 128 MB", "")]).empty


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(NotFoundError, match="no file nowhere"):
        read_reports("nowhere.log")
    with pytest.raises(UsageError, match='no prices for region "mars"'):
        read_reports([WARM], region="mars")
