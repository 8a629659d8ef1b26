"""Samples as Parquet: one file a run, a type for each column, whatever a run has measured."""

import gzip
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..core.tuning.records import TYPES

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "samples.parquet"
"""The file of a run that has all of its samples."""

_WIDE = frozenset({"billed_ms"})
"""Whole numbers of 64 bits; the others fit in 32."""


_ROW_GROUP = 100_000


def packed(parts: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The parts (gzipped CSV) of a run as the files that are stored: one of Parquet.

    Where pyarrow is not installed, and where there are no parts, they stay as they are. Rows stay
    in their order; a large run needs no more memory than the file and some of its parts.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        yield from parts
        return
    data = _parquet(part for _, part in parts)
    if data:
        yield NAME, data


def schema() -> "pa.Schema":
    """The columns of a stored file; `function` and `run` are in its path."""
    import pyarrow as pa

    kinds = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), int: pa.int32()}
    special = {
        "started_at": pa.timestamp("us", tz="UTC"),
        **dict.fromkeys(_WIDE, pa.int64()),
    }
    return pa.schema([(name, special.get(name, kinds[kind])) for name, kind in TYPES.items()])


def _parquet(parts: Iterable[bytes]) -> bytes:
    """The file; b"" for no rows."""
    import pyarrow as pa
    from pyarrow import parquet

    columns, waiting, rows = schema(), list[pa.Table](), 0
    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, columns, compression="zstd") as writer:
        for part in parts:
            waiting.append(_table(part, columns))
            rows += waiting[-1].num_rows
            if sum(table.num_rows for table in waiting) >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return buffer.getvalue() if rows else b""


def _table(part: bytes, columns: "pa.Schema") -> "pa.Table":
    from pyarrow import csv

    options = csv.ConvertOptions(
        column_types=columns,
        include_columns=columns.names,
        include_missing_columns=True,
        null_values=[""],
        strings_can_be_null=False,
    )
    table = csv.read_csv(io.BytesIO(gzip.decompress(part)), convert_options=options)
    # Columns that an older version did not write.
    for number, field in enumerate(columns):
        if str(field.type) == "string" and table[field.name].null_count:
            table = table.set_column(number, field, table[field.name].fill_null(""))
    return table
