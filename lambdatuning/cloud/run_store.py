"""Stored runs: immutable folders, in a local folder or under `s3://bucket/prefix`.

What cannot be read (damaged, foreign, copied in part) is skipped with a RunSkippedWarning that
names its path and the reason: it is never in the way of the others. A run of a newer version is
read with a warning, as far as this version knows its fields.
"""

import json
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from ..core.address import checked_address, is_s3
from ..core.errors import (
    LambdaTuningError,
    NotFoundError,
    RunFailedError,
    RunSkippedWarning,
    UsageError,
    closest,
)
from ..core.tuning.manifest import MANIFEST_NAME, SCHEMA, Manifest
from ..core.tuning.records import run_prefix
from ..core.wire import misfit, snake
from .aws_errors import EXPIRED
from .session import Cloud

LATEST = "latest"

_UNFINISHED = ".new-"
"""How the folder of a run that is being written begins: no reader looks into it."""

_SAMPLES = (".parquet", ".csv.gz")
"""How files of samples end: a client's, and those that the tuner writes in Lambda."""

_ABANDONED_S = 3600.0
"""A folder that nobody has written to for so long belongs to a save that was killed."""

_SHOWN = 5
"""Skipped runs that a warning names; of more it says how many."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199}")
"""What the name of a run, a function or a file of a run may be: nothing that leaves its folder."""


class Store(Protocol):
    """What both kinds of store offer; keys are relative and separated by "/"."""

    @property
    def url(self) -> str:
        """Where it lies, for people."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key below a prefix, sorted."""
        ...

    def read(self, key: str) -> bytes:
        """The content of one key."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Replace one file beside the runs, as a whole."""
        ...

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        """Every key, with a text that is another one once its file has changed."""
        ...


@dataclass(frozen=True)
class StoredRun:
    """One run: its manifest and the keys of its sample parts."""

    store: Store
    prefix: str
    manifest: Manifest

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.manifest.run_id

    @property
    def function(self) -> str:
        """The name of the function that was tuned."""
        return self.manifest.function

    def part_keys(self) -> list[str]:
        """The keys of the sample parts, in order."""
        return [key for key in self.store.keys(self.prefix + "samples") if key.endswith(_SAMPLES)]

    def parts(self) -> Iterator[bytes]:
        """The sample parts, each Parquet or gzipped CSV."""
        return (self.store.read(key) for key in self.part_keys())


@dataclass(frozen=True)
class FolderStore:
    """Runs in a local folder."""

    root: Path

    @property
    def url(self) -> str:
        """Where it lies, for people."""
        return str(self.root)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key below a prefix, sorted; a store that is not there yet has none."""
        folder = self.root / prefix.rpartition("/")[0]
        files = (path for path in folder.rglob("*") if path.is_file())
        relative = (path.relative_to(self.root).as_posix() for path in files)
        whole = (key for key in relative if f"/{_UNFINISHED}" not in f"/{key}")
        return iter(sorted(key for key in whole if key.startswith(prefix)))

    def read(self, key: str) -> bytes:
        """The content of one key."""
        return (self.root / key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        """Replace one file beside the runs, as a whole."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".file-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        """Every key, with the size and time of its file."""
        yield from _fingerprints(str(self.root), "")

    def refuse_unwritable(self) -> None:
        """UsageError where no run could be stored; leaves nothing behind."""
        place = next(
            folder for folder in (self.root, *self.root.absolute().parents) if folder.exists()
        )
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as exc:
            raise UsageError(
                f"{self.root}: no run can be stored there ({exc.strerror}); name another folder"
            ) from exc

    def add(self, prefix: str, files: Iterable[tuple[str, bytes]]) -> None:
        """Add a run's folder as a whole: a reader sees all of it or nothing."""
        target = self.root / prefix
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent, time.time() - _ABANDONED_S)
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
        try:
            for name, data in files:
                _write(folder / _plain_name("file", name), data)
            folder.chmod(0o755)
            folder.rename(target)
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)


@dataclass(frozen=True)
class BucketStore:
    """Runs under a prefix of a bucket; `s3` is a boto3 client."""

    s3: Any
    bucket: str
    root: str

    @property
    def url(self) -> str:
        """Where it lies, for people."""
        return f"s3://{self.bucket}/{self.root}"

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key below a prefix, sorted as S3 sorts."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.root + prefix
        )
        for page in pages:
            for entry in page.get("Contents", []):
                yield entry["Key"].removeprefix(self.root)

    def read(self, key: str) -> bytes:
        """The content of one key."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=self.root + key)
        return bytes(answer["Body"].read())

    def write(self, key: str, data: bytes) -> None:
        """Replace one object beside the runs."""
        self.s3.put_object(Bucket=self.bucket, Key=self.root + key, Body=data)

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        """Every key, with the size and ETag of its object."""
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=self.root):
            for entry in page.get("Contents", []):
                yield entry["Key"].removeprefix(self.root), f"{entry['Size']} {entry['ETag']}"


def open_store(address: str | Path, cloud: Cloud | None = None) -> Store:
    """The store at a folder or at `s3://bucket/prefix` (which needs `cloud`).

    A folder need not be there yet; UsageError for a file.
    """
    text = checked_address(address)
    if not is_s3(text):
        if Path(address).is_file():
            raise UsageError(f"{address} is a file; a store is a folder, or s3://bucket/prefix")
        return FolderStore(Path(address))
    bucket, _, root = text.removeprefix("s3://").partition("/")
    if not bucket or cloud is None:
        raise UsageError(f"{text!r}: give s3://BUCKET/PREFIX and a login to read it")
    return BucketStore(cloud.client("s3"), bucket, f"{root.rstrip('/')}/" if root else "")


def absolute_address(store: str | Path) -> str:
    """Where a store lies, in whole: a notebook's folder is not where its reader stands."""
    return str(store) if "://" in str(store) else str(Path(store).resolve())


def _fingerprints(path: str, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        entries = list(os.scandir(path))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _fingerprints(entry.path, f"{prefix}{entry.name}/")
        else:
            status = entry.stat()
            yield f"{prefix}{entry.name}", f"{status.st_size} {status.st_mtime_ns}"


def _write(path: Path, data: bytes) -> None:
    """On the disk before the folder gets its name, so that a power cut leaves no half run."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sweep(folder: Path, before_s: float) -> None:
    """Remove what killed saves left in `folder`; others that are at work there are left alone."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if max(entry.stat().st_mtime for entry in (path, *path.iterdir())) < before_s:
                shutil.rmtree(path)


def _plain_name(what: str, name: object) -> str:
    """The name; LambdaTuningError where it would lead out of the folder that it is written to."""
    if isinstance(name, str) and _NAME.fullmatch(name) and ".." not in name:
        return name
    raise LambdaTuningError(
        f"{name!r} cannot be the name of a {what} in a store: only letters, digits and _.=- are "
        "written; was the run made by something else?"
    )


@dataclass(frozen=True)
class Skipped:
    """A folder that holds a run, or a part of one, that cannot be read."""

    url: str
    reason: str


def stored_runs(store: Store) -> list[StoredRun]:
    """Every complete run of a store, oldest first; a RunSkippedWarning names all others."""
    runs, skipped = survey(store)
    warn_of_skipped(skipped)
    return runs


def survey(store: Store) -> tuple[list[StoredRun], list[Skipped]]:
    """The runs of a store, oldest first, and what looks like one and cannot be read."""
    keys = sorted(store.keys(""))
    read = {
        prefix: read_run(store, prefix) for prefix in sorted(_prefixes(keys, f"/{MANIFEST_NAME}"))
    }
    runs = {(run.function, run.run_id): run for run in read.values() if isinstance(run, StoredRun)}
    skipped = [
        Skipped(address_of(store, prefix), _reason(run, runs))
        for prefix, run in read.items()
        if run not in runs.values()
    ]
    halves = _prefixes(keys, _SAMPLES) - read.keys()
    skipped += [Skipped(address_of(store, prefix), _HALF) for prefix in sorted(halves)]
    return sorted(runs.values(), key=lambda run: run.run_id), skipped


def address_of(store: Store, key: str) -> str:
    """Where a key of a store lies, for people."""
    return f"{store.url.removesuffix('/')}/{key}"


def warn_of_skipped(skipped: Iterable[Skipped]) -> None:
    """One warning that names them; none for none."""
    lines = [f"{run.url}: {run.reason}" for run in skipped]
    if lines:
        more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        text = "; ".join([*lines[:_SHOWN], *more])
        warnings.warn(f"left out: {text}", RunSkippedWarning, stacklevel=3)


_HALF = (
    f"has samples and no {MANIFEST_NAME}: the run goes on, was cut off, or was copied in part; "
    "copy it again or delete it"
)


def _reason(run: StoredRun | str, runs: Mapping[tuple[str, str], StoredRun]) -> str:
    if isinstance(run, str):
        return run
    kept = runs[run.function, run.run_id]
    return f"is a second copy of {kept.prefix}; delete one of them"


def _prefixes(keys: Iterable[str], ending: str | tuple[str, ...]) -> set[str]:
    """The folders of the keys that end so; what lies in the store's root is no run."""
    return {key.rpartition("/")[0] + "/" for key in keys if "/" in key and key.endswith(ending)}


def read_run(store: Store, prefix: str) -> StoredRun | str:
    """The run whose folder that is, or why it cannot be read."""
    try:
        manifest = json.loads(store.read(prefix + MANIFEST_NAME))
    except ClientError as exc:
        if exc.response["Error"]["Code"] in {*EXPIRED, "NoSuchKey"}:
            raise
        return f"cannot be read ({exc.response['Error']['Code']})"
    except OSError as exc:
        return f"cannot be read ({exc.strerror})"
    except (ValueError, RecursionError):
        return f"its {MANIFEST_NAME} is damaged; copy the run again or delete it"
    if flaw := _flaw(manifest):
        return flaw
    try:
        return StoredRun(store, prefix, Manifest.from_json(manifest))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as exc:
        return f"its {MANIFEST_NAME} cannot be read ({exc}): it is damaged or not of lambdatuning"


def _flaw(value: object) -> str:
    """Why that is no manifest that this version reads; "" if it is one."""
    if not isinstance(value, dict):
        return f"its {MANIFEST_NAME} is not of lambdatuning"
    manifest = {snake(name): entry for name, entry in value.items()}
    lacking = [name for name in ("run_id", "function") if name not in manifest]
    wrong = [
        name for name, fits in _FIELDS.items() if name in manifest and not fits(manifest[name])
    ]
    if not wrong and (name := misfit(Manifest, manifest)):
        wrong = [name]
    if lacking or wrong:
        what = f"has no {lacking[0]}" if lacking else f'has "{wrong[0]}" in a form unknown here'
        return f"its {MANIFEST_NAME} {what}: {_cause(manifest.get('schema'))}"
    return ""


def _cause(schema: object) -> str:
    """Why a manifest does not fit, and what to do about it."""
    if isinstance(schema, int) and schema > SCHEMA:
        return (
            f"it was written by a newer version (schema {schema}, this one reads {SCHEMA}): "
            "upgrade lambdatuning"
        )
    return "it is damaged or not of lambdatuning"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_time(value: object) -> bool:
    """Whether it is a time in ISO 8601, or none."""
    if value in ("", None):
        return True
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_payloads(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and _is_number(entry.get("weight", 1))
        and entry.get("weight", 1) >= 0
        for entry in value
    )


_FIELDS: Mapping[str, Callable[[object], bool]] = {
    "schema": _is_count,
    "run_id": _is_name,
    "function": _is_name,
    "payloads": _is_payloads,
    "sizes": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "exploration": lambda value: not value or (isinstance(value, dict) and "stopped" in value),
    "invocations": _is_count,
    "current_memory_mb": lambda value: value is None or _is_count(value),
    "usd": lambda value: value is None or _is_number(value),
    "started_at": _is_time,
    "finished_at": _is_time,
}
"""What fields of a manifest have to be beyond their types, to which `misfit` holds them. They may
be absent: older versions, and AWS Lambda Power Tuning's runs, have fewer."""


def refuse_skipped(skipped: Iterable[Skipped], run_id: str) -> None:
    """RunFailedError where a run that somebody names is there and cannot be read."""
    for run in skipped:
        if f"/run={run_id}/" in run.url:
            raise RunFailedError(f"{run.url} {run.reason}")


def find_run(store: Store, run_id: str = LATEST) -> StoredRun:
    """One run by its id, or the newest; NotFoundError names the closest id, RunFailedError says
    why the one that is asked for cannot be read."""
    runs, skipped = survey(store)
    refuse_skipped(skipped, run_id)
    for run in runs:
        if run.run_id == run_id:
            return run
    warn_of_skipped(skipped)
    where = absolute_address(store.url)
    if not runs:
        raise NotFoundError(f"no run in {where}; `lambdatuning benchmark` makes one")
    if run_id == LATEST:
        return runs[-1]
    raise NotFoundError(
        f"no run {run_id} in {where}; {closest(run_id, (run.run_id for run in runs))}"
    )


def save(store: FolderStore, manifest: Manifest, parts: Iterable[tuple[str, bytes]]) -> StoredRun:
    """Store a run: its parts as they are, the manifest beside them.

    LambdaTuningError where a name in it would lead out of the store.
    """
    prefix = run_prefix(
        _plain_name("function", manifest.function), _plain_name("run", manifest.run_id)
    )
    body = json.dumps(manifest.to_json(), indent=2, sort_keys=True).encode()
    store.add(prefix, [*parts, (MANIFEST_NAME, body)])
    return StoredRun(store, prefix, manifest)
