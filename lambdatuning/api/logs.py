"""Exported logs of Lambda as samples, and as runs that every notebook reads."""

import re
import secrets
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pandas import DataFrame

from ..analysis.frames import same
from ..analysis.logs.archives import texts
from ..analysis.logs.exports import Block, read_events, read_export
from ..analysis.logs.log_frame import LogReading, encode_frame, read_logs
from ..analysis.run import Run, merge
from ..cloud.parquet import packed
from ..cloud.run_store import FolderStore, save
from ..core.address import is_s3
from ..core.errors import NotFoundError, UnreadReportsWarning, UsageError, closest
from ..core.pricing import PriceBook, load_price_book
from ..core.strategies import KIT_STRATEGY
from ..core.tuning.endpoint import Endpoint
from ..core.tuning.manifest import LOGS, Manifest, ManifestPayload, PriceBookName
from ..core.validation import checked
from .runs import writable_store

PAYLOAD = "as logged"
"""The payload type of logged calls: logs do not tell what was sent."""

STDIN = "-"
_PART_ROWS = 100_000
_SHOWN_CHARACTERS = 160
_HOW_TO_EXPORT = (
    "export REPORT lines with `aws logs tail /aws/lambda/NAME --since 1d`; functions with JSON "
    "logs and a system log level above INFO write none"
)


def read_reports(
    source: str | Path | IO[bytes] | Mapping[str, Any] | Iterable[Any],
    *,
    function: str = "",
    architecture: str = "x86_64",
    region: str = "us-east-1",
    book: PriceBook | None = None,
) -> DataFrame:
    r"""The samples that logs tell of, one row a report, in the order in which they stand.

    `source` is a file or folder ("-" is standard input), an open binary file, lines, or events or
    a whole answer of boto3's `logs` client. The form is told by the content: text, CSV, JSON and
    tables of CloudWatch and its tools, compressed or not (README, "Whatever logs people have").
    An invocation's environment is its log stream, where the export names it; payload types are not
    known. An invocation has failed where its report or a line around it says so. Costs are those
    of `region`, by the packaged price book unless `book` is given. `attrs["logs"]` counts lines
    that hold a report which could not be read (`unread`, with an `example`), of which a warning
    tells as well, and reports of which nothing tells whether the call failed (`untold`).

    Raises:
        NotFoundError: there is no such file, or no report in it that can be read.
        UsageError: a damaged file; a price book without such a region or architecture.

    >>> line = "REPORT RequestId: 1\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB"
    >>> read_reports([line])["duration_ms"].tolist()
    [1.5]
    """
    reading = _read(_blocks(source), architecture, region, book)
    if not reading.samples["function"].ne("").any():
        reading.samples["function"] = same(function, len(reading.samples))
    return reading.samples


@checked
def import_logs(
    files: str | Path | Sequence[str | Path],
    *,
    store: str | Path = "",
    function: str = "",
    architecture: str = "x86_64",
    region: str = "us-east-1",
    book: PriceBook | None = None,
) -> Run:
    """A run of exported logs, stored like any other: `load`, the notebooks and `compare` read it.

    `files` are whatever `read_reports` takes. Logs of several functions make a run each, of which
    the answer holds all (its `run_id` names them, with commas); `function` chooses one, and names
    the function where the logs do not. `manifest.logs` has the counts that `read_reports` tells.

    Raises:
        NotFoundError: there is no such file, no report in it, or none of `function`.
        UsageError: a damaged file; a price book without such a region or architecture.
    """
    names = [files] if isinstance(files, str | Path) else list(files)
    blocks = (block for name in names for block in _blocks(name))
    reading = _read(blocks, architecture, region, book)
    parts = _by_function(reading.samples, function, _stem(names[0]))
    prices = book or load_price_book()
    manifest = Manifest(
        kind=LOGS,
        region=region,
        architecture=architecture,
        endpoint=Endpoint(LOGS),
        price_book=PriceBookName(prices.version, prices.source),
        currency=prices.region(region).foreign_currency,
        logs=replace(reading.summary, files=tuple(map(str, names))),
    )
    folder = writable_store(store)
    runs = [_stored(folder, name, samples, manifest) for name, samples in parts.items()]
    merged = merge(runs)
    return Run(replace(merged.manifest, logs=manifest.logs), merged.samples)


def _read(
    blocks: Iterable[Block], architecture: str, region: str, book: PriceBook | None
) -> LogReading:
    prices = book or load_price_book()
    reading = read_logs(blocks, prices, architecture=architecture, region=region)
    lost = (
        f"{reading.unread:,} lines hold a report that could not be read, such as "
        f"{reading.example.strip()[:_SHOWN_CHARACTERS]!r}"
    )
    if reading.samples.empty:
        raise NotFoundError(
            lost if reading.unread else f"no report in these logs: {_HOW_TO_EXPORT}"
        )
    if reading.unread:
        warnings.warn(lost, UnreadReportsWarning, stacklevel=3)
    reading.samples.attrs["logs"] = reading.summary.to_json()
    return reading


def _blocks(source: Any) -> Iterator[Block]:
    if isinstance(source, str | Path):
        for path, opened in _files(source):
            with opened() as file:
                yield from _blocks_of(str(path), file)
    elif hasattr(source, "read"):
        yield from _blocks_of(str(getattr(source, "name", "")), source)
    else:
        yield from read_events([source] if isinstance(source, Mapping) else source)


def _blocks_of(name: str, file: IO[bytes]) -> Iterator[Block]:
    for text in texts(name, file):
        yield from read_export(text)


def _files(source: str | Path) -> Iterator[tuple[Path, Callable[[], IO[bytes]]]]:
    """The files that a name stands for: one, all of a folder, or standard input."""
    if str(source) == STDIN:
        yield Path("stdin"), lambda: sys.stdin.buffer
        return
    if is_s3(source):
        raise UsageError(f"{source}: copy it first, `aws s3 cp --recursive {source} logs/`")
    path = Path(source)
    if not path.exists():
        raise NotFoundError(f"no file {path}: give the path of exported logs, or - for stdin")
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and file.name != "aws-logs-write-test":
            yield file, lambda file=file: file.open("rb")  # type: ignore[misc]


def _stem(name: str | Path) -> str:
    """A name for a function that the logs do not name."""
    return "stdin" if str(name) == STDIN else Path(name).name.partition(".")[0]


def _by_function(samples: DataFrame, chosen: str, fallback: str) -> dict[str, DataFrame]:
    """The samples of each function; what names none belongs to the only one that is known."""
    named = [str(name) for name in samples["function"].unique() if name]
    if chosen and named and chosen not in named:
        raise NotFoundError(f'no report of function "{chosen}"; {closest(chosen, named)}')
    default = chosen or (named[0] if len(named) == 1 else fallback)
    owner = samples["function"].astype(str).replace("", default)
    names = [chosen] if chosen else sorted(owner.unique())
    return {name: samples[owner == name] for name in names}


def _stored(folder: FolderStore, function: str, samples: DataFrame, base: Manifest) -> Run:
    now = datetime.now(UTC)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", function).strip("-") or "logs"
    run_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    names = {"run_id": run_id, "function": name, "payload": PAYLOAD}
    columns = {column: same(value, len(samples)) for column, value in names.items()}
    frame = samples.assign(**columns).reset_index(drop=True)
    parts = (
        (f"samples-{n:05}.csv.gz", encode_frame(frame.iloc[begin : begin + _PART_ROWS]))
        for n, begin in enumerate(range(0, len(frame), _PART_ROWS))
    )
    manifest = replace(_described(base, frame, now), run_id=run_id, function=name)
    save(folder, manifest, packed(parts))
    return Run(manifest, frame)


def _described(manifest: Manifest, samples: DataFrame, now: datetime) -> Manifest:
    """The manifest with what samples tell of a run."""
    times = samples["started_at"].dropna()
    first, end = (times.min(), times.max()) if len(times) else (now, now)
    # The size that ran last is today's, as far as logs tell.
    last = int(samples["started_at"].argmax()) if len(times) else -1
    return replace(
        manifest,
        current_memory_mb=int(samples["memory_mb"].iloc[last]),
        payloads=(ManifestPayload(PAYLOAD),),
        sizes=tuple(sorted(int(size) for size in samples["memory_mb"].unique())),
        num=int(samples.groupby("memory_mb").size().max()),
        environments=samples["environment"].nunique(),
        strategy=KIT_STRATEGY,
        weight=0.5,
        started_at=first.isoformat(),
        finished_at=end.isoformat(),
        invocations=len(samples),
        usd=float(samples["cost_usd"].sum()),
    )
