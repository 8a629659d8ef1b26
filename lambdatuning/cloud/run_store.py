"""Stored runs: immutable folders, in a local folder or under `s3://bucket/prefix`."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import NotFoundError, UsageError, closest
from ..core.records import MANIFEST_NAME, run_prefix
from .session import Cloud

LATEST = "latest"

_UNFINISHED = ".new-"
"""How the folder of a run that is being written begins: no reader looks into it."""


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


@dataclass(frozen=True)
class StoredRun:
    """One run: its manifest and the keys of its sample parts."""

    store: Store
    prefix: str
    manifest: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.manifest["run_id"])

    def part_keys(self) -> list[str]:
        """The keys of the sample parts, in order."""
        return [key for key in self.store.keys(self.prefix + "samples-") if key.endswith(".csv.gz")]

    def parts(self) -> Iterator[bytes]:
        """The sample parts, gzipped CSV each."""
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
        found = (path.relative_to(self.root).as_posix() for path in files)
        whole = (key for key in found if f"/{_UNFINISHED}" not in f"/{key}")
        return iter(sorted(key for key in whole if key.startswith(prefix)))

    def read(self, key: str) -> bytes:
        """The content of one key."""
        return (self.root / key).read_bytes()

    def refuse_unwritable(self) -> None:
        """UsageError where no run could be stored; leaves nothing behind."""
        place = next(each for each in (self.root, *self.root.absolute().parents) if each.exists())
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
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
        try:
            for name, data in files:
                (folder / name).write_bytes(data)
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


def open_store(address: str | Path, cloud: Cloud | None = None) -> Store:
    """The store at a folder or at `s3://bucket/prefix` (which needs `cloud`)."""
    text = str(address)
    if not text.startswith("s3://"):
        return FolderStore(Path(address))
    bucket, _, root = text.removeprefix("s3://").partition("/")
    if not bucket or cloud is None:
        raise UsageError(f"{text!r}: give s3://BUCKET/PREFIX and a login to read it")
    return BucketStore(cloud.client("s3"), bucket, f"{root.rstrip('/')}/" if root else "")


def stored_runs(store: Store) -> list[StoredRun]:
    """Every complete run of a store, oldest first."""
    found = []
    for key in sorted(store.keys("")):
        if key.endswith("/" + MANIFEST_NAME):
            manifest = json.loads(store.read(key))
            found.append(StoredRun(store, key.removesuffix(MANIFEST_NAME), manifest))
    return sorted(found, key=lambda run: run.run_id)


def find_run(store: Store, run_id: str = LATEST) -> StoredRun:
    """One run by its id, or the newest; NotFoundError names the closest id."""
    runs = stored_runs(store)
    if not runs:
        raise NotFoundError(f"no run in {store.url}; `lambdatuning benchmark` makes one")
    if run_id == LATEST:
        return runs[-1]
    for run in runs:
        if run.run_id == run_id:
            return run
    raise NotFoundError(
        f"no run {run_id} in {store.url}; {closest(run_id, (r.run_id for r in runs))}"
    )


def save(
    store: FolderStore, manifest: Mapping[str, Any], parts: Iterable[tuple[str, bytes]]
) -> StoredRun:
    """Store a run: its parts as they are, the manifest beside them."""
    prefix = run_prefix(manifest["function"], manifest["run_id"])
    body = json.dumps(manifest, indent=2, sort_keys=True).encode()
    store.add(prefix, [*parts, (MANIFEST_NAME, body)])
    return StoredRun(store, prefix, manifest)
