"""REPORT lines of Lambda's logs as a samples frame."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ...core.pricing import PriceBook, invocation_usd
from ..frames import COLUMNS, read_parts, same
from .report_columns import Columns
from .report_lines import read_blocks

_MOST_MB, _MOST_MS = 2.0**31, 2.0**53


def reports_frame(
    blocks: Iterable[Sequence[bytes]],
    book: PriceBook,
    *,
    function: str = "",
    architecture: str = "x86_64",
    region: str = "us-east-1",
) -> DataFrame:
    """The samples that blocks of log lines tell of (see `api.logs.read_reports`)."""
    columns: list[list[NDArray[Any]]] = [[] for _ in Columns._fields]
    for block in read_blocks(blocks):
        for column, array in zip(columns, _sized(block), strict=True):
            column.append(array)
    if not columns[0]:
        return read_parts([], function=function)
    reports = Columns(*map(_join, columns))
    cost_usd = _cost_usd(reports, book, region, architecture)
    return _frame(reports, function, architecture, cost_usd)


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
