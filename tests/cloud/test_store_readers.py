"""The store as other programs read it: every example of data/samples.md, run."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds
import pytest
from pyarrow import parquet

import lambdatuning as lt
from lambdatuning.analysis.frames import read_parts, warm
from lambdatuning.cloud.parquet import NAME, packed, schema
from lambdatuning.cloud.run_store import FolderStore, save, stored_runs
from lambdatuning.cloud.session import Cloud
from lambdatuning.core.errors import RunFailedError
from lambdatuning.core.tuning.manifest import Manifest
from lambdatuning.core.tuning.records import COLUMNS, Sample, encode_part

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "data" / "recorded"
PAGE = (ROOT / "data" / "samples.md").read_text("utf-8")
BLOCKS = re.findall(r"(?:^|\n)(\w+)[:,][^\n]*\n\n```(?:python)\n(.*?)```", PAGE, re.DOTALL)
SQL = re.search(r"```sql\n(.*?);\n\n(.*?);\n\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded runs as they are, and as a client stores them today."""
    folder = tmp_path_factory.mktemp("readers")
    shutil.copytree(RECORDED, folder / "data" / "recorded")
    store = FolderStore(folder / "lambdatuning-runs")
    for run in stored_runs(FolderStore(RECORDED)):
        names = [key.rpartition("/")[2] for key in run.part_keys()]
        save(store, run.manifest, packed(zip(names, run.parts(), strict=True)))
    return folder


@pytest.fixture(scope="module")
def means() -> list[Any]:
    """The mean duration of each size, by us."""
    samples = lt.load(RECORDED, "all").samples
    by_size = warm(samples).groupby("memory_mb")["duration_ms"].mean()
    return [(size, pytest.approx(mean), None) for size, mean in by_size.to_dict().items()]


def plain(rows: Any) -> list[tuple[int, float, float | None]]:
    """Sizes and means; no restore time is None, whatever a program calls it."""
    return [(int(size), mean, None if pd.isna(rest) else rest) for size, mean, rest in rows]


@pytest.mark.parametrize(("tool", "code"), BLOCKS, ids=lambda text: text if len(text) < 9 else "")
def test_an_example_gives_what_we_compute(
    folder: Path, means: list[Any], monkeypatch: pytest.MonkeyPatch, tool: str, code: str
) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(code, names)
    assert plain(names["means"]) == means


def test_every_tool_has_an_example() -> None:
    assert [tool for tool, _ in BLOCKS] == [
        "DuckDB", "polars", "pandas", "pyarrow", "DuckDB", "pyarrow",
    ]  # fmt: skip


def test_the_page_names_every_column_with_its_type() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w+) \|", PAGE, re.MULTILINE)
    types = {"timestamp[us, tz=UTC]": "timestamp[us, UTC]"}
    assert [(name, kind) for name, kind, _ in rows] == [
        (field.name, types.get(str(field.type), str(field.type))) for field in schema()
    ]
    assert SQL is not None
    declared = re.findall(r"(\w+) (\w+)[,\n]", SQL[1].split("PARTITIONED")[0].split("(", 1)[1])
    assert declared == [(name, kind) for name, _, kind in rows]
    assert schema().names == list(COLUMNS)


def test_a_run_is_one_file_of_the_same_types_and_reads_as_before(folder: Path) -> None:
    stored = stored_runs(FolderStore(folder / "lambdatuning-runs"))
    for run, old in zip(stored, stored_runs(FolderStore(RECORDED)), strict=True):
        (key,) = run.part_keys()
        assert key.endswith(f"/{NAME}")
        file = parquet.ParquetFile(folder / "lambdatuning-runs" / key)
        assert file.schema_arrow.equals(schema())
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        assert file.metadata.num_row_groups == 1
        now, before = read_parts(run.parts()), read_parts(old.parts())
        assert now.equals(before)
        assert now.dtypes.equals(before.dtypes)


def test_the_recorded_runs_are_a_dataset_as_they_lie() -> None:
    runs = stored_runs(FolderStore(RECORDED))
    rows = ds.dataset(RECORDED, format="csv", partitioning="hive").count_rows()
    assert rows == sum(int(run.manifest.invocations or 0) for run in runs)


def odd(**changes: Any) -> Sample:
    values: dict[str, Any] = {
        "payload": 'a, "b"', "memory_mb": 128, "invocation": -1, "cold": True,
        "environment": "2026/11/23/[1]ab", "started_at": "", "duration_ms": 12.5,
        "billed_ms": 2**33,
        "init_ms": None, "restore_ms": None, "max_memory_mb": None, "error": "null",
        "cost_usd": 2.27e-7, "request_id": "1", "architecture": "", "message": "é\nNA",
    }  # fmt: skip
    return Sample(**(values | changes))


def test_whatever_a_sample_holds_is_kept() -> None:
    part = encode_part([odd(), odd(payload="1e5", started_at="2026-11-23T09:05:00.123456+00:00")])
    ((_, data),) = packed([("samples-1.csv.gz", part)])
    now, before = read_parts([data]), read_parts([part])
    assert now.astype(str).equals(before.astype(str))
    assert now["payload"].tolist() == ['a, "b"', "1e5"]
    assert now["billed_ms"].tolist() == [2**33] * 2
    # What the tuner wrote and what a client wrote, side by side.
    assert len(read_parts([part, data, part])) == 6


def test_a_damaged_file_names_the_run() -> None:
    ((_, data),) = packed([("samples-1.csv.gz", encode_part([odd()]))])
    with pytest.raises(RunFailedError, match="run r1 has a damaged part"):
        read_parts([data[:-20]], run_id="r1")


def test_no_samples_are_no_file(tmp_path: Path) -> None:
    assert list(packed([])) == []
    store = FolderStore(tmp_path)
    run = save(store, Manifest(run_id="r", function="f"), packed([("s.csv.gz", encode_part([]))]))
    assert run.part_keys() == []


def test_athena_reads_it(folder: Path, embedded: Cloud, means: list[Any]) -> None:
    """The table as Glue keeps it: the embedded AWS has no DDL of Athena's."""
    assert SQL is not None
    s3, bucket = embedded.client("s3"), "my-bucket"
    s3.create_bucket(Bucket=bucket)
    for path in (folder / "lambdatuning-runs").rglob("*"):
        if path.is_file():
            key = path.relative_to(folder / "lambdatuning-runs")
            s3.put_object(Bucket=bucket, Key=f"runs/{key}", Body=path.read_bytes())
    glue = embedded.client("glue")
    glue.create_database(DatabaseInput={"Name": "default"})
    columns, partitions = (
        [{"Name": name.strip("`"), "Type": kind} for name, kind in re.findall(r"(\S+) (\w+)", text)]
        for text in re.findall(r"\(([^)]*)\)", SQL[1])
    )
    serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    location = re.findall("LOCATION '(.*)'", SQL[1])[0]
    glue.create_table(
        DatabaseName="default",
        TableInput={
            "Name": "samples",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": partitions,
            "StorageDescriptor": {
                "Columns": columns,
                "Location": location,
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "SerdeInfo": {"SerializationLibrary": serde},
            },
        },
    )
    (_, *rows) = list(answers(embedded, SQL[3]))
    assert plain((int(a), float(b), float(c) if c else None) for a, b, c in rows) == means


def answers(cloud: Cloud, query: str) -> Iterator[list[str]]:
    athena = cloud.client("athena")
    started = athena.start_query_execution(
        QueryString=query,
        QueryExecutionContext={"Database": "default"},
        ResultConfiguration={"OutputLocation": "s3://my-bucket/answers/"},
    )
    name, deadline = started["QueryExecutionId"], time.monotonic() + 60
    while time.monotonic() < deadline:
        status = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    assert status["State"] == "SUCCEEDED", status
    for row in athena.get_query_results(QueryExecutionId=name)["ResultSet"]["Rows"]:
        yield [cell.get("VarCharValue", "") for cell in row["Data"]]
