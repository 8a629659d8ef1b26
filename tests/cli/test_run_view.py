"""What `tune` and `benchmark` print of a finished run."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from lambdatuning.analysis.run import Run
from lambdatuning.cli.commands.schema import output_schemas
from lambdatuning.cli.commands.tuning import AnswerOptions, show_run
from lambdatuning.cli.output import Output
from tests.analysis.synthetic import Kind, synthetic_run

SIZES = (128, 3008, 4096, 10_240)
CPU = (Kind("cpu", 0, 400),)


def printed(run: Run, capsys: pytest.CaptureFixture[str], **given: Any) -> str:
    show_run(Output(**given), run, AnswerOptions("runs"))
    return capsys.readouterr().out


def test_sizes_beyond_the_cores_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(synthetic_run(CPU, SIZES), capsys)
    assert (
        "4,096 and 10,240 MB: more vCPUs than this host's 2 cores, so measured as 2 cores;" in text
    )
    for run in (synthetic_run(CPU, SIZES, endpoint="aws"), synthetic_run(CPU, SIZES[:2])):
        assert "more vCPUs" not in printed(run, capsys)


def test_json_names_them_and_marks_each_recommendation(capsys: pytest.CaptureFixture[str]) -> None:
    run = synthetic_run(CPU, SIZES, about={"strategy": "speed"})
    data = json.loads(printed(run, capsys, json=True))
    assert data["sizes"] == list(SIZES)
    assert data["sizes_beyond_cores"] == [4096, 10_240]
    (row,) = data["recommendations"]
    assert row["beyond_cores"] is (row["memory_mb"] > 3538)
    assert row["beyond_mb"] == [4096, 10_240]


def test_the_answer_of_another_tuner_on_this_host_says_it_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = {"cpu": {"power": 10_240, "duration": 5.0, "cost": 1e-6}}
    run = synthetic_run(CPU, SIZES, about={"kind": "power-tuning", "output": output})
    text = printed(Run(run.manifest, run.samples.iloc[:0]), capsys)
    assert "10,240 MB is best" in text
    assert "only AWS can tell such sizes apart" in text


def test_at_most_five_lines_the_last_with_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    for run in (synthetic_run(CPU, SIZES), synthetic_run(CPU, (512,)), synthetic_run(sizes=(512,))):
        lines = printed(run, capsys).splitlines()
        assert 3 <= len(lines) <= 5
        assert lines[-1].startswith(f"Stored in runs/function={run.function}/run={run.run_id}/ (")


def test_json_keeps_to_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    failed = synthetic_run(CPU, SIZES)
    broken = Run(failed.manifest, failed.samples.assign(error="Boom", message="no"))
    many = synthetic_run(sizes=SIZES[:2])
    for run in (synthetic_run(CPU, SIZES), synthetic_run(CPU, (512,)), many, broken):
        data = json.loads(printed(run, capsys, json=True))
        jsonschema.validate(data, output_schemas()["tune"])
        assert data["decision"]["memory_mb"] == data["headlines"][0]["memory_mb"]


def test_an_answer_of_another_tuner_keeps_to_the_schema(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = {"cpu": {"power": 512, "duration": 5.0, "cost": 1e-6}}
    run = synthetic_run(CPU, SIZES, about={"kind": "power-tuning", "output": output})
    bare = Run(replace(run.manifest, decision=None), run.samples.iloc[:0])
    data = json.loads(printed(bare, capsys, json=True))
    jsonschema.validate(data, output_schemas()["tune"])
    assert data["decision"] is None


def test_a_progress_line_is_taken_away_before_the_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Output().show({}, "the answer")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("the answer\n", "\r\x1b[K")
