"""What an adaptive run tells: its steps, its curves, its saving, in frames, words and a figure."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lambdatuning.analysis.questions.adaptive import outcome, predictions, saving, steps
from lambdatuning.analysis.run import Run, to_run
from lambdatuning.core.format import format_ms
from lambdatuning.core.tuning.explored import Explored
from lambdatuning.study import Study
from tests.functions.tuner.adaptive import Machine, types

from .studies import checks, recommend
from .synthetic import synthetic_run

POWERS = [128, 256, 512, 1024, 1769]


def adaptive(*names: str, denied_logs: bool = False, **given: Any) -> Run:
    """A run of the tuner on fakes, as it is stored."""
    machine = Machine()
    if denied_logs:
        machine.logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9_999
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
    rows = steps(one)
    assert rows["step"].is_monotonic_increasing
    assert rows["count"].sum() == (one.samples["invocation"] >= 0).sum()
    last = rows.iloc[-1]
    assert last["stopped"] in {"sure", "price"}
    assert math.isnan(last["memory_mb"])
    assert last["answer_mb"] == one.manifest.output["power"]
    assert (rows["stopped"].iloc[:-1] == "").all()
    assert rows["spent_usd"].is_monotonic_increasing


def test_what_was_not_measured_is_predicted_with_an_interval(one: Run) -> None:
    curve = predictions(one)
    assert curve["memory_mb"].tolist() == POWERS
    assert (curve["low_ms"] <= curve["duration_ms"]).all()
    assert (curve["duration_ms"] <= curve["high_ms"]).all()
    measured = set(curve.loc[curve["measured"] > 0, "memory_mb"])
    assert measured == set(one.sizes)


def test_intervals_of_the_curve_are_those_of_the_model(one: Run) -> None:
    """Each side as it is: a size that was not measured may be far above the middle."""
    (curve,) = [curve for curve in Study(one).curves if curve.payload == "a"]
    points = {point.memory_mb: point for point in explored(one).by_payload["a"].curve}
    for size, resampled in zip(curve.sizes, curve.resampled_ms.T, strict=True):
        low, high = np.quantile(resampled, [0.05, 0.95])
        assert math.log(low / points[size].low_ms) == pytest.approx(0, abs=0.03)
        assert math.log(high / points[size].high_ms) == pytest.approx(0, abs=0.03)


def test_the_answer_is_what_the_run_said_with_what_it_took(one: Run) -> None:
    study = Study(one)
    text = str(study.answer)
    assert study.decision.memory_mb == one.manifest.output["power"]
    assert re.match(
        r"Set shop to 1,769 MB( \(\d\d % sure\))?: [\d.]+ times faster than at 128 MB today, for ",
        study.answer.headline,
    )
    other = Study(one, today_mb=next(mb for mb in POWERS if mb not in one.sizes))
    assert "today's size, was not measured: measure it, too" in other.answer.headline
    assert f"stopped after {len(one.samples)} invocations in " in text
    assert " instead of 60, since" in text
    assert saving(one) > 2
    assert "fewer GB-seconds" in text
    guessed = [size for size in POWERS if size not in one.sizes]
    assert ("Not measured" in text) is bool(guessed)


def test_every_place_names_the_size_that_the_run_named(two: Run) -> None:
    """Few samples a size would often name another one."""
    study = Study(two)
    decided = {answer.payload or "weighted mix": answer for answer in explored(two).answers}
    rows = study.recommend(two.strategy).set_index("payload")
    assert rows["memory_mb"].to_dict() == {
        name: answer.memory_mb for name, answer in decided.items()
    }
    assert rows["sure"]["a"] == pytest.approx(decided["a"].within_5)
    size = decided["weighted mix"].memory_mb
    assert study.decision.memory_mb == size
    bill = study.bill().set_index("choice")
    assert bill.loc[two.strategy, "memory_mb"] == size
    assert f"{size:,.0f} MB" in study.overview.__str__()


def test_other_strategies_are_answered_by_the_models_curves(two: Run) -> None:
    measured = [point for point in explored(two).by_payload["a"].curve if point.measured]
    fastest = min(measured, key=lambda point: point.duration_ms)
    rows = recommend(two, "speed").set_index("payload")
    assert rows.loc["a", "mean_ms"] == pytest.approx(fastest.duration_ms)


def test_the_figure_shows_each_payload_type(two: Run) -> None:
    chart = Study(two).plot.exploration()
    assert chart is not None
    assert "fewer GB-seconds" in chart.title
    shown = [axes for axes in chart.figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left").split(",")[0] for axes in shown] == ["a", "b"]
    assert all(f"{name}: " in chart.alt for name in ("a", "b"))
    alone = Study(two).plot.exploration("b")
    assert alone is not None
    assert len(alone.figure.axes) == 1


def explored(run: Run) -> Explored:
    assert run.exploration is not None
    return run.exploration


def with_exploration(run: Run, **changes: Any) -> Run:
    return Run(replace(run.manifest, exploration=replace(explored(run), **changes)), run.samples)


def test_without_an_answer_or_a_grid_to_compare_it_says_so(one: Run) -> None:
    bare = with_exploration(one, answers=(), grid=None, stopped="budget")
    assert "since the budget ended" in str(Study(bare).answer)
    assert math.isnan(saving(bare))
    assert Study(bare).plot.exploration() is None


def test_checks_ask_for_no_more_samples_but_tell_that_a_limit_ended_it(one: Run) -> None:
    names = {check.name for check in checks(one)}
    assert not names & {"too few samples", "too few execution environments"}
    assert "ended before it was sure" not in names
    (cut,) = [
        check
        for check in checks(with_exploration(one, stopped="time"))
        if check.name == "ended before it was sure"
    ]
    assert cut.cause == "the time ended; its answer is the best so far"
    assert "--max-minutes" in cut.next_step


def test_a_grid_has_no_steps() -> None:
    grid = synthetic_run()
    assert not grid.adaptive
    assert steps(grid).empty
    assert predictions(grid).empty
    assert "adaptive" not in str(Study(grid).answer)
    assert Study(grid).plot.exploration() is None


@pytest.fixture(scope="module")
def unplaced() -> Run:
    """An adaptive run whose function's logs may not be read."""
    return adaptive("a", "b", denied_logs=True)


def test_what_is_not_known_is_said_nowhere_to_be_sure(unplaced: Run) -> None:
    study = Study(unplaced)
    run = explored(unplaced)
    assert run.stopped in {"unplaced", "price", "grid"}
    texts = [run.reason, *outcome(unplaced), *(step.reason for step in run.steps)]
    texts += [
        str(study.answer),
        *unplaced.manifest.warnings,
        *(c.cause for c in checks(unplaced)),
    ]
    assert [text for text in texts if re.search(r"\d+ % (sure|only)|best with [\d>]", text)] == []
    assert {answer.within_5 for answer in run.answers} == {None}
    assert unplaced.decision is not None
    assert unplaced.decision.sure is None
    for strategy in ("value", "cost", "speed"):
        answers = recommend(unplaced, strategy)
        assert answers["sure"].isna().all()
        assert set(answers["reason"]) == {
            "it is not known which execution environments were measured"
        }
    warm = study.summary()["n"] > 0  # a size may have been seen cold alone
    assert study.summary()["environments"][warm].isna().all()


def test_all_numbers_are_the_models_with_those_of_its_samples_beside(two: Run) -> None:
    """The table, the curves and the answer have the same means; a size without a sample has one."""
    study = Study(two)
    answers = {answer.payload: answer for answer in explored(two).answers}
    by_model = {p.memory_mb: p.duration_ms for p in answers["a"].curve}
    table = study.table("durations")
    rows = table.frame[table.frame["payload"] == "a"].set_index("memory_mb")
    assert rows["mean_ms"].to_dict() == pytest.approx({mb: by_model[mb] for mb in rows.index})
    samples = study.summary().query("payload == 'a'").set_index("memory_mb")["n"]
    assert (rows["n"] == samples.reindex(rows.index, fill_value=0)).all()
    assert (rows["sample_mean_ms"].notna() == (rows["n"] > 0)).all()
    assert "mean of samples" in str(table)
    curves = study.plot.curves()
    assert f"{format_ms(by_model[rows.index[0]])} at {rows.index[0]} MB" in curves.alt
