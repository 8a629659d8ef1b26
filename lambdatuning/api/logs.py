"""Samples from logs: REPORT lines that were exported from CloudWatch."""

import gzip
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pandas import DataFrame

from ..analysis.samples.log_reports import reports_frame
from ..core.errors import NotFoundError
from ..core.pricing import PriceBook, load_price_book

_BLOCK_LINES = 2_048
_BLOCK_BYTES = 1 << 19
"""Small blocks: rows are given up before the garbage collector has walked them often."""


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
    return reports_frame(
        _blocks(source),
        load_price_book() if book is None else book,
        function=function,
        architecture=architecture,
        region=region,
    )


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
