"""What people export of CloudWatch Logs, in any form, as messages with what is said of each.

A form is told by its content alone. Lines of text go on as they are; JSON and tables are taken
apart into messages, each with the time, log stream and log group that stand beside it.
"""

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

from .archives import Text, texts

_ROWS = 20_000
_CELL_CHARACTERS = 1 << 24
_DECODER = json.JSONDecoder()
_REPORT = re.compile(r"REPORT RequestId: |platform\.report\b")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_OPENED = re.compile(r"\{[ \t]*\r?\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\-\s]{16,}")
_LONGEST_OBJECT = 1 << 20
_LONGEST_STAMP = 200

_MESSAGE_KEYS = (
    "message",
    "record",
    "msg",
    "log",
    "line",
    "body",
    "text",
    "event",
    "raw",
    "textpayload",
)
_TIME_KEYS = ("timestamp", "time", "eventtime", "datetime", "date", "ts")
_STREAM_KEYS = ("logstream", "logstreamname")
_GROUP_KEYS = ("loggroup", "loggroupname", "log")
_PACKED_KEYS = ("data", "rawdata", "logresult")

_DISCOVERED = {
    "duration": ("durationMs", 1.0),
    "billedduration": ("billedDurationMs", 1.0),
    "memorysize": ("memorySizeMB", 1e6),
    "maxmemoryused": ("maxMemoryUsedMB", 1e6),
    "initduration": ("initDurationMs", 1.0),
    "restoreduration": ("restoreDurationMs", 1.0),
}
"""Fields that Logs Insights discovers in a report, and the metrics of a JSON report.

Insights counts memory in bytes, a million a megabyte.
"""


_NEEDED = ("duration", "billedduration")


class Origin(NamedTuple):
    """What an export says of a message beside it; "" where it does not."""

    time: str = ""
    stream: str = ""
    group: str = ""


_NOTHING = Origin()


@dataclass(frozen=True)
class Block:
    """Messages, of one or many lines each; `abouts` is empty where only the lines say more."""

    messages: Sequence[str]
    abouts: Sequence[Origin] = ()
    source: Origin = _NOTHING


def read_export(text: Text) -> Iterator[Block]:
    """The messages of one exported text."""
    blocks = map(_plain_text, text.blocks)
    first = next(blocks, "")
    rest, source = chain([first], blocks), _source(text.name)
    if first.startswith("H4sI"):
        yield from _batches(_unpacked("".join(rest), source), source)
    elif _is_json(first):
        yield from _batches(_messages_of_json("".join(rest), source), source)
    elif table := _table(first):
        yield from _batches(_messages_of_table(rest, table, source), source)
    else:
        yield from (Block([block], source=source) for block in _lines(rest))


def _plain_text(block: str) -> str:
    """Without the colours of a terminal and the hard blanks of a browser."""
    block = _ANSI.sub("", block) if "\x1b" in block else block
    return block.replace("\xa0", " ") if "\xa0" in block else block


def read_events(events: Iterable[Any]) -> Iterator[Block]:
    """The messages of lines (bytes or text) and of events as boto3 answers them."""
    waiting = iter(events)
    first = next(waiting, "")
    everything = chain([first], waiting)
    if isinstance(first, str | bytes):
        yield from read_export(Text("", _joined(everything)))
    else:
        yield from _batches((message for event in everything for message in _walk(event)), Origin())


def _joined(lines: Iterator[Any]) -> Iterator[str]:
    while some := list(islice(lines, _ROWS)):
        yield "".join(f"{_decoded(line)}\n" for line in some)


def _decoded(line: str | bytes) -> str:
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    return text.removesuffix("\n")


_STREAM_FOLDER = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[-/]([^/]*\[[^/\]]+\][^/]*)(?=/|$)")


def _source(name: str) -> Origin:
    """What the path says: an export to S3 has a folder a log stream, slashes written as dashes."""
    folders = _STREAM_FOLDER.search(name)
    return Origin("", "/".join(folders.groups()) if folders else "", "")


# Lines of text.


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    """Blocks of whole lines; what is one event and stands on several becomes one line."""
    rest = ""
    for block in blocks:
        text, rest = rest + block if rest else block, ""
        # A single character is found much faster than two.
        if "{" in text and ("{\n" in text or "{\r\n" in text):
            text, rest = _compact(text)
        start = text.rfind("\n", 0, -1) + 1
        if not rest and len(text) - start < _LONGEST_STAMP and _STAMPED.match(text[start:]):
            text, rest = text[:start], text[start:]
        if text.startswith("EVENTS\t"):
            text = _TIME_BELOW.sub(r"\t\1", text)
        yield text
    if rest:
        yield rest


def _compact(text: str) -> tuple[str, str]:
    """Text with its pretty objects each in one line, and a last object that goes on beyond it."""
    parts: list[str] = []
    position = 0
    for opened in _OPENED.finditer(text):
        if opened.start() < position:
            continue
        try:
            value, end = _DECODER.raw_decode(text, opened.start())
        except RecursionError:
            continue
        except ValueError as exc:
            cut = isinstance(exc, json.JSONDecodeError) and not text[exc.pos :].strip()
            if cut and len(text) - opened.start() < _LONGEST_OBJECT:
                start = text.rfind("\n", 0, opened.start()) + 1
                line = text.rfind("\n", 0, max(start - 1, 0)) + 1
                start = line if _STAMPED.match(text[line:start]) else start
                return "".join([*parts, text[position:start]]), text[start:]
            continue
        before = text[position : opened.start()]
        # `aws logs tail --format json` puts time and stream on the line before the object.
        parts += [_onto_one_line(before), json.dumps(value)]
        position = end
    return "".join([*parts, text[position:]]), ""


def _onto_one_line(before: str) -> str:
    *_, last = before.rstrip().rsplit("\n", 1)
    alone = before.endswith("\n") and _STAMPED.match(last)
    return f"{before.rstrip()} " if alone else before


_TIME_BELOW = re.compile(r"[ \t\r]*\n\t([0-9]{13})(?=\r?\n|$)")
"""Of an event printed as text, after a message that ends its line."""

_STAMPED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^{}\t]*$")


# JSON.


_ANNOUNCED = re.compile(
    r"(?:[^\n{]*\n){1,20}[{\[]\s*\n?\s*[{\[]?\s*\"@?(?:events|message|logEvents|"
    r"logStreamName|results|searchedLogStreams|timestamp|ingestionTime)\""
)
"""A document after some lines, such as what a tool says before it."""


def _is_json(text: str) -> bool:
    """Whether it is JSON other than the lines that Lambda itself writes."""
    start = text.lstrip()
    if start[:1] not in {"{", "["}:
        return bool(_ANNOUNCED.match(text))
    if start[:1] == "[" and not re.match(r"\[\s*[\[{\"\]]", start):
        return False
    line = _parsed(start.partition("\n")[0])
    return not (isinstance(line, dict) and (_is_platform_line(line) or _is_function_line(line)))


def _messages_of_json(text: str, source: Origin) -> Iterator[tuple[str, Origin]]:
    """Every message of JSON documents that follow one another, with or without anything between.

    What is no JSON is taken as lines, so that a document cut short loses only what was cut.
    """
    position, lines = 0, re.compile(r"[^\n]*\n?")
    while position < len(text):
        if text[position] in " \t\r\n,]":
            position += 1
            continue
        if text[position] in "{[":
            try:
                value, position = _DECODER.raw_decode(text, position)
            except (ValueError, RecursionError):
                if text[position] == "[":
                    position += 1
                    continue
            else:
                yield from _walk(value, source)
                continue
        line = lines.match(text, position)
        end = line.end() if line else len(text)
        inner = text.find("{", position + 1, end) if text[position] == "{" else -1
        end = inner if inner > 0 else end
        yield text[position:end], source
        position = end


def _walk(value: Any, about: Origin = _NOTHING) -> Iterator[tuple[str, Origin]]:
    """The messages in a JSON value, in order; what stands beside one tells its time and stream."""
    waiting = [(value, about, "")]
    while waiting:
        value, about, key = waiting.pop()
        if isinstance(value, str | bytes):
            yield from _text(value, about, key)
        elif isinstance(value, list | tuple):
            fields = _insights_row(value)
            items = [fields] if fields else value
            waiting += [(item, about, key) for item in reversed(items)]
        elif isinstance(value, Mapping):
            about = _about(value, about)
            if message := _own_message(value):
                yield message, about
            elif not _is_function_line(value):
                waiting += [(item, about, name) for name, item in reversed(_children(value))]


def _children(value: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """What to look into: the message alone, where there is one that is called so."""
    names = {_plain(name): name for name in value}
    for message_key in _MESSAGE_KEYS:
        name = names.get(message_key)
        if name is None or name == "@log" or _is_group(message_key, value[name]):
            continue
        if isinstance(value[name], str | bytes | dict | list):
            others = ((str(key), item) for key, item in value.items() if key != name)
            nested = [(key, item) for key, item in others if isinstance(item, dict | list)]
            return [("message", value[name]), *nested]
    children = []
    for name, item in value.items():
        packed = _plain(name) in _PACKED_KEYS
        if not isinstance(item, str | bytes) or packed or _worth_reading(item):
            children.append((str(name), item))
    return children


def _is_group(name: str, value: Any) -> bool:
    return name == "log" and isinstance(value, str) and "/aws/" in value and "\n" not in value


def _worth_reading(value: str | bytes) -> bool:
    text = _decoded(value)
    return text.startswith("H4sI") or bool(_REPORT.search(text))


def _text(value: str | bytes, about: Origin, key: str) -> Iterator[tuple[str, Origin]]:
    """A text: a message, or what is packed into one (Base64 of gzip, JSON within JSON)."""
    text = _decoded(value)
    if _plain(key) in _PACKED_KEYS or text.startswith("H4sI"):
        yield from _unpacked(value, about)
        return
    inner = _parsed(text) if text[:1] in {"{", "["} else None
    if inner is not None and _own_message(inner) is None and _is_container(inner):
        yield from _walk(inner, about)
    else:
        yield text, about


def _unpacked(value: str | bytes, about: Origin) -> Iterator[tuple[str, Origin]]:
    data = _from_base64(value) if isinstance(value, str) else value
    for text in texts("", io.BytesIO(data)):
        for block in read_export(text):
            yield from zip(block.messages, block.abouts or _same(block, about), strict=True)


def _same(block: Block, about: Origin) -> list[Origin]:
    return [about] * len(block.messages)


def _is_container(value: Any) -> bool:
    """Whether JSON in a message holds events, and is no line of the function's own."""
    return not (isinstance(value, Mapping) and _is_function_line(value))


def _from_base64(text: str) -> bytes:
    """What Base64 stands for; text that is none stays as it is."""
    if not _BASE64.fullmatch(text):
        return text.encode()
    try:
        return base64.b64decode(text, altchars=b"-_" if {"-", "_"} & {*text} else None)
    except binascii.Error:
        return text.encode()


def _own_message(value: Any) -> str | None:
    """The message that a value is itself: the platform's JSON line, or the fields of a report."""
    if not isinstance(value, Mapping):
        return None
    if _is_platform_line(value):
        return json.dumps(value, default=str)
    names = {_plain(name): item for name, item in value.items()}
    if any(name in names and not _is_group(name, names[name]) for name in _MESSAGE_KEYS):
        return None
    return _discovered(names)


def _discovered(names: Mapping[str, Any]) -> str | None:
    """The JSON report that the fields which Insights discovers in a report stand for."""
    names = {_metric(name): value for name, value in names.items()}
    request_id = names.get("requestid") or names.get("record.requestid")
    if not request_id or any(_number(names.get(name)) is None for name in _NEEDED):
        return None
    metrics = {}
    for name, (metric, scale) in _DISCOVERED.items():
        if (number := _number(names.get(name, names.get(f"{name}mb")))) is not None:
            metrics[metric] = number / scale if number >= scale else number
    ended = {"status": names.get("record.status"), "errorType": names.get("record.errortype")}
    texts = {name: text for name, text in ended.items() if text}
    record = {"requestId": str(request_id), "metrics": metrics, **texts}
    return json.dumps({"type": "platform.report", "record": record})


def _metric(name: str) -> str:
    return name.removeprefix("record.metrics.").removesuffix("ms")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_platform_line(value: Mapping[Any, Any]) -> bool:
    return str(value.get("type", "")).startswith("platform.") and "record" in value


def _is_function_line(value: Mapping[Any, Any]) -> bool:
    """A line of the function's own in Lambda's JSON log format: what it quotes is no report."""
    return "level" in value and "requestId" in value and "logStreamName" not in value


def _insights_row(value: Sequence[Any]) -> dict[str, object]:
    """A result of GetQueryResults: a list of fields with their values."""
    if value and all(
        isinstance(field, Mapping) and {*field} == {"field", "value"} for field in value
    ):
        return {field["field"]: field["value"] for field in value}
    return {}


def _about(value: Mapping[Any, Any], outer: Origin) -> Origin:
    fields: dict[str, str] = {}
    for key, item in value.items():
        if not isinstance(item, str | int | float) and not hasattr(item, "isoformat"):
            continue
        name = _plain(key)
        if name in _TIME_KEYS:
            fields.setdefault("time", str(item))
        elif name in _STREAM_KEYS:
            fields["stream"] = str(item)
        elif name in _GROUP_KEYS and "/" in str(item) and "\n" not in str(item):
            fields["group"] = str(item)
    return outer._replace(**fields)


def _plain(name: Any) -> str:
    return re.sub(r"[@_\s-]", "", str(name)).lower()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# Tables.


class _Table(NamedTuple):
    delimiter: str
    header: tuple[str, ...]
    skipped: int


def _table(text: str) -> _Table | None:
    """How a table is written, by its header among the first lines; None for what is none."""
    if _UNQUOTED_JSON.search(text[:65_536]):
        return None
    for number, line in enumerate(text[:8192].splitlines()[:6]):
        if _REPORT.search(line):
            return None
        for delimiter in ",;|\t":
            header = tuple(_plain(cell.strip(" \"'`")) for cell in line.split(delimiter))
            if _is_header(header, delimiter):
                return _Table(delimiter, header, number)
    return None


_UNQUOTED_JSON = re.compile(r"^[^\"\n]*[,;]\{\"", re.MULTILINE)
"""JSON in a table that does not quote it: its cells cannot be told apart, its lines can."""


def _is_header(header: tuple[str, ...], delimiter: str) -> bool:
    if {"billedduration", "record.metrics.billeddurationms"} & {*header}:
        return True
    # A message of text has tabs and a table drawn with bars has no quotes: those are read as lines.
    return delimiter in ",;" and "message" in header


def _messages_of_table(
    blocks: Iterable[str], table: _Table, source: Origin
) -> Iterator[tuple[str, Origin]]:
    csv.field_size_limit(_CELL_CHARACTERS)
    lines = (line for block in blocks for line in io.StringIO(block, newline=""))
    body = islice(lines, table.skipped + 1, None)
    for row in csv.reader(body, delimiter=table.delimiter):
        cells = _cells(row, table)
        value = {k: v for k, v in zip(table.header, cells, strict=False) if k}
        about, message = _about(value, source), value.get("message")
        if message is None:
            message = _own_message(value)
        if message:
            yield message, about


def _cells(row: list[str], table: _Table) -> list[str]:
    """The cells of a row; a message that ends it may have delimiters of its own."""
    if table.delimiter == "|":
        return [cell.strip() for cell in row]
    last = len(table.header) - 1
    if len(row) > len(table.header) and table.header[last] == "message":
        return [*row[:last], table.delimiter.join(row[last:])]
    return row


def _batches(messages: Iterable[tuple[str, Origin]], source: Origin) -> Iterator[Block]:
    waiting = iter(messages)
    while some := list(islice(waiting, _ROWS)):
        yield Block([text for text, _ in some], [about for _, about in some], source)
