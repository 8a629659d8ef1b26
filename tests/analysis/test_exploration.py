"""What an adaptive run tells: its steps, its curves, its saving, in frames, words and a figure."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from lambdatuning.analysis.adaptive import (
    answers,
    exploration,
    exploration_answer,
    plot_exploration,
    predictions,
    saving,
)
from lambdatuning.analysis.answer import answer
from lambdatuning.analysis.checks import checks

from lambdatuning.analysis.run import Run, to_run
from lambdatuning.core.errors import UsageError
from tests.functions.tuner.adaptive import Machine, types

from .synthetic import changed, synthetic_run

POWERS = [128, 256, 512, 1024, 1769]


def adaptive(*names: str, **given: Any) -> Run:
    """A run of the tuner on fakes, as it is stored."""
    machine = Machine()
    machine.run(powerValues=POWERS, payloadTypes=types(*names), **given)
    parts = [body for key, body in machine.s3.objects.items() if "/samples-" in key]
    return to_run(machine.store.read_manifest(), parts)


@pytest.fixture(scope="module")
def one() -> Run:
    return adaptive("a", strategy="speed")


@pytest.fixture(scope="module")
def two() -> Run:
    return adaptive("a", "b")


def test_every_step_has_its_rows_and_the_end_has_one(one: Run) -> None:
    steps = exploration(one)
    assert steps["step"].is_monotonic_increasing
    assert steps["count"].sum() == (one.samples["invocation"] >= 0).sum()
    last = steps.iloc[-1]
    assert last["stopped"] in {"sure", "price"}
    assert math.isnan(last["memory_mb"])
    assert last["answer_mb"] == one.manifest.output["power"]
    assert (steps["stopped"].iloc[:-1] == "").all()
    assert steps["spent_usd"].is_monotonic_increasing


def test_what_was_not_measured_is_predicted_with_an_interval(one: Run) -> None:
    curve = predictions(one)
    assert curve["memory_mb"].tolist() == POWERS
    assert (curve["low_ms"] <= curve["duration_ms"]).all()
    assert (curve["duration_ms"] <= curve["high_ms"]).all()
    measured = set(curve.loc[curve["measured"] > 0, "memory_mb"])
    assert measured == set(one.sizes)


def test_the_words_tell_size_confidence_and_saving(one: Run) -> None:
    told = exploration_answer(one)
    assert told.headline.startswith("Set shop to 1,769 MB: within 5 % of the fastest size (")
    assert f"after {len(one.samples)} invocations instead of 60" in told.headline
    assert saving(one) > 2
    assert "fewer GB-seconds" in str(told)
    guessed = [size for size in POWERS if size not in one.sizes]
    assert ("prediction alone" in str(told)) is bool(guessed)


def test_payload_types_answer_for_themselves_and_the_mix_for_all(two: Run) -> None:
    found = answers(two)
    assert found["payload"].tolist() == ["a", "b", "weighted mix"]
    assert found["measured"].all()
    assert found["within_5"].between(0, 1).all()
    assert set(predictions(two)["payload"]) == {"a", "b", "weighted mix"}


def test_the_figure_shows_each_payload_type(two: Run) -> None:
    chart = plot_exploration(two)
    assert "fewer GB-seconds" in chart.title
    shown = [axes for axes in chart.figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left").split(",")[0] for axes in shown] == ["a", "b"]
    assert all(f"{name}: " in chart.alt for name in ("a", "b"))
    assert len(plot_exploration(two, "b").figure.axes) == 1


def with_exploration(run: Run, **changes: Any) -> Run:
    told: Mapping[str, Any] = {**run.exploration, **changes}
    return Run(changed(run.manifest, {"exploration": told}), run.samples)


def test_without_an_answer_or_a_grid_to_compare_it_says_so(one: Run) -> None:
    bare = with_exploration(one, answers=[], grid=None, stopped="budget")
    assert exploration_answer(bare).headline.startswith("No size is known to be best after")
    assert "since the budget ended" in str(exploration_answer(bare))
    assert math.isnan(saving(bare))
    with pytest.raises(UsageError, match="before anything was learnt"):
        plot_exploration(bare)


def test_checks_ask_for_no_more_samples_but_tell_that_a_limit_ended_it(one: Run) -> None:
    names = {check.name for check in checks(one)}
    assert not names & {"too few samples", "too few execution environments"}
    assert "ended before it was sure" not in names
    (cut,) = [
        check
        for check in checks(with_exploration(one, stopped="time"))
        if check.name == "ended before it was sure"
    ]
    assert "the time ended; 1,769 MB is within 5 %" in cut.cause
    assert "--max-minutes" in cut.next_step


def test_the_answer_in_words_brings_the_model_in(one: Run) -> None:
    assert "By the model of this adaptive run 1,769 MB is within 5 %" in str(answer(one, "speed"))
    assert "By the model" not in str(answer(synthetic_run()))


def test_a_grid_has_no_steps() -> None:
    grid = synthetic_run()
    assert not grid.adaptive
    assert exploration(grid).empty
    assert predictions(grid).empty
    assert answers(grid).empty
    assert str(exploration_answer(grid)) == ""
    with pytest.raises(UsageError, match="measured a grid"):
        plot_exploration(grid)
