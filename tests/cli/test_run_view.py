"""What `tune` and `benchmark` print of a finished run."""

import json
from typing import Any

import pytest

from lambdatuning.analysis.run import Run
from lambdatuning.cli.output import Output
from lambdatuning.cli.tuning import Shown, show_run
from tests.analysis.synthetic import Kind, synthetic_run

SIZES = (128, 3008, 4096, 10_240)
CPU = (Kind("cpu", 0, 400),)


def printed(run: Run, capsys: pytest.CaptureFixture[str], **given: Any) -> str:
    show_run(Output(**given), run, Shown("runs"))
    return capsys.readouterr().out


def test_sizes_beyond_the_cores_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(synthetic_run(CPU, SIZES), capsys)
    assert "4,096, 10,240 MB: more vCPUs than this host's 2 cores, so measured as 2 cores;" in told
    for run in (synthetic_run(CPU, SIZES, endpoint="aws"), synthetic_run(CPU, SIZES[:2])):
        assert "more vCPUs" not in printed(run, capsys)


def test_json_names_them_and_marks_each_recommendation(capsys: pytest.CaptureFixture[str]) -> None:
    run = synthetic_run(CPU, SIZES, about={"strategy": "speed"})
    found = json.loads(printed(run, capsys, json=True))
    assert found["sizes"] == list(SIZES)
    assert found["sizes_beyond_cores"] == [4096, 10_240]
    (row,) = found["recommendations"]
    assert row["beyond_cores"] is (row["memory_mb"] > 3538)
    assert row["beyond_mb"] == [4096, 10_240]


def test_the_answer_of_another_tuner_on_this_host_says_it_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = {"cpu": {"power": 10_240, "duration": 5.0, "cost": 1e-6}}
    run = synthetic_run(CPU, SIZES, about={"kind": "power-tuning", "output": output})
    told = printed(Run(run.manifest, run.samples.iloc[:0]), capsys)
    assert "10240 MB is best" in told
    assert "only AWS can tell such sizes apart" in told
