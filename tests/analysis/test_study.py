"""A study: its options are checked at one door, everything is computed once, nothing is global."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lambdatuning as lt
from lambdatuning.analysis import data, intervals
from lambdatuning.analysis.answer import recommendation
from lambdatuning.analysis.options import Options, best
from lambdatuning.analysis.punctuality import calls_to_tell, weighted_quantile
from lambdatuning.analysis.run import Run, merge
from lambdatuning.core import decision
from lambdatuning.core.decision import BestSize, Point
from lambdatuning.core.errors import UsageError
from lambdatuning.core.strategies import REGISTRY, RUN_STRATEGIES, CurvePoint, choose
from lambdatuning.study import TABLES, Study, StudyPlots

from .synthetic import KINDS, changed, synthetic_run

RECORDED = Path(__file__).parents[2] / "data" / "recorded"

RUN = synthetic_run(KINDS[:4])
FIGURES = [name for name in vars(StudyPlots) if not name.startswith("_")]


def everything(study: Study, *, drawn: bool = True) -> None:
    """All that a reader may ask."""
    for name in TABLES:
        study.table(name)._repr_html_()
    for name in FIGURES:
        chart = getattr(study.plot, name)()
        assert not drawn or chart is None or chart.figure.axes
    study._repr_html_()
    str(study.overview)
    str(study.cold_answer)
    study.method()
    study.controls()


def test_everything_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            counted[name] += 1
            return function(*given, **options)

        return call

    for module, name in ((data, "summarise"), (data, "make_curves"), (data, "resample")):
        monkeypatch.setattr(module, name, counting(name, getattr(module, name)))
    monkeypatch.setattr(intervals, "cells", counting("cells", intervals.cells))
    run = synthetic_run(KINDS[:2], (128, 512, 1769), about={})  # no other test knows it
    study = Study(run, strategy="all", deadline_ms=60, budget_usd_per_million=1)
    for _ in range(2):
        everything(study, drawn=False)
    assert counted == {"summarise": 1, "make_curves": 1, "resample": 1, "cells": 1}
    other = Run(changed(run.manifest, {"function": "g"}), run.samples.assign(function="g"))
    counted.clear()
    everything(Study(merge([run, other]), deadline_ms=60))
    assert set(counted.values()) == {2}


def test_each_best_size_is_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[int, ...]] = []

    def counting(points: Sequence[Point], *options: Any) -> BestSize:
        chosen.append(tuple(point.memory_mb for point in points))
        return decision.choose(points, *options)

    monkeypatch.setattr(recommendation, "choose", counting)
    study = Study(synthetic_run(KINDS[:2], (128, 512, 1769)))
    strategies = ("value", "cost", "balanced", "knee", "speed")
    assert len(study.recommend(strategies)) == len(study.recommend(strategies)) == 3 * 5
    assert chosen == [(128, 512, 1769)] * 3 * 5


def test_a_study_with_other_options_is_a_study_that_keeps_what_it_has() -> None:
    study = Study(RUN, strategy="cost")
    summary = study.summary()
    faster = study.with_options(strategy=("speed",))
    assert type(faster) is Study
    assert faster.summary() is summary
    assert faster.answer.lead[0].strategy == "speed"
    assert study.answer.lead[0].strategy == "cost"
    assert faster.with_options(weights={"read": 1.0}).curves is not study.curves


def test_the_tab_key_shows_what_can_be_asked() -> None:
    names = {name for name in dir(Study(RUN)) if not name.startswith("_")}
    assert names >= {"answer", "recommend", "plot", "table", "curves", "summary", "run", "options"}
    assert not names & {"once", "cells", "resampled", "placed"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"strategy": "fastest"}, 'unknown strategy "fastest"'),
        ({"strategy": "deadline"}, "needs deadline_ms"),
        ({"quantile": 95}, "quantile must be a share between 0 and 1; not 95"),
        ({"cold_share": 2}, "cold_share must be"),
        ({"monthly_invocations": -1}, "monthly_invocations must be"),
        ({"currency": "EUR"}, "must have {} once"),
        ({"per_usd": 0}, "per_usd must be"),
    ],
)
def test_options_are_checked_at_one_door(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        Study(RUN, **options)


def test_currency_is_an_option_and_nothing_global() -> None:
    euros, dollars = Study(RUN, currency="{} €", per_usd=0.5), Study(RUN)
    one, other = (str(study.table("bill")) + study.plot.bill().alt for study in (euros, dollars))
    assert "€" in one
    assert "$" not in one
    assert "€" not in other
    assert euros.bill()["month_usd"].tolist() == dollars.bill()["month_usd"].tolist()


def test_costs_in_yuan_are_not_taken_for_dollars() -> None:
    dollars = synthetic_run(KINDS[:2])
    manifest = replace(dollars.manifest, currency="CNY")
    yuan = Run(manifest, dollars.samples.assign(cost_usd=dollars.samples["cost_usd"] * 7))
    about: dict[str, Any] = {"monthly_invocations": 10e6}
    euros: dict[str, Any] = {**about, "currency": "{} €", "per_usd": 0.5}
    with pytest.raises(
        UsageError, match=r"costs are in CNY, not in dollars.*rates=\{'CNY': amount"
    ):
        Study(yuan, **euros)
    with pytest.raises(UsageError, match="costs are in CNY"):
        lt.compare(yuan, yuan, currency="{} €", per_usd=0.5)
    assert str(Study(yuan, rates={"CNY": 7}, **euros).table("bill")) == str(
        Study(dollars, **euros).table("bill")
    )
    assert Study(yuan, **about).money(1.0) == "¥1.00"
    assert Study(yuan, currency="¥{}", **about).money(1.0) == "¥1.00"


def test_the_card_of_a_run_has_the_price_in_its_own_currency() -> None:
    paid = replace(RUN.manifest, usd=12.5)
    in_yuan = Run(replace(paid, currency="CNY"), RUN.samples)
    assert dict(Run(paid, RUN.samples).facts())["price"] == "$12.5"
    assert dict(in_yuan.facts())["price"] == "¥12.5"


def test_the_public_names_fit_on_a_screen() -> None:
    assert set(dir(lt)) == {*lt.__all__, "__version__"}
    assert len(lt.__all__) <= 16
    assert all(getattr(lt, name).__doc__ for name in lt.__all__)


def test_a_run_is_explored_by_payload_type_and_size() -> None:
    one = RUN["read"]
    assert one.payloads == ("read",)
    assert set(RUN.at(512)["memory_mb"]) == {512}
    assert RUN._ipython_key_completions_() == list(RUN.payloads)
    assert Study(RUN)["read"].run.payloads == ("read",)
    with pytest.raises(UsageError, match="513 MB was not measured"):
        RUN.at(513)
    with pytest.raises(UsageError, match='did you mean "read"'):
        RUN["reed"]
    assert set(RUN.at("512")["memory_mb"]) == {512}  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="memory_mb must be a whole number"):
        RUN.at("half")  # type: ignore[arg-type]
    card = RUN._repr_html_()
    for fact in ("LambdaFunctionOverHttps", "2026-11-23 09:05", "$0.0123", "4 payload types"):
        assert fact in card


@pytest.mark.parametrize("wrong", [0, ("read", "echo"), ["read", "echo"]])
def test_a_payload_type_that_is_no_name_is_refused_in_words(wrong: Any) -> None:
    for place in (RUN, Study(RUN)):
        with pytest.raises(UsageError, match="a payload type is named by its name, not by "):
            place[wrong]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"strategy": "cheep"}, "cheep"),
        ({"currency": "EUR"}, "currency"),
        ({"per_usd": 0}, "per_usd"),
        ({"weight": 2}, "weight"),
        ({"monthly_invocations": -1}, "monthly_invocations"),
        ({"strategy": "deadline"}, "deadline_ms"),
        ({"weights": {"any": -1}}, "weights"),
        ({"weight": None}, "weight"),
    ],
)
def test_options_are_validated_without_a_run(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Study.validate(**options)


def test_options_that_some_run_may_have_are_valid() -> None:
    Study.validate()
    Study.validate(strategy=["", "cost"], currency="{} €", per_usd=0.92, weights={"any": 1})
    Study.validate(speed_worth=None, cost_tolerance=0.2, today_mb=None, rates={"CNY": 7.1})


@pytest.mark.parametrize("wrong", ["latest", None, 3])
def test_a_study_of_what_is_no_run_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(UsageError, match="run must be a run, as load returns it, or its samples"):
        Study(wrong)


def test_a_run_without_a_stored_decision_has_the_answer_of_its_study_and_no_other() -> None:
    run = lt.load(RECORDED)
    assert "lt.Study(run).answer" in run._repr_html_()
    assert lt.runs(RECORDED)[["power"]].isna().all(axis=None)
    study = lt.Study(run)
    markup = study._repr_html_()
    assert "Set LambdaFunctionOverHttps to 256&nbsp;MB" in markup
    assert "trimmed" not in markup


def test_a_table_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UsageError, match='did you mean "bill"'):
        Study(RUN).table("bills")


# The answer is honest: unknown is never fine.


FEW = synthetic_run(KINDS[1:3], (128, 512, 1769))
COLD = Run(FEW.manifest, FEW.samples.assign(cold=True, init_ms=240.0))


def test_cold_starts_alone_answer_and_say_so() -> None:
    study = Study(COLD)
    everything(study)
    assert study.answer.lead[0].memory_mb is not None
    assert "Every invocation was a cold start" in str(study.answer)
    assert study.checks()[0].name in {"cold starts only", "failed invocations"}
    (row,) = study.summary().query("payload == 'read' and memory_mb == 128").to_dict("records")
    warm = FEW.samples.query("payload == 'read' and memory_mb == 128 and error == ''")
    assert row["mean_ms"] == pytest.approx(warm["duration_ms"].mean() + 240)
    assert study.cold_answer.headline.startswith("Every invocation was a cold start")
    assert not lt.compare([COLD, COLD]).regressions


def test_a_size_today_that_was_not_measured_is_not_argued_against() -> None:
    study = Study(RUN, strategy="speed", today_mb=1769)
    text = str(study.answer)
    assert not study.answer.headline.startswith("Set")
    assert "1,769 MB, today's size, was not measured: measure it, too" in text
    assert study.decision.cost_ratio is None
    assert "today" not in study.bill()["choice"].tolist()


def test_no_imperative_where_certainty_is_unknown() -> None:
    study = Study(synthetic_run(KINDS[:2], environments=2), strategy="speed")
    assert study.answer.headline.startswith("Probably 3,008 MB for")
    assert "measure more (fewer than 3 execution environments)" in study.answer.headline
    assert study.decision.sure is None


def test_a_deadline_that_may_be_missed_is_not_recommended() -> None:
    """15 calls a size in time tell little about one in 20."""
    study = Study(synthetic_run((KINDS[2],), host_spread=0), strategy="deadline", deadline_ms=30)
    (lead,) = study.answer.lead
    assert lead.sure < 0.95
    assert "% sure that it keeps the deadline; about " in study.answer.headline
    assert "more calls would tell" in study.answer.headline
    chart = study.plot.deadline()
    assert chart is not None
    assert " is likeliest to keep p95 within 30.0 ms, but only " in chart.title
    loose = Study(study.run, strategy="deadline", deadline_ms=30, deadline_sure=0.5)
    assert "sure that it keeps the deadline; about " not in loose.answer.headline


def test_the_calls_that_would_tell_do() -> None:
    options = Options()
    more = calls_to_tell(0.98, 40, options)
    drawn = np.random.default_rng(1).beta(
        0.98 * (40 + more) + 0.5, 0.02 * (40 + more) + 0.5, 20_000
    )
    assert (drawn >= 0.95).mean() == pytest.approx(0.95, abs=0.03)
    assert calls_to_tell(0.94, 40, options) == 0


def test_the_message_of_a_failed_invocation_stands_in_the_answer() -> None:
    failing = RUN.samples["invocation"].eq(3) & RUN.samples["payload"].eq("read")
    samples = RUN.samples.assign(
        error=failing.map({True: "ValueError", False: ""}).astype("category"),
        message=failing.map({True: "no such order", False: ""}),
    )
    text = str(Study(Run(RUN.manifest, samples)).answer)
    assert 'one of them with ValueError: "no such order"' in text


# One of each: ties and quantiles.


def test_ties_go_to_the_cheaper_the_faster_then_the_smaller_size() -> None:
    ms, usd = np.array([10.0, 10.0, 5.0]), np.array([2e-7, 2e-7 * (1 + 1e-15), 4e-7])
    for strategy in ("value", "cost", "speed", "balanced", "knee"):
        goal = Options().goal(strategy)
        index = best(goal.score(ms, usd), ms, usd, (128, 256, 512))
        if strategy in RUN_STRATEGIES:
            points = [
                CurvePoint(m, float(a), float(b))
                for m, a, b in zip((128, 256, 512), ms, usd, strict=True)
            ]
            assert choose(points, strategy).memory_mb == (128, 256, 512)[index]
        assert index != 1
    assert set(REGISTRY) == {"value", "cost", "balanced", "knee", "deadline", "budget", "speed"}


def test_one_quantile_rule_for_plain_and_weighted_values() -> None:
    values = np.random.default_rng(2).lognormal(3, 1, 101)
    for q in (0.05, 0.5, 0.95, 0.99):
        plain = weighted_quantile(values, np.full(101, 0.3), q)
        assert plain == pytest.approx(np.quantile(values, q))
    twice = np.repeat(values, 2)
    weighed = weighted_quantile(values, np.full(101, 2.0), 0.95)
    assert weighed == pytest.approx(np.quantile(twice, 0.95), rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_a_payload_type_has_the_same_answer_alone_as_among_the_others(seed: int) -> None:
    run = synthetic_run(
        (KINDS[9], KINDS[4], KINDS[8]), environments=3, per_environment=2, noise=0.3, seed=seed
    )
    study = Study(run, strategy=("value", "cost", "speed"))
    among = study.recommend(study.strategies)
    for payload in run.payloads:
        alone = study[payload].recommend(study.strategies)
        rows = among[among["payload"] == payload].reset_index(drop=True)
        for name in ("memory_mb", "as_good_mb"):
            assert alone[name].tolist() == rows[name].tolist(), (payload, name)
        for name in ("sure", "mean_ms", "saving"):
            assert alone[name].tolist() == pytest.approx(rows[name].tolist(), nan_ok=True)
    assert study["hash"] is study["hash"]
