"""Exports hold the measured means in the published forms of the tools that read them."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import lambdatuning as lt
from lambdatuning.analysis.run import Run
from lambdatuning.core.errors import UsageError
from lambdatuning.publishing import exports
from lambdatuning.publishing.exports import Figure, RunFigures, export, measured

ROOT = Path(__file__).parents[2]

BMF: dict[str, Any] = {
    "$id": "https://bencher.dev/bmf.json",
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "number"},
                        "lower_value": {"type": "number"},
                        "upper_value": {"type": "number"},
                    },
                    "required": ["value"],
                }
            },
        }
    },
}
"""https://bencher.dev/docs/reference/bencher-metric-format, read 2026-11-28."""

CUSTOM = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}
"""What the README of benchmark-action/github-action-benchmark says of customSmallerIsBetter."""


@pytest.fixture(scope="module")
def run() -> Run:
    return lt.load(ROOT / "data" / "recorded")


def test_bencher_gets_nanoseconds_with_bounds(run: Run) -> None:
    data = json.loads(export([run], "bencher", "f")["f"])
    jsonschema.validate(data, BMF)
    summary = lt.Study(run).summary()
    (expected,) = summary.query("payload == 'digest' and memory_mb == 512").to_dict("records")
    metrics = data[f"{run.function} digest 512 MB"]
    assert metrics["latency"]["value"] == pytest.approx(expected["mean_ms"] * 1e6)
    assert metrics["latency"]["lower_value"] == pytest.approx(expected["mean_low_ms"] * 1e6)
    assert metrics["cost"]["upper_value"] == pytest.approx(expected["cost_high_usd"] * 1e6)
    assert len(data) == len(run.payloads) * len(run.sizes)


def test_github_action_benchmark_gets_numbers_where_smaller_is_better(run: Run) -> None:
    rows = json.loads(export([run], "github-action-benchmark", "f")["f"])
    jsonschema.validate(rows, CUSTOM)
    assert {row["unit"] for row in rows} == {"ms", "USD per million"}
    assert len({row["name"] for row in rows}) == len(rows) == 2 * len(run.payloads) * len(run.sizes)
    assert all(row["range"].startswith("± ") for row in rows)


def nights(count: int, slower_from: int) -> list[RunFigures]:
    """Nights of one function, steady to 1 %, 20 % slower from one on."""
    runs = []
    for night in range(count):
        level = 100.0 * (1.2 if night >= slower_from else 1.0) + (night * 7 % 5 - 2) * 0.4
        at = f"2026-10-{night + 1:02d}T03:00:00+00:00"
        figures = (
            Figure("a b", 512, "duration", level, level - 1, level + 1),
            Figure("a-b", 512, "duration", 50.0 + night % 3, None, None),
        )
        runs.append(RunFigures("shop:checkout", f"run-{night}", at, f"c{night}", figures))
    return runs


def test_otava_s_csv_has_a_row_a_run_and_a_column_a_figure() -> None:
    runs = nights(3, 2)
    fewer = replace(runs[0], figures=runs[0].figures[:1])
    rows = list(csv.DictReader(exports.otava_csv([fewer, *runs[1:]]).splitlines()))
    assert [row["time"] for row in rows] == [run.started_at for run in runs]
    assert [row["commit"] for row in rows] == ["c0", "c1", "c2"]
    assert [row["a_b_512mb_ms"] for row in rows] == ["99.2", "100.0", "120.8"]
    assert [row["a_b_2_512mb_ms"] for row in rows] == ["", "51.0", "52.0"]
    config = yaml.safe_load(exports.otava_yaml(runs, "runs.csv"))
    (test,) = config["tests"].values()
    assert {test["time_column"], *test["attributes"], *test["metrics"]} == set(rows[0])
    assert all(metric["direction"] == -1 for metric in test["metrics"].values())


def test_no_text_of_otava_s_csv_is_a_formula() -> None:
    (run,) = nights(1, 1)
    odd = replace(run, commit="=1+1", run_id="@x", started_at="-2")
    (row,) = csv.reader(exports.otava_csv([odd]).splitlines()[1:])
    assert row[:3] == ["'-2", "'=1+1", "'@x"]


OTAVA = Path(sys.prefix) / "otava" / "bin" / "otava"


@pytest.mark.skipif(not OTAVA.exists(), reason="`make otava` installs Apache Otava apart")
def test_otava_itself_finds_the_planted_change(tmp_path: Path) -> None:
    runs = nights(24, 16)
    (tmp_path / "runs.csv").write_text(exports.otava_csv(runs))
    (tmp_path / "otava.yaml").write_text(exports.otava_yaml(runs, "runs.csv"))
    done = subprocess.run(
        [OTAVA, "analyze", exports.otava_test(runs), "--since", "2026-01-01", "--output", "json"],
        capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OTAVA_CONFIG": "otava.yaml"},
    )  # fmt: skip
    (reported,) = json.loads(done.stdout).values()
    changes = [
        (row["attributes"]["run"], change["metric"])
        for row in reported
        for change in row["changes"]
    ]
    assert changes == [("run-16", "a_b_512mb_ms")]


def test_a_run_without_samples_or_a_form_that_is_not_there_is_refused(run: Run) -> None:
    with pytest.raises(UsageError, match='no export "otave"; did you mean "otava"'):
        export([run], "otave")
    with pytest.raises(UsageError, match="no run to export"):
        export([], "otava")
    assert set(export([run], "otava", "out/runs.csv")) == {"out/runs.csv", "out/runs.yaml"}
    assert measured(run).function == run.function
