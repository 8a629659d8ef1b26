"""What an execution's output answers, of any tuner."""

import pytest

from lambdatuning.core.power_tuning.answer import TunerAnswer
from lambdatuning.core.tuning.manifest import OURS, POWER_TUNING, Manifest

OUTPUT = {
    "power": "512",
    "cost": 2.1e-7,
    "duration": 31.5,
    "stateMachine": {"executionCost": 0.00045, "lambdaCost": 0.0001, "visualization": "https://x"},
}


def test_the_fields_of_an_output_have_names_with_units() -> None:
    answer = TunerAnswer.of(OUTPUT)
    assert (answer.memory_mb, answer.cost_usd, answer.duration_ms) == (512, 2.1e-7, 31.5)
    assert (answer.run_usd, answer.visualization, answer.samples) == (0.0001, "https://x", "")


@pytest.mark.parametrize("output", [None, {}, [], "text", {"stateMachine": None}])
def test_an_output_without_an_answer_says_nothing(output: object) -> None:
    answer = TunerAnswer.of(output)
    assert (answer.memory_mb, answer.run_usd, answer.visualization) == (None, None, "")


@pytest.mark.parametrize(
    ("power", "memory_mb"),
    [(512, 512), (512.0, 512), ("1024", 1024), ("ALL", None), (True, None), ({}, None)],
)
def test_the_size_may_be_a_number_or_its_text(power: object, memory_mb: int | None) -> None:
    assert TunerAnswer.of({"power": power}).memory_mb == memory_mb


def test_a_run_of_power_tuning_answers_for_each_payload_type() -> None:
    manifest = Manifest(kind=POWER_TUNING, output={"digest": OUTPUT})
    assert manifest.answer_mb is None
    assert manifest.answers["digest"].memory_mb == 512
    assert Manifest(kind=OURS, output=OUTPUT).answers == {}
