"""Exported logs as a samples frame, and what was lost on the way."""

import gzip
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import chain, islice
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray
from pandas import DataFrame

from ...core.pricing import PriceBook, invocation_usd
from ...core.tuning.manifest import LogsRead
from ...core.tuning.records import COLUMNS as STORED
from ..frames import COLUMNS, read_parts, same
from .exports import Block
from .failures import Mark
from .reports import Reports, read_block

_WORKERS = min(4, os.cpu_count() or 1)
_NUMBERS = ("duration_ms", "billed_ms", "memory_mb", "max_memory_mb", "init_ms", "restore_ms")
_FIRST_ROWS = _PRICED_ROWS = 1 << 16
_TEXTS = ("stream", "group", "error")
_ARROW = find_spec("pyarrow") is not None


@dataclass(frozen=True)
class LogReading:
    """What logs hold: `samples`, one row a report, and how much of it can be relied on.

    `unread` counts lines that hold a report which could not be read (`example` is the first of
    them), `untold` the reports of which nothing tells whether the invocation failed.
    """

    samples: DataFrame
    unread: int
    example: str
    untold: int

    @property
    def summary(self) -> LogsRead:
        """The counts, as a run's manifest keeps them."""
        return LogsRead(unread=self.unread, example=self.example, untold=self.untold)


class _Columns:
    """Columns that grow in place: a million reports take their room only once."""

    def __init__(self) -> None:
        self.rows = 0
        self._arrays: dict[str, NDArray[Any]] = {}
        self._codes: dict[str, dict[str, int]] = {name: {"": 0} for name in _TEXTS}
        self._request_ids: list[Any] = []

    def append(self, frame: pl.DataFrame) -> None:
        """The rows of one block; texts that stand often are kept as codes."""
        columns = {name: frame[name].to_numpy() for name in (*_NUMBERS, "time")}
        texts = {name: self._coded(name, frame[name]) for name in _TEXTS}
        end = self.rows + len(frame)
        for name, values in (columns | texts).items():
            array = self._arrays.setdefault(name, np.empty(_FIRST_ROWS, values.dtype))
            if end > len(array):
                array.resize(max(2 * len(array), end), refcheck=False)
            array[self.rows : end] = values
        # Copied, as what polars cuts out of a text keeps all of the text.
        ids = frame["request_id"]
        self._request_ids.append(ids.to_arrow() if _ARROW else ids.to_numpy())
        self.rows = end

    def _coded(self, name: str, series: pl.Series) -> NDArray[np.int32]:
        code_of = self._codes[name]
        if series.null_count() == len(series):
            return np.zeros(len(series), np.int32)
        codes, names = pd.factorize(series.fill_null("").to_numpy())
        return np.array([code_of.setdefault(text, len(code_of)) for text in names], np.int32)[codes]

    def take(self, name: str) -> NDArray[Any]:
        """A column, given up."""
        array = self._arrays.pop(name)
        array.resize(self.rows, refcheck=False)
        return array

    def request_ids(self) -> Any:
        """The request of each row, given up. A million strings of Python's own would take more room
        than all other columns."""
        parts, self._request_ids = self._request_ids, []
        if not _ARROW:
            return pd.array(np.concatenate(parts), dtype="str")
        import pyarrow as pa

        return pd.array(pa.chunked_array(parts), dtype="str")

    def category(self, name: str) -> pd.Categorical:
        """A column of texts, given up."""
        names = pd.Index(list(self._codes[name]), dtype="str")
        return pd.Categorical.from_codes(
            self.take(name), categories=names
        ).remove_unused_categories()


@dataclass
class _Gathered:
    """The reports of all blocks so far, and what stood around them."""

    columns: _Columns = field(default_factory=_Columns)
    marks: list[tuple[int, Mark]] = field(default_factory=list)
    running: dict[str, str] = field(default_factory=dict)
    unread: int = 0
    example: str = ""
    untold: int = 0
    named: int = 0

    def add(self, block: Reports) -> None:
        for mark in block.around.marks:
            request_id = mark.request_id or self.running.get(mark.stream, "")
            row = self.columns.rows + int(np.searchsorted(block.frame["n"].to_numpy(), mark.n))
            self.marks.append((row, mark._replace(request_id=request_id)))
        self.running |= block.around.open_requests
        self.columns.append(block.frame)
        self.unread += block.unread
        self.example = self.example or block.example
        self.untold += block.frame["status"].null_count()
        self.named += block.around.starts


def read_logs(
    blocks: Iterable[Block],
    book: PriceBook,
    *,
    architecture: str = "x86_64",
    region: str = "us-east-1",
) -> LogReading:
    """The reports in blocks of messages as a samples frame, in the order in which they stand."""
    gathered = _Gathered()
    for reports in _in_parallel(blocks):
        gathered.add(reports)
    if gathered.columns.rows:
        samples = _frame(gathered.columns, gathered.marks, book, region, architecture)
    else:
        samples = read_parts([])
    untold = max(gathered.untold - gathered.named, 0)
    return LogReading(samples, gathered.unread, gathered.example, untold)


def _in_parallel(blocks: Iterable[Block]) -> Iterator[Reports]:
    """Blocks parsed on all cores, in order, never more of them in memory than are worked at."""
    unread = iter(blocks)
    first = list(islice(unread, 2))
    if len(first) < 2:
        yield from map(read_block, first)
        return
    waiting: deque[Future[Reports]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for block in chain(first, unread):
            waiting.append(pool.submit(read_block, block))
            if len(waiting) > _WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _with_failures(
    error: pd.Categorical, request_ids: Any, marks: list[tuple[int, Mark]]
) -> pd.Categorical:
    """Where a mark tells of a failure, the next report of its request has failed (else the last).

    A request may have several: an asynchronous invocation is repeated with the same id.
    """
    named = {mark.request_id for _, mark in marks if mark.request_id}
    if not named:
        return error
    rows: dict[str, list[int]] = {}
    for row in np.flatnonzero(pd.Index(request_ids).isin(list(named))).tolist():
        rows.setdefault(request_ids[row], []).append(row)
    errors = error.add_categories(sorted({mark.error for _, mark in marks} - {*error.categories}))
    for place, mark in marks:
        if own := rows.get(mark.request_id):
            row = next((row for row in own if row >= place), own[-1])
            errors[row] = errors[row] or mark.error
    return errors.remove_unused_categories()


def _frame(
    columns: _Columns,
    marks: list[tuple[int, Mark]],
    book: PriceBook,
    region: str,
    architecture: str,
) -> DataFrame:
    count = columns.rows
    memory_mb, billed_ms, used_mb = (
        np.ceil(values, out=values)
        for values in map(columns.take, ("memory_mb", "billed_ms", "max_memory_mb"))
    )
    init_ms, restore_ms = columns.take("init_ms"), columns.take("restore_ms")
    request_ids = columns.request_ids()
    error = _with_failures(columns.category("error"), request_ids, marks)
    by_column: dict[str, Any] = {
        "memory_mb": memory_mb.astype("int32"),
        "invocation": np.arange(count, dtype="int32"),
        "cold": np.isfinite(init_ms) | np.isfinite(restore_ms),
        "started_at": pd.DatetimeIndex(columns.take("time"), tz="UTC"),
        "duration_ms": columns.take("duration_ms"),
        "billed_ms": billed_ms.astype("int64"),
        "init_ms": init_ms,
        "restore_ms": restore_ms,
        "max_memory_mb": used_mb,
        "error": error,
        "cost_usd": _cost_usd(memory_mb, billed_ms, book, (region, architecture)),
        "request_id": request_ids,
        "retries": np.zeros(count, "int32"),
        "stolen_ms": np.full(count, np.nan),
        "environment": columns.category("stream"),
        "function": _functions(columns.category("group")),
        "architecture": same(architecture, count),
        "run_id": same("", count),
        "payload": same("", count),
        "message": same("", count),
    }
    return DataFrame({name: by_column[name] for name in COLUMNS}, copy=False)


def _cost_usd(
    memory_mb: NDArray[Any], billed_ms: NDArray[Any], book: PriceBook, place: tuple[str, str]
) -> NDArray[np.float64]:
    """The cost of each row in `place` = (region, architecture)."""
    cost_usd = np.empty(len(memory_mb))
    for begin in range(0, len(memory_mb), _PRICED_ROWS):
        rows = slice(begin, begin + _PRICED_ROWS)
        # The rule multiplies and adds, so that it prices a column as it does an invocation.
        price = cast(Any, invocation_usd)
        cost_usd[rows] = price(book, *place, memory_mb[rows], billed_ms[rows])
    return cost_usd


def _functions(groups: pd.Categorical) -> pd.Categorical:
    """The function that writes to a log group: `/aws/lambda/NAME`, with or without the account."""
    names = [_function(str(group)) for group in groups.categories]
    codes, functions = pd.factorize(np.array(names, object))
    return pd.Categorical.from_codes(
        codes[groups.codes], categories=pd.Index(functions, dtype="str")
    )


def _function(group: str) -> str:
    return group.rpartition("/aws/lambda/")[2] or group.rpartition(":")[2]


def encode_frame(samples: DataFrame) -> bytes:
    """Samples as a stored part: what `encode_part` of `core.tuning.records` writes one by one."""
    columns: dict[str, Any] = {name: samples[name].to_numpy() for name in STORED}
    frame = pl.DataFrame(columns | {"started_at": samples["started_at"].dt.tz_localize(None)})
    started = pl.col("started_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    whole = pl.col("max_memory_mb").cast(pl.Int64, strict=False)
    text = frame.with_columns(cs.float().fill_nan(None)).with_columns(started, whole).write_csv()
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)
