"""A size as cheap as the cheapest and much faster is told in the headline; nothing else is."""

import re
from dataclasses import replace

import pytest

from lambdatuning.analysis.curves import Curve
from lambdatuning.analysis.questions.answer import Quicker, headline, quicker
from lambdatuning.analysis.recommendation import Recommendation
from lambdatuning.analysis.run import Run
from lambdatuning.study import Study

from .asked import advice, curves
from .synthetic import Kind, synthetic_run

CPU_BOUND = (Kind("hash", 0, 150),)
WAITING = (Kind("wait", 50, 0),)


def judged(run: Run) -> tuple[Curve, Recommendation]:
    return curves(run)[-1], advice(run, "cost")[-1]


def test_cpu_bound_work_costs_the_same_and_is_faster_with_more_memory() -> None:
    run = synthetic_run(CPU_BOUND, (128, 512, 1024), seed=3)
    found = quicker(*judged(run))
    assert found is not None
    assert (found.memory_mb, found.than_mb) == (1024, 128)
    assert found.speedup == pytest.approx(8, rel=0.1)
    text = Study(run, strategy="cost").answer.headline
    assert text.startswith(
        "For the lowest cost, no size of LambdaFunctionOverHttps is better than 128 MB today, but "
        "1,024 MB costs "
    )
    assert re.search(r"\(no significant difference\) and is [78]\.\d+ × faster", text)
    assert "×" in Study(run).answer._repr_html_()


def test_what_costs_more_or_no_faster_is_not_told() -> None:
    run = synthetic_run(WAITING, (128, 512, 1024), seed=3)
    assert quicker(*judged(run)) is None
    assert Study(run, strategy="cost").answer.headline == (
        "Leave LambdaFunctionOverHttps at 128 MB: no size is better for the lowest cost."
    )
    assert (
        "but" not in Study(synthetic_run(CPU_BOUND, (128, 512)), strategy="speed").answer.headline
    )


def test_nothing_is_told_of_sizes_that_could_not_be_told_apart_from_larger_ones() -> None:
    curve, advised = judged(synthetic_run(CPU_BOUND, (128, 512, 1024), seed=3))
    assert quicker(curve, replace(advised, beyond_mb=(1024,))) == quicker(
        curve, replace(advised, alike_mb=tuple(m for m in (128, 512) if m != advised.memory_mb))
    )


def test_without_intervals_nothing_is_told() -> None:
    run = synthetic_run(CPU_BOUND, (128, 512, 1024), environments=2)
    assert quicker(*judged(run)) is None


def test_a_measured_difference_that_is_no_chance_is_not_the_same_cost() -> None:
    curve, advised = judged(synthetic_run(CPU_BOUND, (128, 512, 1024), seed=3))
    found = quicker(curve, advised)
    assert found is not None
    at = curve.sizes.index(found.memory_mb)
    dearer = replace(curve, usd=curve.usd.copy(), resampled_usd=curve.resampled_usd.copy())
    dearer.usd[at] *= 1.2
    dearer.resampled_usd[:, at] *= 1.2
    other = quicker(dearer, advised)
    assert other is None or other.memory_mb != found.memory_mb


@pytest.mark.parametrize(
    ("change", "told"),
    [(0.001, "costs the same"), (0.02, "costs 2 % more"), (-0.04, "costs 4 % less")],
)
def test_the_headline_says_by_how_much_and_against_what(change: float, told: str) -> None:
    _, advised = judged(synthetic_run(CPU_BOUND, (128, 512, 1024), seed=3))
    moved = replace(advised, memory_mb=512, alike_mb=(1024,), current_mb=128)
    text = headline("f", [moved], Quicker(1024, 512, change, 2.0))
    assert text == (
        f"Set f to 512 MB for the lowest cost (today: 128 MB); 1,024 MB {told} "
        "(no significant difference) and is 2.00 × faster than 512 MB."
    )


def test_what_is_told_of_another_size_than_todays_does_not_follow_on_it() -> None:
    _, advised = judged(synthetic_run(CPU_BOUND, (128, 512, 1024), seed=3))
    cheap = replace(advised, memory_mb=512, alike_mb=(1024,), current_mb=128)
    in_time = replace(advised, strategy="deadline", memory_mb=128, alike_mb=(), current_mb=128)
    assert headline("f", [cheap, in_time], Quicker(1024, 512, 0.0, 2.0)) == (
        "Set f to 512 MB for the lowest cost; for the lowest cost within the deadline, no size is "
        "better than 128 MB today; 1,024 MB costs the same (no significant difference) and is "
        "2.00 × faster than 512 MB."
    )
