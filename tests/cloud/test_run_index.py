"""The index of a store saves reading, and is never believed over the runs."""

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdatuning.cloud.run_index import (
    INDEX_NAME,
    Accepted,
    accept,
    accepted,
    indexed,
)
from lambdatuning.cloud.run_store import BucketStore, FolderStore, Store, StoredRun, save
from lambdatuning.core.errors import RunFailedError, RunSkippedWarning
from lambdatuning.core.tuning.manifest import Manifest


def line(run: StoredRun) -> dict[str, Any]:
    return {"id": run.run_id, "bytes": sum(map(len, run.parts()))}


def filled(root: Path, count: int = 12) -> FolderStore:
    store = FolderStore(root)
    for n in range(count):
        manifest = Manifest(run_id=f"run-{n:02d}", function="f")
        save(store, manifest, [("samples-a.csv.gz", b"x" * n)])
    return store


def read_of(store: Store, version: str = "1") -> int:
    return indexed(store, line, version).read


def test_what_is_indexed_is_not_read_again(tmp_path: Path) -> None:
    store = filled(tmp_path)
    first = indexed(store, line, "1")
    assert first.read == 12
    assert first.lines["function=f/run=run-07/"] == {"id": "run-07", "bytes": 7}
    assert indexed(store, line, "1") == type(first)(first.lines, 0)
    assert read_of(store, "2") == 12


def test_what_changed_or_is_gone_is_noticed(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert read_of(store) == 12
    part = tmp_path / "function=f" / "run=run-03" / "samples-a.csv.gz"
    part.write_bytes(b"yyy")
    os.utime(part, ns=(1, 1))
    assert read_of(store) == 1
    (part.parent / "_manifest.json").unlink()
    part.unlink()
    assert "function=f/run=run-03/" not in indexed(store, line, "1").lines
    save(store, Manifest(run_id="run-99", function="f"), [])
    assert read_of(store) == 1


@pytest.mark.parametrize("text", [b"", b"no json\n", b'{"prefix": 1}\n[]\n', b"\xff\xfe"])
def test_a_damaged_index_is_made_again(tmp_path: Path, text: bytes) -> None:
    store = filled(tmp_path)
    whole = indexed(store, line, "1").lines
    (tmp_path / INDEX_NAME).write_bytes(text)
    assert indexed(store, line, "1") == indexed(store, line, "1").__class__(whole, 12)
    assert read_of(store) == 0


def test_a_line_that_says_otherwise_is_not_believed(tmp_path: Path) -> None:
    store = filled(tmp_path)
    read_of(store)
    index = tmp_path / INDEX_NAME
    lines = [json.loads(row) for row in index.read_text().splitlines()]
    lines[0]["mark"] += 1
    lines[0]["run"] = {"id": "forged"}
    index.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert indexed(store, line, "1").lines["function=f/run=run-00/"]["id"] == "run-00"


def test_a_damaged_run_is_left_out_with_a_warning(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)

    def refusing(run: StoredRun) -> dict[str, Any]:
        if run.run_id == "run-01":
            raise RunFailedError("parts are missing")
        return line(run)

    with pytest.warns(RunSkippedWarning, match="run=run-01/: parts are missing"):
        index = indexed(store, refusing, "1")
    assert len(index.lines) == 2
    assert not (tmp_path / INDEX_NAME).exists()  # for so few runs it is not worth a file


def test_in_a_bucket_it_is_the_same(tmp_path: Path) -> None:
    local = filled(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="bucket")
        for key in local.keys(""):
            s3.put_object(Bucket="bucket", Key=f"runs/{key}", Body=local.read(key))
        store = BucketStore(s3, "bucket", "runs/")
        assert indexed(store, line, "1").lines == indexed(local, line, "1").lines
        assert read_of(store) == 0
        s3.put_object(
            Bucket="bucket", Key="runs/function=f/run=run-03/samples-a.csv.gz", Body=b"zzz"
        )
        assert read_of(store) == 1
        accept(store, "f", Accepted("run-03", "on purpose", "2026-01-01T00:00:00+00:00"))
        assert [each.run_id for each in accepted(store, "f")] == ["run-03"]


def test_accepted_levels_are_kept_beside_the_runs(tmp_path: Path) -> None:
    store = filled(tmp_path, 2)
    assert accepted(store, "f") == []
    levels = [Accepted(f"run-0{n}", f"reason {n}", f"2026-01-0{n + 1}T00:00:00") for n in (0, 1)]
    for level in levels:
        accept(store, "f", level)
    assert accepted(store, "f") == levels
    (tmp_path / "function=f" / "accepted.jsonl").write_text("{")
    with pytest.raises(RunFailedError, match=r"accepted\.jsonl is damaged"):
        accepted(store, "f")
