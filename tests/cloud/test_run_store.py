"""Stored runs: whole or not at all, in a folder and in a bucket alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatuning.cloud.run_store import (
    BucketStore,
    FolderStore,
    find_run,
    open_store,
    save,
    stored_runs,
)
from lambdatuning.core.errors import NotFoundError, UsageError
from tests.fakes.aws_lambda import FakeS3

from .conftest import fake_cloud


def manifest(run_id: str, function: str = "shop") -> dict[str, str]:
    return {"run_id": run_id, "function": function}


def test_runs_come_back_oldest_first_with_their_parts(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "runs")
    assert stored_runs(store) == []
    save(store, manifest("2026b"), [("samples-1.csv.gz", b"1"), ("samples-2.csv.gz", b"2")])
    save(store, manifest("2026a", "other"), [])
    assert [run.run_id for run in stored_runs(store)] == ["2026a", "2026b"]
    assert list(find_run(store).parts()) == [b"1", b"2"]
    assert find_run(store, "2026a").manifest["function"] == "other"


def test_a_run_that_is_not_written_whole_is_not_there(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)

    def parts() -> Iterator[tuple[str, bytes]]:
        yield "samples-1.csv.gz", b"1"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        save(store, manifest("2026a"), parts())
    assert list(tmp_path.rglob("*.gz")) == []
    assert stored_runs(store) == []


def test_an_unknown_run_is_answered_with_the_closest(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(NotFoundError, match="no run in"):
        find_run(store)
    save(store, manifest("20261123T090500-3f9a1c"), [])
    with pytest.raises(NotFoundError, match='did you mean "20261123T090500-3f9a1c"'):
        find_run(store, "20261123T090500-3f9a1d")


def test_a_bucket_is_read_like_a_folder(tmp_path: Path) -> None:
    folder, s3 = FolderStore(tmp_path), FakeS3()
    save(folder, manifest("2026a"), [("samples-1.csv.gz", b"1")])
    for key in folder.keys("function="):
        s3.put_object("b", f"runs/{key}", folder.read(key))
    store = open_store("s3://b/runs", fake_cloud(s3=s3))
    assert isinstance(store, BucketStore)
    assert list(find_run(store).parts()) == [b"1"]
    assert store.url == "s3://b/runs/"


@pytest.mark.parametrize("address", ["s3://", "s3:///x"])
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="s3://BUCKET/PREFIX"):
        open_store(address, fake_cloud(s3=FakeS3()))
