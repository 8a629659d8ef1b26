"""Messages of logs as columns of reports, a block at a time: what Lambda says of each invocation.

Reports in the form that Lambda writes, wherever on a line they stand, are taken by one expression;
any other line that holds a report is read by itself (`odd_reports`), or counted as unread.
"""

from dataclasses import dataclass

import polars as pl

from .exports import Block
from .failures import Around, around_reports
from .odd_reports import read_odd
from .places import UUID, group_in, read_times, stream_in

REPORT = "REPORT RequestId: "

_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"
_WHOLE = r"([0-9]{1,9})"
_GAP = r"[ \t]+"

TEXT_HEAD = (
    rf"^([!-~]+){_GAP}Duration: {_NUMBER} ms{_GAP}Billed Duration: {_NUMBER} ms"
    rf"{_GAP}Memory Size: {_WHOLE} MB{_GAP}Max Memory Used: {_WHOLE} MB(.*)$"
)
TEXT_TAIL = (
    rf"^(?:{_GAP}Init Duration: {_NUMBER} ms)?(?:{_GAP}Restore Duration: {_NUMBER} ms)?"
    rf"(?:{_GAP}Billed Restore Duration: {_NUMBER} ms)?(?:{_GAP}Status: (\w+))?"
    rf"(?:{_GAP}Error Type: ([\w.:]+))?(?:{_GAP}XRAY TraceId: \S+(?:{_GAP}SegmentId: \S+)?"
    rf"(?:{_GAP}Sampled: \w+)?)?"
    r"(?:[ \t]+([0-9]{13}))?[ \t\r]*$()"
)

_METRICS = {
    "duration_ms": "durationMs",
    "billed_ms": "billedDurationMs",
    "memory_mb": "memorySizeMB",
    "max_memory_mb": "maxMemoryUsedMB",
    "init_ms": "initDurationMs",
    "restore_ms": "restoreDurationMs",
}
_RECORD = pl.Struct(
    {
        "requestId": pl.String,
        "status": pl.String,
        "errorType": pl.String,
        "metrics": pl.Struct(dict.fromkeys(_METRICS.values(), pl.Float64)),
    }
)
_PLATFORM_LINE = pl.Struct({"time": pl.String, "type": pl.String, "record": _RECORD})

SCHEMA: dict[str, pl.DataType] = {
    "n": pl.UInt32(),
    "request_id": pl.String(),
    "time": pl.Datetime("us"),
    "stream": pl.String(),
    "group": pl.String(),
    "duration_ms": pl.Float64(),
    "billed_ms": pl.Float64(),
    "memory_mb": pl.Float64(),
    "max_memory_mb": pl.Float64(),
    "init_ms": pl.Float64(),
    "restore_ms": pl.Float64(),
    "status": pl.String(),
    "error": pl.String(),
}
"""A report's columns. `n` is the number of its line in the block; all others are null where nothing
is said, `status` where the report does not tell how the invocation ended. `error` is the error
type, or the status where Lambda names none; null for success."""

_ABOUT = ("about_time", "about_stream", "about_group")
_PARTS = ("prefix", "rest")
_LINE = ("n", "line", *_ABOUT)
_NO_LINES = pl.DataFrame(
    schema={name: pl.UInt32() if name == "n" else pl.String() for name in _LINE}
)
_HEAD = ("request_id", "duration_ms", "billed_ms", "memory_mb", "max_memory_mb", "tail")
_TAIL = ("init_ms", "restore_ms", "billed_restore_ms", "status", "error_type", "epoch", "end")
_USUAL_TAILS = ["", "\t", "\t\r"]
_MOST_MB, _MOST_MS = 2.0**31, 2.0**53


@dataclass(frozen=True)
class Reports:
    """What one block holds: its reports in order, and what else tells of how invocations ended."""

    frame: pl.DataFrame
    around: Around
    unread: int = 0
    example: str = ""


def read_block(block: Block) -> Reports:
    """Every report of a block of messages."""
    lines = _lines(block)
    texts, whole = lines.select(pl.col("rest", "end").is_not_null().sum()).row(0)
    if whole == len(lines):
        return Reports(_finished(lines), Around())
    text, others = (
        lines.filter(pl.col("rest").is_not_null()),
        lines.filter(pl.col("rest").is_null()),
    )
    frame = _finished(text.filter(pl.col("end").is_not_null()))
    odd = text.filter(pl.col("end").is_null()).select(_LINE) if whole < texts else _NO_LINES
    is_json = others["line"].str.contains("platform.report", literal=True)
    if is_json.any():
        in_json, odd_json = _json_reports(others.filter(is_json).select(_LINE))
        frame = pl.concat([frame, in_json]).sort("n")
        odd, others = pl.concat([odd, odd_json]), others.filter(~is_json)
    frame, unread = _with_odd_reports(frame, odd)
    frame, beyond = _within_bounds(frame)
    unread += [lines["line"][n] for n in beyond]
    return Reports(frame, around_reports(others, frame), len(unread), unread[0] if unread else "")


def _lines(block: Block) -> pl.DataFrame:
    """A row a line: `n`, `line`, what is said beside its message (`about_*`), and of a text report
    what stands before it (`prefix`), the `rest` after its first words and the fields in it.

    `end` is null where that is not as Lambda writes it. One query: a block has few lines, and each
    query costs as much as some hundreds of them.
    """
    messages = [message.removesuffix("\n") for message in block.messages]
    frame = pl.Series("line", messages, pl.String()).to_frame()
    abouts = block.abouts or [block.source] * len(block.messages)
    for name, texts in zip(_ABOUT, zip(*abouts, strict=True), strict=True):
        frame.insert_column(-1, pl.Series(name, [text or None for text in texts], pl.String()))
    usual = pl.col("tail").is_in(_USUAL_TAILS).fill_null(value=False)
    # What nearly every report ends with is no work for an expression.
    tail = pl.when(~usual).then(pl.col("tail")).str.extract_groups(TEXT_TAIL)
    tail = tail.struct.rename_fields(_TAIL)
    return (
        frame.lazy()
        .with_columns(pl.col("line").str.split("\n"))
        .explode("line")
        .with_columns(parts=pl.col("line").str.splitn(REPORT, 2).struct.rename_fields(_PARTS))
        .unnest("parts")
        .with_row_index("n")
        .with_columns(head=pl.col("rest").str.extract_groups(TEXT_HEAD).struct.rename_fields(_HEAD))
        .unnest("head")
        .with_columns(more=tail)
        .unnest("more")
        .with_columns(end=pl.when(usual).then(pl.lit("")).otherwise(pl.col("end")))
        .collect()
    )


def _json_reports(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same of JSON reports; these tell how the invocation ended."""
    body = pl.concat_str([pl.lit("{"), pl.col("line").str.splitn("{", 2).struct.field("field_1")])
    prefix = pl.col("line").str.splitn("{", 2).struct.field("field_0")
    frame = lines.with_columns(body=body, prefix=prefix)
    whole = frame["body"].str.strip_chars_end().str.ends_with("}").fill_null(value=False)
    try:
        decoded = frame.filter(whole)["body"].str.json_decode(_PLATFORM_LINE)
    except pl.exceptions.PolarsError:
        return pl.DataFrame(schema=SCHEMA), lines.select(_LINE)
    record, whole_lines = pl.col("decoded").struct.field("record"), frame.filter(whole)
    metrics = record.struct.field("metrics")
    whole_lines = whole_lines.with_columns(decoded=decoded).with_columns(
        *(metrics.struct.field(key).alias(name) for name, key in _METRICS.items()),
        kind=pl.col("decoded").struct.field("type"),
        about_time=pl.coalesce(pl.col("decoded").struct.field("time"), "about_time"),
        request_id=record.struct.field("requestId"),
        status=record.struct.field("status"),
        error_type=record.struct.field("errorType"),
    )
    needed = [pl.col(name) >= 0 for name in ("duration_ms", "billed_ms", "memory_mb")]
    good = pl.all_horizontal(
        pl.col("kind") == "platform.report", pl.col("request_id").is_not_null(), *needed
    ).fill_null(value=False)
    odd = pl.concat([frame.filter(~whole), whole_lines.filter(~good).select(frame.columns)])
    return _finished(whole_lines.filter(good)), odd.select(_LINE)


def _finished(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of `SCHEMA`, with time, stream and group from beside or before the report."""
    stamped = pl.col("about_time").is_not_null()
    stamped = stamped | pl.col("epoch").is_not_null() if "epoch" in frame.columns else stamped
    prefixed, timed = frame.select((pl.col("prefix") != "").any(), stamped.any()).row(0)
    if prefixed:
        frame = _without_quotations(frame)
    columns = {name: pl.col(name) for name in frame.columns}
    columns |= {"stream": pl.col("about_stream"), "group": pl.col("about_group")}
    if prefixed:
        columns |= {"stream": stream_in("prefix"), "group": group_in("prefix")}
    if prefixed or timed:
        written = pl.coalesce("about_time", "prefix") if prefixed else pl.col("about_time")
        epochs = frame.get_column("epoch", default=None)
        columns["time"] = pl.lit(read_times(frame.select(written).to_series(), epochs))
    if "status" in columns:
        error = pl.coalesce(*(name for name in ("error_type", "status") if name in columns))
        columns["error"] = pl.when(pl.col("status") != "success").then(error)
    return frame.select(
        columns.get(name, pl.lit(None)).cast(kind, strict=False).alias(name)
        for name, kind in SCHEMA.items()
    )


def _without_quotations(frame: pl.DataFrame) -> pl.DataFrame:
    """Without what a function wrote of another request: such a line names its own request first."""
    writer = frame["prefix"].str.extract(UUID)
    return frame.filter((writer.is_null() | (writer == frame["request_id"])).fill_null(value=True))


def _with_odd_reports(frame: pl.DataFrame, odd: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Also the reports of lines in no usual form, one by one, and the lines that give none."""
    rows: list[dict[str, object]] = []
    unread: list[str] = []
    for row in odd.iter_rows(named=True):
        odd_reports = read_odd(row["line"])
        unread += [row["line"]] * odd_reports.unread
        rows += [{**row, **report} for report in odd_reports.reports]
    if not rows:
        return frame, unread
    single = _finished(pl.DataFrame(rows, infer_schema_length=None, strict=False))
    return pl.concat([frame, single]).sort("n", maintain_order=True), unread


def _within_bounds(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Without reports of amounts beyond all bounds, and the lines of these."""
    good = ((frame["memory_mb"] < _MOST_MB) & (frame["billed_ms"] < _MOST_MS)).fill_null(
        value=False
    )
    return (frame, []) if good.all() else (frame.filter(good), frame.filter(~good)["n"].to_list())
