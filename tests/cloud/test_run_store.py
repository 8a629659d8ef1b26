"""Stored runs: whole or not at all, in a folder and in a bucket alike."""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdatuning.api.runs import load, load_runs
from lambdatuning.cloud.run_store import (
    BucketStore,
    FolderStore,
    find_run,
    open_store,
    save,
    stored_runs,
    survey,
)
from lambdatuning.core.errors import (
    LambdaTuningError,
    NotFoundError,
    RunFailedError,
    RunSkippedWarning,
    UsageError,
)
from lambdatuning.core.tuning.manifest import MANIFEST_NAME, Manifest
from lambdatuning.core.tuning.records import Sample, encode_part
from lambdatuning.core.wire import camel
from tests.fakes.aws_lambda import FakeS3

from .conftest import fake_cloud


def manifest(run_id: str, function: str = "shop") -> Manifest:
    return Manifest(run_id=run_id, function=function)


def test_runs_come_back_oldest_first_with_their_parts(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "runs")
    assert stored_runs(store) == []
    save(store, manifest("2026b"), [("samples-1.csv.gz", b"1"), ("samples-2.csv.gz", b"2")])
    save(store, manifest("2026a", "other"), [])
    assert [run.run_id for run in stored_runs(store)] == ["2026a", "2026b"]
    assert list(find_run(store).parts()) == [b"1", b"2"]
    assert find_run(store, "2026a").manifest.function == "other"


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
    with pytest.raises(UsageError, match="write s3://"):
        open_store(address, fake_cloud(s3=FakeS3()))


GOOD = Manifest(run_id="2026a", function="shop")
NAMED = "function=shop/run=2026b/"

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is damaged"),
    "cut off": (b'{"run_id": "2026b", "fun', "is damaged"),
    "not text": (b"\xff\xfe\x00", "is damaged"),
    "deeply nested": (b"[" * 200_000, "is damaged"),
    "a list": (b"[]", "is not of lambdatuning"),
    "of somebody else": (b'{"format": "parquet"}', "has no run_id"),
    "without a function": (b'{"run_id": "2026b"}', "has no function"),
    "of the future": (
        b'{"schema": 99, "run_id": "2026b", "function": "shop", "sizes": {"from": 128}}',
        r"newer version \(schema 99, this one reads 2\): upgrade",
    ),
    "a number for a name": (b'{"run_id": 7, "function": "shop"}', 'has "run_id" in a form'),
    "a name with a way out": (
        b'{"run_id": "../../x", "function": "shop"}',
        'has "run_id" in a form',
    ),
    "nameless payload types": (
        b'{"run_id": "2026b", "function": "shop", "payloads": [{}]}',
        'has "payloads" in a form',
    ),
    "a weight that is none": (
        b'{"run_id": "2026b", "function": "shop", "payloads": [{"name": "a", "weight": NaN}]}',
        'has "payloads" in a form',
    ),
    "a time that is none": (
        b'{"run_id": "2026b", "function": "shop", "started_at": "yesterday"}',
        'has "started_at" in a form',
    ),
    "a negative count": (
        b'{"run_id": "2026b", "function": "shop", "invocations": -1}',
        'has "invocations" in a form',
    ),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_run_is_named_and_hinders_no_other(tmp_path: Path, kind: str) -> None:
    body, reason = UNREADABLE[kind]
    store = FolderStore(tmp_path)
    save(store, GOOD, [])
    (tmp_path / NAMED).mkdir(parents=True)
    (tmp_path / NAMED / "_manifest.json").write_bytes(body)
    with pytest.warns(RunSkippedWarning, match=f"{NAMED}: .*{reason}"):
        assert [run.run_id for run in stored_runs(store)] == ["2026a"]
    with pytest.raises(RunFailedError, match=f"{NAMED} .*{reason}"):
        find_run(store, "2026b")
    with (
        pytest.warns(RunSkippedWarning),
        pytest.raises(RunFailedError, match=f"{NAMED} .*{reason}"),
    ):
        load_runs(tmp_path, "2026b")


def test_a_run_of_a_newer_version_is_read_with_a_warning(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    save(store, replace(GOOD, schema=99, extra={"aNewField": 1}), [])
    with pytest.warns(UserWarning, match=r"run 2026a was stored by a newer .*schema 99.* upgrade"):
        (run,) = stored_runs(store)
    assert run.manifest.extra == {"aNewField": 1}


def test_a_half_run_is_named(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    save(store, GOOD, [("samples-1.csv.gz", b"1")])
    (tmp_path / "function=shop/run=2026a/_manifest.json").unlink()
    with pytest.warns(RunSkippedWarning, match=r"run=2026a/: has samples and no _manifest\.json"):
        assert stored_runs(store) == []


def test_the_second_copy_of_a_run_does_not_count_twice(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    save(store, GOOD, [])
    shutil.copytree(tmp_path / "function=shop", tmp_path / "copied")
    with pytest.warns(RunSkippedWarning, match="is a second copy of"):
        assert len(stored_runs(store)) == 1


def test_of_many_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"run={number}").mkdir()
        (tmp_path / f"run={number}" / "_manifest.json").write_text("")
    with pytest.warns(RunSkippedWarning, match=r"run=0/: .*run=4/: .*; and 3 more$"):
        stored_runs(FolderStore(tmp_path))


def test_an_object_that_may_not_be_read_is_named_an_expired_login_is_raised(
    tmp_path: Path,
) -> None:
    s3 = FakeS3()
    for name in ("2026a", "2026b"):
        s3.put_object(
            "b", f"function=shop/run={name}/_manifest.json", json.dumps(GOOD.to_json()).encode()
        )
    s3.faults["GetObject"] = ["AccessDenied"]
    store = open_store("s3://b", fake_cloud(s3=s3))
    with pytest.warns(RunSkippedWarning, match=r"run=2026a/: cannot be read \(AccessDenied\)"):
        assert len(stored_runs(store)) == 1
    s3.faults["GetObject"] = ["ExpiredToken"]
    with pytest.raises(ClientError, match="ExpiredToken"):
        stored_runs(store)


@pytest.mark.parametrize(
    "name", ["../up", "/root", "a/b", "..", ".", "", ".hidden", "a\0b", "a\\b"]
)
def test_no_name_leads_out_of_the_store(tmp_path: Path, name: str) -> None:
    store = FolderStore(tmp_path / "store")
    with pytest.raises(LambdaTuningError, match="cannot be the name of a run"):
        save(store, manifest(name), [])
    with pytest.raises(LambdaTuningError, match="cannot be the name of a function"):
        save(store, manifest("2026a", name), [])
    with pytest.raises(LambdaTuningError, match="cannot be the name of a file"):
        save(store, GOOD, [(name, b"")])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_killed_saves_left_is_swept_and_a_save_at_work_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "function=shop"
    for name in (".new-old", ".new-young"):
        (folder / name).mkdir(parents=True)
        (folder / name / "samples-1.csv.gz").write_bytes(b"1")
    for path in (folder / ".new-old" / "samples-1.csv.gz", folder / ".new-old"):
        os.utime(path, (1, 1))
    save(FolderStore(tmp_path), GOOD, [])
    assert sorted(path.name for path in folder.iterdir()) == [".new-young", "run=2026a"]


def test_a_run_without_some_of_its_samples_is_no_run(tmp_path: Path) -> None:
    sample = samples(3)
    parts = [(f"samples-{n}.csv.gz", encode_part([one])) for n, one in enumerate(sample)]
    store = FolderStore(tmp_path)
    save(store, replace(GOOD, invocations=3), parts)
    assert len(load(tmp_path).samples) == 3
    part = tmp_path / "function=shop/run=2026a/samples-1.csv.gz"
    shutil.copy(part, part.with_name("samples-1-copy.csv.gz"))
    with pytest.raises(RunFailedError, match="4 samples of 3 invocations: parts are there twice"):
        load(tmp_path, "2026a")
    part.unlink()
    part.with_name("samples-1-copy.csv.gz").unlink()
    with pytest.raises(RunFailedError, match="2 samples of 3 invocations: parts are missing"):
        load(tmp_path, "2026a")
    save(store, replace(GOOD, run_id="2025z", invocations=3), parts)
    with pytest.warns(RunSkippedWarning, match="parts are missing"):
        [run] = load_runs(tmp_path, "latest")
    assert run.run_id == "2025z"


def samples(count: int) -> list[Sample]:
    return [
        Sample("echo", 128, n, False, "e", "2026-11-23T09:00:00Z", 1.0, 1, None, None, 40, "", 1e-9,
               f"r{n}", "x86_64")
        for n in range(count)
    ]  # fmt: skip


_ODD: tuple[Any, ...] = (
    5,
    -1.5,
    True,
    "x",
    "\x1b[31m",
    [1],
    ["a"],
    [[1]],
    {},
    {"a": 1},
    [{}],
    float("nan"),
)


@pytest.mark.filterwarnings("ignore:run run-0 was stored by a newer lambdatuning")
@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(Manifest)])
def test_no_value_in_a_manifest_hinders_reading_other_runs(tmp_path: Path, name: str) -> None:
    """It is read, or skipped with its path and a reason; never an error."""
    for number, value in enumerate(_ODD):
        folder = tmp_path / "function=shop" / f"run=run-{number}"
        folder.mkdir(parents=True)
        damaged = {"runId": f"run-{number}", "function": "shop", camel(name): value}
        (folder / MANIFEST_NAME).write_text(json.dumps(damaged))
    save(FolderStore(tmp_path), Manifest(run_id="whole", function="shop"), [])
    runs, skipped = survey(FolderStore(tmp_path))
    assert "whole" in [run.run_id for run in runs]
    assert len(runs) + len(skipped) == len(_ODD) + 1
    assert all("function=shop/run=run-" in each.url and each.reason for each in skipped)
