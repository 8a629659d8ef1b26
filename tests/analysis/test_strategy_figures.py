"""The figures of notebook 03: decision map, Pareto front, deadline and bill."""

import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from pandas import DataFrame

from lambdatuning.analysis.answer.recommendation import recommendations
from lambdatuning.analysis.answer.why_this_size import choice_title
from lambdatuning.analysis.curves import MIX, Curve
from lambdatuning.analysis.plot.style import luminance
from lambdatuning.analysis.questions.controls import Controls, panel
from lambdatuning.analysis.questions.deadline import deadline_title
from lambdatuning.analysis.questions.decision_map import (
    _colours,
    decisions,
    map_title,
    segments,
)
from lambdatuning.analysis.questions.pareto import pareto_title
from lambdatuning.analysis.run import Run
from lambdatuning.analysis.text.output_types import NARROW_MIME
from lambdatuning.api.runs import published_runs
from lambdatuning.core.errors import UsageError
from lambdatuning.core.format import format_mb
from lambdatuning.study import Study

from .studies import recommend, study_of
from .synthetic import KINDS, Kind, synthetic_run

RUN = synthetic_run()
SMALL = synthetic_run(KINDS[:2], (128, 512, 1769))
PLOTS = ("decision_map", "pareto", "deadline", "bill")
RUNS = {
    "ten types": RUN,
    "no time at all": synthetic_run((Kind("none", 0, 0), Kind("nothing", 0, 0))),
    "script at one size": synthetic_run(
        (Kind("<script>alert(1)</script>&", 5, 5), KINDS[0]), (512,)
    ),
    "no interval": synthetic_run(KINDS[:2], environments=2),
    "46 sizes": synthetic_run(KINDS[:1], range(128, 3009, 64), environments=3, per_environment=1),
    "always failing": synthetic_run((Kind("broken", 5, 5, needs_mb=9999),)),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_of_every_run_is_sound(name: str, run: Run) -> None:
    study = study_of(run, deadline_ms=60, budget_usd_per_million=0.5)
    chart = getattr(study.plot, name)()
    if chart is None:
        return
    shown = chart._repr_mimebundle_()
    for kind in ("image/svg+xml", NARROW_MIME):
        svg = shown[kind]
        assert len(svg) < 100_000
        root = ElementTree.fromstring(svg)
        assert len(root.get("aria-label") or "") > 40
        assert "<script" not in svg
        assert "nan" not in re.sub(r"<[^>]*>", "", svg)


def test_words_in_a_figure_keep_their_decimals() -> None:
    chart = study_of(RUN).plot.pareto()
    assert chart is not None
    svg = chart._repr_mimebundle_()["image/svg+xml"]
    assert re.search(r">\$\d+\.\d\d<", svg)


class TestDecisions:
    def test_the_ends_of_the_weight_are_speed_and_cost(self) -> None:
        frame = decisions(study_of(RUN), steps=11)
        ends = recommend(RUN, ("speed", "cost")).set_index(["payload", "strategy"])["memory_mb"]
        for payload, rows in frame.groupby("payload"):
            assert rows["memory_mb"].iloc[0] == ends[payload, "speed"]
            assert rows["memory_mb"].iloc[-1] == ends[payload, "cost"]

    def test_segments_cover_all_weights_and_change_where_the_winner_does(self) -> None:
        rows = decisions(study_of(RUN)).query("payload == 'weighted mix'")
        ranges = segments(rows)
        assert (ranges[0][0], ranges[-1][1]) == (0, 1)
        for (_, high, one), (low, _, other) in pairwise(ranges):
            assert high == low
            assert one != other

    def test_without_intervals_how_sure_is_not_known(self) -> None:
        assert decisions(Study(RUNS["no interval"]), steps=3)["probability_best"].isna().all()

    def test_the_title_says_how_far_the_winner_holds(self) -> None:
        pattern = r"[\d,]+ MB is best for the weighted mix while cost counts for .*%"
        assert re.fullmatch(pattern, map_title(decisions(study_of(RUN), steps=21), 0.5))
        waiting = synthetic_run((Kind("io", 50, 0),), (128, 512), noise=0.0, host_spread=0)
        pattern = map_title(decisions(Study(waiting), steps=3), 1)
        assert pattern == "128 MB is best for io, whatever cost and speed weigh"

    def test_the_title_never_says_that_an_end_is_all_where_another_size_is_best_there(self) -> None:
        rows = DataFrame(
            {
                "payload": MIX,
                "weight": [0, 0.002, 0.998, 1],
                "memory_mb": [3008, 1024, 1024, 128],
            }
        )
        assert map_title(rows, 0.5) == (
            "1,024 MB is best for the weighted mix while cost counts for 1 to 99 %"
        )


class TestPareto:
    def test_the_front_is_what_no_other_beats(self) -> None:
        rows = study_of(RUN).pareto().query("payload == 'hash'")
        for row in rows.to_dict("records"):
            better = rows[
                (rows["mean_ms"] < row["mean_ms"])
                & (rows["cost_per_million_usd"] < row["cost_per_million_usd"])
            ]
            assert bool(row["efficient"]) == better.empty
            if not row["efficient"]:
                assert row["beaten_by_mb"] in set(better["memory_mb"])

    def test_waiting_gains_nothing_from_memory(self) -> None:
        run = synthetic_run((Kind("io", 50, 0),), host_spread=0.0, noise=0.0)
        rows = Study(run).pareto()
        assert rows["efficient"].tolist() == [True] + [False] * 5
        assert (rows["beaten_by_mb"].dropna() == 128).all()
        assert pareto_title(rows, None) == "128 MB is both fastest and cheapest"

    def test_a_beaten_size_today_is_the_title(self) -> None:
        run = synthetic_run((Kind("cpu", 0, 400),), (128, 1769, 3008), host_spread=0.0, noise=0.0)
        rows = Study(run).pareto()
        title = pareto_title(rows, 3008)
        assert title.startswith("3,008 MB today is beaten: 1,769 MB is cheaper and faster (")
        front = study_of(RUN).pareto().query("payload == 'hash'")
        front_title = pareto_title(front, None)
        assert re.fullmatch(r"[2-5] of 6 sizes are worth choosing between, from .* MB", front_title)


class TestBill:
    def test_is_the_cost_of_the_mix_at_the_volume(self) -> None:
        frame = (
            study_of(RUN, monthly_invocations=2_000_000, today_mb=512).bill().set_index("choice")
        )
        mix = recommend(RUN, "cost", today_mb=512).query("payload == 'weighted mix'").iloc[0]
        cost = frame.loc["cost"]
        assert cost["month_usd"] == pytest.approx(2 * mix["cost_per_million_usd"])
        assert cost["year_usd"] == pytest.approx(12 * cost["month_usd"])
        today = frame.loc["today"]
        assert cost["year_saving_usd"] == pytest.approx(today["year_usd"] - cost["year_usd"])
        assert cost["saving"] == pytest.approx(float(mix["saving"]))
        assert cost["month_low_usd"] < cost["month_usd"] < cost["month_high_usd"]

    def test_has_the_strategies_whose_limits_are_given(self) -> None:
        plain = study_of(RUN).bill()["choice"].tolist()
        assert plain == ["today", "value", "cost", "balanced", "knee", "speed"]
        study = study_of(RUN, deadline_ms=60.0, budget_usd_per_million=0.01)
        frame = study.bill()
        assert frame["choice"].tolist()[1:] == list(study.options.choices)
        broke = frame.set_index("choice").loc["budget"]
        assert np.isnan(broke["month_usd"])
        assert "no size costs at most" in broke["reason"]

    def test_a_size_today_that_fails_says_so(self) -> None:
        today = study_of(RUN).bill().set_index("choice").loc["today"]
        assert np.isnan(today["month_usd"])
        assert today["reason"] == "128 MB fails"
        assert "today: 128 MB fails." in study_of(RUN).plot.bill().alt

    def test_today_may_be_unknown(self) -> None:
        assert "today" not in Study(RUN.samples).bill()["choice"].tolist()
        assert "costs least" in Study(RUN.samples).plot.bill().title

    @pytest.mark.parametrize("volume", [-1, float("nan")])
    def test_a_volume_that_is_none_is_refused(self, volume: float) -> None:
        with pytest.raises(UsageError, match="monthly_invocations must be an amount, 0 or more"):
            study_of(RUN, monthly_invocations=volume)


def test_no_deadline_no_figure() -> None:
    assert study_of(RUN).plot.deadline() is None
    chart = study_of(RUN, deadline_ms=1, quantile=0.99).plot.deadline()
    assert chart is not None
    assert chart.title.startswith("No size keeps p99 within 1.00 ms")


def test_without_a_likelihood_no_deadline_is_said_to_be_kept() -> None:
    (advice,) = recommendations(study_of(SMALL, deadline_ms=10_000), ["deadline"])[-1:]
    assert advice.memory_mb is not None
    goal = study_of(SMALL, deadline_ms=10_000).options.goal("deadline")
    title = deadline_title(replace(advice, sure=math.nan, reason=""), goal)
    assert title == (
        f"{format_mb(advice.memory_mb)} may be the cheapest size that keeps p95 within 10.0 s; how "
        "sure cannot be said"
    )


def controls(monthly_invocations: float, **options: float) -> Controls:
    options["monthly_invocations"] = monthly_invocations
    return study_of(SMALL, **options).controls()


class TestControls:
    def test_are_the_bill_where_nothing_can_be_moved(self) -> None:
        shown = controls(1e6, deadline_ms=60)._repr_mimebundle_()
        assert {"image/svg+xml", NARROW_MIME} <= set(shown)
        assert "text/html" not in shown

    def test_sliders_redraw_the_figures_that_they_move(self) -> None:
        pytest.importorskip("ipywidgets")
        volume, weight, deadline, picture = panel(controls(1e6, deadline_ms=60)).children
        before = picture.value
        assert before.count("<svg") == 1
        volume.value = 1e9
        assert (picture.value.count("<svg"), picture.value == before) == (1, False)
        weight.value = 1.0
        assert picture.value.count("<svg") == 2
        deadline.value = 1_000
        assert picture.value.count("<svg") == 3
        deadline.value, weight.value, volume.value = 60, 0.5, 1e6
        assert picture.value == before

    @pytest.mark.parametrize(("volume", "deadline_ms"), [(5, 0.3), (1e13, 900_000)])
    def test_a_slider_starts_at_the_value_given(self, volume: float, deadline_ms: float) -> None:
        pytest.importorskip("ipywidgets")
        *sliders, _ = panel(controls(volume, deadline_ms=deadline_ms)).children
        assert [slider.value for slider in sliders] == [volume, 0.5, deadline_ms]

    def test_a_notebook_is_told_of_the_sliders(self) -> None:
        pytest.importorskip("ipywidgets")
        shown = controls(1e6)._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in shown

    def test_both_ends_of_every_slider_can_be_drawn(self) -> None:
        sliders = controls(1e6, deadline_ms=60)
        for weight, volume, deadline_ms in ((0, 1e3, 1), (1, 1e11, 1e5)):
            charts = sliders.charts(weight, volume, deadline_ms)
            assert [bool(chart.figure.axes) for chart in charts] == [True] * 3

    def test_figures_follow_the_values(self) -> None:
        sliders = controls(1e6, weight=0.3, deadline_ms=60)
        (first, second), (third, fourth) = (
            [chart.title for chart in sliders.charts(weight, volume, 60)]
            for weight, volume in ((0, 1e6), (1, 1e9))
        )
        assert first != third
        assert second != fourth


def test_published_means_tell_no_deadline() -> None:
    url = (
        "https://lambda-power-tuning.show/#gAAAAQACAAQ=;ZMsORykTkEZcbQVGKexxRQ==;"
        "naKfOJZloTgdDZY4jhWIOA=="
    )
    (run,) = published_runs(url)
    study = Study(run, deadline_ms=15_000)
    assert study.plot.deadline() is None
    frame = study.bill().set_index("choice")
    assert frame.loc["deadline", "reason"] == "means alone tell nothing of single invocations"
    assert frame.loc["cost", "memory_mb"] == 1024


def test_words_on_every_shade_can_be_read() -> None:
    for count in range(1, 47):
        for shade in _colours(range(128, 128 + count)).values():
            light = luminance(shade)
            words = luminance("#fdfeff") if light < 0.2 else luminance("#10202f")
            low, high = sorted((light, words))
            assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("usd", "chosen", "title"),
    [
        ((1.0, 1.002), 512, "512 MB costs as much as the cheapest, 128 MB; 4 times faster"),
        ((1.0, 1.02), 512, "512 MB costs 2 % more than the cheapest, 128 MB; 4 times faster"),
        (
            (1.0, 1.002),
            128,
            "128 MB is the cheapest size; 512 MB is 4 times faster at the same cost",
        ),
        ((1.0, 1.02), 128, "128 MB is the cheapest size; 512 MB is 4 times faster for 2 % more"),
    ],
)
def test_what_costs_the_same_is_not_said_to_cost_0_percent_more(
    usd: tuple[float, float], chosen: int, title: str
) -> None:
    means, costs = np.array([40.0, 10.0]), np.array(usd)
    curve = Curve("f", "x86_64", "p", (128, 512), means, costs, means[None], costs[None], ())
    assert choice_title(curve, chosen) == title
