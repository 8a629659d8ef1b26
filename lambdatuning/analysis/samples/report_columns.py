"""Reports as columns: numbers where a report says them, NaN where it does not."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .report_forms import HEAD, Row


class Columns(NamedTuple):
    """The reports of one block, a column each; times without zone (UTC).

    NaN, NaT and empty text where a report does not say.
    """

    time: NDArray[np.datetime64]
    request_id: NDArray[np.object_]
    duration_ms: NDArray[np.float64]
    billed_ms: NDArray[np.float64]
    memory_mb: NDArray[np.float64]
    max_memory_mb: NDArray[np.float64]
    init_ms: NDArray[np.float64]
    restore_ms: NDArray[np.float64]
    billed_restore_ms: NDArray[np.float64]
    error: NDArray[np.object_]


_WHOLE = {"billed_ms", "memory_mb", "max_memory_mb", "billed_restore_ms"}


def columns(heads: Sequence[Row], tails: Mapping[int, Row]) -> Columns:
    """The reports with these heads; by their places the tails of those that have an unusual one."""
    parts = list(zip(*heads, strict=False))[:HEAD]
    known = {
        name: _column(name, texts) for name, texts in zip(Columns._fields, parts, strict=False)
    }
    rare = {name: np.full(len(heads), math.nan) for name in Columns._fields[HEAD:-1]}
    error = np.full(len(heads), "", np.object_)
    for n, (*numbers, status, error_type) in tails.items():
        error[n] = _error(status, error_type)
        for array, number in zip(rare.values(), numbers, strict=True):
            if number:
                array[n] = float(number)
    np.ceil(rare["billed_restore_ms"], out=rare["billed_restore_ms"])
    return Columns(**known, **rare, error=error)


def _column(name: str, texts: Sequence[str]) -> NDArray[Any]:
    if name == "request_id":
        return np.array(texts, np.object_)
    if name == "time":
        known = any(texts)
        return np.array(texts if known else np.full(len(texts), "NaT"), "datetime64[us]")
    numbers = np.array([float(text) if text else math.nan for text in texts])
    return np.ceil(numbers) if name in _WHOLE else numbers


@cache
def _error(status: str, error_type: str) -> str:
    """The error type, or the status where Lambda names none; "" for success."""
    return "" if status in {"", "success"} else error_type or status
