"""Samples as a tidy DataFrame: one row an invocation, units in the column names."""

import gzip
import io
import zlib
from collections.abc import Iterable
from typing import Any

import pandas as pd
from pandas import DataFrame, Series
from pandas.api.types import is_string_dtype

from ..core.errors import RunFailedError
from ..core.samples import Sample, encode_part

COLUMNS = (
    "run_id",
    "function",
    "architecture",
    "memory_mb",
    "payload",
    "invocation",
    "cold",
    "environment",
    "started_at",
    "duration_ms",
    "billed_ms",
    "init_ms",
    "restore_ms",
    "max_memory_mb",
    "error",
    "cost_usd",
    "request_id",
    "retries",
    "stolen_ms",
)
"""Columns of a samples frame, in order."""

_CATEGORIES = ("run_id", "function", "architecture", "payload", "environment", "error")
_MAY_BE_EMPTY = ("init_ms", "restore_ms", "max_memory_mb", "stolen_ms")
_DTYPES = {
    "memory_mb": "int32",
    "invocation": "int32",
    "cold": "bool",
    "started_at": "str",
    "duration_ms": "float64",
    "billed_ms": "int64",
    "init_ms": "float64",
    "restore_ms": "float64",
    "max_memory_mb": "float64",
    "cost_usd": "float64",
    "request_id": "str",
    "retries": "int32",
    "stolen_ms": "float64",
    **dict.fromkeys(_CATEGORIES, "category"),
}
_READ_AS = {name: kind for name, kind in _DTYPES.items() if name != "cold"}
_WHEN_ABSENT: dict[str, Any] = {
    "retries": 0,
    "stolen_ms": float("nan"),
    "architecture": "",
    "environment": "",
}


def read_parts(parts: Iterable[bytes], *, run_id: str = "", function: str = "") -> DataFrame:
    """Stored parts (gzipped CSV) of one run as a samples frame, rows in the order of the parts.

    Parts with the same header are parsed as one text: a run has many small parts, and the cost
    of starting a parser for each would be most of the time.

    Raises:
        RunFailedError: a part is damaged.
    """
    bodies: dict[bytes, list[bytes]] = {}
    try:
        for part in parts:
            header, _, body = gzip.decompress(part).partition(b"\n")
            bodies.setdefault(header, []).append(body)
        frames = [_parse(header + b"\n" + b"".join(body)) for header, body in bodies.items()]
    except (OSError, EOFError, ValueError, zlib.error) as exc:
        raise RunFailedError(
            f"run {run_id or '(unnamed)'} has a damaged part ({exc}): "
            "copy the run again, or delete it and measure anew"
        ) from exc
    frame = pd.concat(frames, ignore_index=True) if frames else DataFrame()
    return _tidy(frame.assign(run_id=run_id, function=function))


def samples_frame(samples: Iterable[Sample], *, run_id: str = "", function: str = "") -> DataFrame:
    """Samples in memory as the same frame that reading their stored parts gives."""
    return read_parts([encode_part(samples)], run_id=run_id, function=function)


def warm(samples: DataFrame) -> DataFrame:
    """Successful invocations on an environment that existed before: what statistics are made of."""
    return samples[~samples["cold"] & ~failed(samples)]


def failed(samples: DataFrame) -> "Series[bool]":
    """Mask of the invocations that ended in an error."""
    return samples["error"].ne("")


def _parse(text: bytes) -> DataFrame:
    frame = _read(text, _READ_AS)
    # Pandas makes numbers of categories that all look like numbers, such as a payload "1e5".
    numeric = [
        name
        for name in _CATEGORIES
        if name in frame and not is_string_dtype(frame[name].cat.categories)
    ]
    if numeric:
        frame = _read(text, _READ_AS | dict.fromkeys(numeric, "str"))
    return frame.assign(
        **{name: value for name, value in _WHEN_ABSENT.items() if name not in frame}
    )


def _read(text: bytes, dtypes: dict[str, str]) -> DataFrame:
    return pd.read_csv(
        io.BytesIO(text),
        dtype=dtypes,
        true_values=["true"],
        false_values=["false"],
        keep_default_na=False,
        na_values={name: [""] for name in _MAY_BE_EMPTY},
    )


def _tidy(frame: DataFrame) -> DataFrame:
    frame = frame.reindex(columns=list(COLUMNS))
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True, format="ISO8601")
    return frame.astype({name: kind for name, kind in _DTYPES.items() if name != "started_at"})
