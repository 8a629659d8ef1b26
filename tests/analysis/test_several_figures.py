"""Figures of several functions show each of them, under its name."""

from functools import cache

import pytest

from lambdatuning.analysis.plot.functions import together, views
from lambdatuning.analysis.questions.payload_types import penalties
from lambdatuning.analysis.run import Run, merge
from lambdatuning.analysis.text.output_types import NARROW_MIME
from lambdatuning.study import Study

from .plots import PLOTS
from .studies import recommend, study_of
from .synthetic import Kind, synthetic_run

CPU, IO = Kind("work", 0, 150), Kind("work", 40, 1)
EXTRA = Kind("extra", 5, 5)


def named(kind: Kind, name: str, **about: object) -> Run:
    sizes = (128, 512, 1769)
    manifest = {"run_id": f"20261123T090500-{name}", "function": name, **about}
    run = synthetic_run((kind, EXTRA), sizes, per_environment=2, about=manifest)
    return Run(run.manifest, run.samples)


BOTH = merge([named(CPU, "orders"), named(IO, "payments", current_memory_mb=512)])


@pytest.mark.parametrize("name", PLOTS)
def test_every_function_is_shown_under_its_name(name: str) -> None:
    chart = PLOTS[name](study_of(BOTH, deadline_ms=60))
    assert chart is not None
    shown = chart._repr_mimebundle_()
    for kind in ("image/svg+xml", NARROW_MIME):
        drawn = shown[kind].partition(">")[2]
        assert "orders" in drawn
        assert "payments" in drawn
    assert "orders" in chart.alt
    assert "payments" in chart.alt


def test_titles_say_what_is_found_of_each() -> None:
    chart = study_of(BOTH).plot.pareto()
    assert chart is not None
    first, second = chart.title.split("; ")
    assert first.startswith("orders: ")
    assert second.startswith("payments: ")
    many = together([(f"f{n}", "found") for n in range(9)])
    assert many == "f0: found; f1: found; f2: found; and 6 more functions"


def test_rows_of_two_functions_are_not_mixed_up() -> None:
    frame = penalties(study_of(BOTH))
    assert list(frame.index) == [
        *("extra, orders", "work, orders", "mix, orders"),
        *("extra, payments", "work, payments", "mix, payments"),
    ]
    assert frame.T["work, payments"].tolist()[0] == 0
    alone = penalties(views(study_of(BOTH))[0][1])
    assert frame.T["work, orders"].tolist() == alone.T["work"].tolist()


def test_each_function_is_judged_against_its_own_size_today() -> None:
    frame = recommend(BOTH, "cost").drop_duplicates("function").set_index("function")
    assert frame["current_mb"].to_dict() == {"orders": 128, "payments": 512}


def test_names_tell_no_more_than_is_needed() -> None:
    assert [name for name, _ in views(study_of(BOTH))] == ["orders", "payments"]
    assert [name for name, _ in views(Study(named(CPU, "orders")))] == [""]
    arm = named(CPU, "orders", architecture="arm64")
    arm = Run(arm.manifest, arm.samples.assign(architecture="arm64"))
    both = merge([named(CPU, "orders"), arm])
    assert [name for name, _ in views(Study(both))] == ["orders (arm64)", "orders (x86_64)"]


def test_the_figure_of_one_function_says_which() -> None:
    chosen = study_of(BOTH).plot.cold_share(function="payments")
    assert chosen is not None
    shown = chosen._repr_mimebundle_()["image/svg+xml"]
    assert "payments, weighted mix; one line per memory size; one of 2 functions" in shown
    assert study_of(BOTH).plot.cold_share(function="nobody") is None


@cache
def long_named() -> Study:
    """As long as Lambda allows, and two architectures of one."""
    runs = [named(CPU, "a" * 64), named(IO, f"{'a' * 63}b")]
    arm = Run(runs[0].manifest, runs[0].samples.assign(architecture="arm64"))
    return Study(merge([*runs, arm]), deadline_ms=60)


@pytest.mark.parametrize("name", [*PLOTS, "cold_starts", "cold_share", "choice"])
def test_long_names_leave_room_for_figures(name: str) -> None:
    study = long_named()
    chart = PLOTS[name](study) if name in PLOTS else getattr(study.plot, name)()
    assert chart is not None
    shown = chart._repr_mimebundle_()
    assert all(shown[kind].startswith("<svg") for kind in ("image/svg+xml", NARROW_MIME))
