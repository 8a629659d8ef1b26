"""Samples as a tidy DataFrame: one row an invocation, units in the column names."""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame, Series
from pandas.api.types import is_string_dtype, union_categoricals

from ..core.errors import RunFailedError
from ..core.tuning.records import Sample, encode_part

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
    "message",
)
"""Columns of a samples frame, in order."""

_CATEGORIES = ("run_id", "function", "architecture", "payload", "environment", "error", "message")
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
_ENOUGH_BYTES = 1 << 25
_WHEN_ABSENT: dict[str, Any] = {
    "retries": 0,
    "stolen_ms": float("nan"),
    "architecture": "",
    "environment": "",
    "message": "",
}


def read_parts(parts: Iterable[bytes], *, run_id: str = "", function: str = "") -> DataFrame:
    """Stored parts (Parquet or gzipped CSV) of one run as a samples frame, rows in their order.

    Parts with the same header are parsed together: a run has many small parts, and the cost of
    starting a parser for each would be most of the time.

    Raises:
        RunFailedError: a part is damaged.
    """
    frames: list[DataFrame] = []
    try:
        for some in _by_format(parts):
            frames.extend(map(_tidy, some))
    except (OSError, EOFError, ValueError, zlib.error) as exc:
        raise RunFailedError(
            f"run {run_id or '(unnamed)'} has a damaged part ({exc}): "
            "copy the run again, or delete it and measure again"
        ) from exc
    whole = _joined(frames) if frames else _tidy(DataFrame())
    names = {"run_id": run_id, "function": function}
    return whole.assign(**{name: same(value, len(whole)) for name, value in names.items()})


def samples_frame(samples: Iterable[Sample], *, run_id: str = "", function: str = "") -> DataFrame:
    """Samples in memory as the same frame that reading their stored parts gives."""
    return read_parts([encode_part(samples)], run_id=run_id, function=function)


def warm(samples: DataFrame) -> DataFrame:
    """Successful invocations on an environment that existed before: what statistics are made of."""
    return samples[~samples["cold"] & ~failed(samples)]


def good(samples: DataFrame) -> DataFrame:
    """Successful invocations, cold starts among them."""
    return samples[~failed(samples)]


def failed(samples: DataFrame) -> "Series[bool]":
    """Mask of the invocations that ended in an error."""
    return samples["error"].ne("")


def rows_of(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, each by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def rows_by(frame: DataFrame, keys: Sequence[str]) -> list[NDArray[np.int64]]:
    """The positions of the rows of each group, groups in the order of their keys.

    For statistics of many small groups: a frame for each would take most of the time.
    """
    if not len(frame):
        return []
    codes = [_codes(frame[key]) for key in keys]
    order = np.lexsort(codes[::-1])
    changes = [np.diff(column[order]) != 0 for column in codes]
    return np.split(order, np.flatnonzero(np.logical_or.reduce(changes)) + 1)


def _codes(column: "Series[Any]") -> NDArray[np.int64]:
    """Numbers that are ordered as the values of a column are."""
    numbers: NDArray[Any]
    if isinstance(column.dtype, pd.CategoricalDtype):
        numbers = column.cat.codes.to_numpy()
    elif column.dtype.kind in "iu":
        numbers = column.to_numpy()
    else:
        numbers = pd.factorize(column, sort=True)[0]
    return numbers.astype(np.int64)


def _by_format(parts: Iterable[bytes]) -> Iterator[Iterator[DataFrame]]:
    """Frames of the parts, those of a format together."""
    for is_parquet, some in groupby(parts, _is_parquet):
        parsed = _parsed_parquet if is_parquet else _parsed_csv
        yield parsed(some)


def _parsed_csv(parts: Iterable[bytes]) -> Iterator[DataFrame]:
    return map(_parse, _texts(parts))


def _parsed_parquet(parts: Iterable[bytes]) -> Iterator[DataFrame]:
    return map(_parse_parquet, parts)


def _is_parquet(part: bytes) -> bool:
    return part.startswith(b"PAR1")


def _parse_parquet(part: bytes) -> DataFrame:
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(part), read_dictionary=list(_CATEGORIES))
    frame: DataFrame = table.to_pandas()
    # In the order of their names, as those are that are read from CSV.
    for name in frame.columns.intersection(list(_CATEGORIES)):
        values = frame[name].cat
        frame[name] = values.set_categories(sorted(values.categories))
    return _complete(frame)


def _complete(frame: DataFrame) -> DataFrame:
    """With the columns that older versions did not write."""
    return frame.assign(
        **{name: value for name, value in _WHEN_ABSENT.items() if name not in frame}
    )


def _texts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Parts unpacked and joined, as long as they have the same header, to texts of some size."""
    bodies: dict[bytes, list[bytes]] = {}
    room: dict[bytes, int] = {}
    for part in parts:
        header, _, body = gzip.decompress(part).partition(b"\n")
        bodies.setdefault(header, []).append(body)
        room[header] = room.get(header, _ENOUGH_BYTES) - len(body)
        if room[header] <= 0:
            del room[header]
            yield header + b"\n" + b"".join(bodies.pop(header))
    for header, waiting in bodies.items():
        yield header + b"\n" + b"".join(waiting)


def _joined(frames: list[DataFrame]) -> DataFrame:
    """One frame of all, a column after the other, so that a large run takes its room only once."""
    if len(frames) == 1:
        return frames[0]
    columns = {}
    for name in COLUMNS:
        pieces = [frame.pop(name) for frame in frames]
        if name in _CATEGORIES:
            columns[name] = Series(union_categoricals(pieces))
        else:
            columns[name] = pd.concat(pieces, ignore_index=True)
    return DataFrame(columns, copy=False)


def same(value: str, count: int) -> Any:
    """A column that says the same in every row."""
    return pd.Categorical.from_codes(np.zeros(count, np.int8), categories=pd.Index([value]))


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
    return _complete(frame)


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
