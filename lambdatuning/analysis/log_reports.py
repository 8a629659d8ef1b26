"""REPORT lines exported from CloudWatch Logs as a samples frame."""

import gzip
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ..core.billing import invocation_usd
from ..core.errors import NotFoundError
from ..core.prices import PriceBook, load_price_book
from .frames import COLUMNS, read_parts, same
from .report_lines import Columns, read_blocks

_BLOCK_LINES = 2_048
_BLOCK_BYTES = 1 << 19
"""Small blocks: rows are given up before the garbage collector has walked them often."""

_MOST_MB, _MOST_MS = 2.0**31, 2.0**53


def read_reports(
    source: str | Path | Iterable[str] | Iterable[bytes],
    *,
    function: str = "",
    architecture: str = "x86_64",
    region: str = "us-east-1",
    book: PriceBook | None = None,
) -> DataFrame:
    r"""The samples that REPORT lines tell of, one row a report, in the order of the lines.

    `source` is a file (may be gzipped) or lines: text or JSON, one report a line, other lines
    between them being passed over; a time stamp may stand before each, as in exports to S3.
    Costs are those of `region`, by the price book that comes with the package unless `book` is
    given. The logs of one function tell neither payload types nor environments: both are "", so
    that such samples have no intervals. A report without a memory size, or with one or a billed
    time beyond all bounds, is left out.

    Raises:
        NotFoundError: there is no such file.
        UsageError: the price book has no such region or architecture.

    >>> line = "REPORT RequestId: 1\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB"
    >>> read_reports([line])["duration_ms"].tolist()
    [1.5]
    """
    columns: list[list[NDArray[Any]]] = [[] for _ in Columns._fields]
    for block in read_blocks(_blocks(source)):
        for column, array in zip(columns, _sized(block), strict=True):
            column.append(array)
    if not columns[0]:
        return read_parts([], function=function)
    reports = Columns(*map(_join, columns))
    costs = (load_price_book() if book is None else book, region, architecture)
    return _frame(reports, function, architecture, _cost_usd(reports, *costs))


def _join(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """One array of all, which are given up at once: a million reports take their room only once."""
    joined = np.concatenate(arrays)
    arrays.clear()
    return joined


def _sized(block: Columns) -> Columns:
    known = (block.memory_mb < _MOST_MB) & (block.billed_ms < _MOST_MS)
    if known.all():
        return block
    kept: list[Any] = [array[known] for array in block]
    return Columns(*kept)


def _cost_usd(
    reports: Columns, book: PriceBook, region: str, architecture: str
) -> NDArray[np.float64]:
    billed_ms = reports.billed_ms + np.nan_to_num(reports.billed_restore_ms)
    # The rule multiplies and adds, so that it prices a column as it does an invocation.
    price = cast(Any, invocation_usd)(book, region, architecture, reports.memory_mb, billed_ms)
    return np.asarray(price, float)


def _frame(
    reports: Columns, function: str, architecture: str, cost_usd: NDArray[np.float64]
) -> DataFrame:
    count = len(reports.duration_ms)
    cold = np.isfinite(reports.init_ms) | np.isfinite(reports.restore_ms)
    columns: dict[str, Any] = {
        "memory_mb": reports.memory_mb.astype("int32"),
        "invocation": np.arange(count, dtype="int32"),
        "cold": cold,
        "started_at": pd.DatetimeIndex(reports.time, tz="UTC"),
        "duration_ms": reports.duration_ms,
        "billed_ms": (reports.billed_ms + np.nan_to_num(reports.billed_restore_ms)).astype("int64"),
        "init_ms": reports.init_ms,
        "restore_ms": reports.restore_ms,
        "max_memory_mb": reports.max_memory_mb,
        "error": pd.Categorical(reports.error),
        "cost_usd": cost_usd,
        "request_id": pd.array(reports.request_id, dtype="str"),
        "retries": np.zeros(count, "int32"),
        "stolen_ms": np.full(count, np.nan),
    }
    told = {"run_id": "", "function": function, "architecture": architecture}
    for name, value in (told | {"payload": "", "environment": ""}).items():
        columns[name] = same(value, count)
    return DataFrame({name: columns[name] for name in COLUMNS}, copy=False)


def _blocks(source: str | Path | Iterable[str] | Iterable[bytes]) -> Iterator[list[bytes]]:
    if not isinstance(source, str | Path):
        waiting: Iterator[str | bytes] = iter(source)
        while some := [_encoded(line) for line in islice(waiting, _BLOCK_LINES)]:
            yield io.BytesIO(b"\n".join(some)).readlines()
        return
    path = Path(source)
    if not path.is_file():
        raise NotFoundError(f"no file {path}: give the path of exported log lines")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while some := file.readlines(_BLOCK_BYTES):
            yield some


def _encoded(line: str | bytes) -> bytes:
    data = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
    return data.removesuffix(b"\n")
