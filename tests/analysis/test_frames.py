import gzip

import pandas as pd
import pytest

from lambdatuning.analysis.frames import COLUMNS, failed, read_parts, samples_frame, warm
from lambdatuning.core.errors import RunFailedError
from lambdatuning.core.tuning.records import Sample, encode_part


def sample(**changes: object) -> Sample:
    values: dict[str, object] = {
        "payload": "read",
        "memory_mb": 128,
        "invocation": 0,
        "cold": False,
        "environment": "2026/11/23/[1]ab",
        "started_at": "2026-11-23T09:05:00+00:00",
        "duration_ms": 12.5,
        "billed_ms": 13,
        "init_ms": None,
        "restore_ms": None,
        "max_memory_mb": 70,
        "error": "",
        "cost_usd": 2.27e-7,
        "request_id": "one",
        "architecture": "x86_64",
    }
    return Sample(**(values | changes))  # type: ignore[arg-type]


def test_has_one_row_a_sample_and_the_documented_columns() -> None:
    frame = samples_frame([sample(), sample(invocation=1)], run_id="r1", function="f")
    assert tuple(frame.columns) == COLUMNS
    assert frame["invocation"].tolist() == [0, 1]
    assert frame["run_id"].tolist() == ["r1", "r1"]
    assert frame["function"].tolist() == ["f", "f"]


def test_keeps_every_value() -> None:
    one = sample(
        payload="a, b", cold=True, init_ms=240.5, max_memory_mb=None, error="Error: x", retries=2
    )
    row = samples_frame([one]).iloc[0]
    assert (row["payload"], row["cold"], row["init_ms"], row["retries"]) == ("a, b", True, 240.5, 2)
    assert row["error"] == "Error: x"
    assert pd.isna(row["max_memory_mb"])
    assert pd.isna(row["restore_ms"])
    assert row["started_at"] == pd.Timestamp("2026-11-23T09:05:00Z")


@pytest.mark.parametrize("name", ["NA", "nan", "null", "None", "1e5", "true"])
def test_a_payload_may_have_any_name(name: str) -> None:
    assert samples_frame([sample(payload=name)])["payload"].tolist() == [name]


def test_parts_are_joined_in_order_whatever_columns_they_have() -> None:
    old = "\n".join(
        ",".join(line.split(",")[:-2])
        for line in gzip.decompress(encode_part([sample(request_id="old")])).decode().splitlines()
    )
    parts = [encode_part([sample(request_id="new", stolen_ms=1.5)]), gzip.compress(old.encode())]
    frame = read_parts([*parts, parts[0]])
    assert sorted(frame["request_id"]) == ["new", "new", "old"]
    by_id = frame.drop_duplicates("request_id").set_index("request_id")
    assert by_id["stolen_ms"].get("new") == 1.5
    assert pd.isna(by_id["stolen_ms"].get("old"))
    assert by_id["retries"].get("old") == 0


def test_no_parts_are_an_empty_frame_of_the_same_shape() -> None:
    frame = read_parts([])
    assert tuple(frame.columns) == COLUMNS
    assert frame.empty
    assert frame["duration_ms"].dtype == "float64"
    assert len(warm(frame)) == 0


@pytest.mark.parametrize("part", [b"", b"not gzip", encode_part([sample()])[:-9]])
def test_a_damaged_part_names_the_run(part: bytes) -> None:
    if part == b"":
        part = gzip.compress(b"payload,memory_mb\nx,not a number\n")
    with pytest.raises(RunFailedError, match="run r1 has a damaged part"):
        read_parts([part], run_id="r1")


def test_warm_leaves_out_cold_starts_and_failures() -> None:
    frame = samples_frame(
        [sample(request_id="w"), sample(cold=True), sample(error="Runtime.OutOfMemory")]
    )
    assert warm(frame)["request_id"].tolist() == ["w"]
    assert failed(frame).tolist() == [False, False, True]
