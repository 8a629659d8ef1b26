"""Sizes that the host could not tell apart: marked in words, tables and figures, never sure."""

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from pandas import DataFrame

from lambdatuning.analysis.answer.answer import sentence
from lambdatuning.analysis.answer.recommendation import (
    Recommendation,
    decide,
    recommendations,
    untestable,
)
from lambdatuning.analysis.curves import Curve
from lambdatuning.analysis.plot.axes import hatching
from lambdatuning.analysis.plot.chart import to_svg
from lambdatuning.analysis.questions.decision_map import decisions
from lambdatuning.analysis.run import BEYOND, Run, apart, merge
from lambdatuning.analysis.text.marks import DAGGER, NOTE
from lambdatuning.analysis.text.output_types import NARROW_MIME, TABLE_MIME
from lambdatuning.analysis.text.tables import table
from lambdatuning.core.format import DOLLARS
from lambdatuning.core.sizes import Host
from lambdatuning.core.tuning.manifest import Manifest
from lambdatuning.study import Study

from .plots import PLOTS, Plot
from .studies import GOALS, checks, curves, goal, recommend, study_of, summarise
from .studies import advice as advice_of
from .synthetic import KINDS, Kind, changed, synthetic_run

SIZES = (128, 1769, 3008, 4096, 10_240)
CPU, IO = Kind("cpu", 0, 400), Kind("io", 50, 0)
RUN = synthetic_run((CPU, IO), SIZES)
AWS = synthetic_run((CPU, IO), SIZES, endpoint="aws")
TRUE = synthetic_run((CPU, IO), SIZES[:3])
STUDY = study_of(RUN, strategy="speed", deadline_ms=60)
# Frames and figures of a run share its curves.
RESIZED = [Study(run, deadline_ms=60, today_mb=10_240) for run in (RUN, AWS, TRUE)]
UNMARKED = [Study(run, deadline_ms=60) for run in (AWS, TRUE)]


def curve(ms: list[float], sizes: tuple[int, ...] = SIZES, cores: int = 2) -> Curve:
    """A curve of a host, without noise; costs are those of GB-seconds."""
    means = np.array(ms)
    usd = means * np.array(sizes) * 1.6e-11
    rng = np.random.default_rng(1)
    noise = rng.lognormal(0, 0.001, (500, len(ms)))
    return Curve("f", "x86_64", "p", sizes, means, usd, means * noise, usd * noise, (), Host(cores))


def advice(run: Run, payload: str, strategy: str, **limits: float) -> Recommendation:
    return next(
        advice for advice in advice_of(run, strategy, **limits) if advice.payload == payload
    )


def test_a_run_knows_its_sizes_beyond_the_cores_also_one_recorded_before() -> None:
    assert RUN.manifest.sizes_beyond_cores == ()
    assert RUN.host == Host(2)
    assert RUN.beyond_mb == (4096, 10_240)
    assert (AWS.host, AWS.beyond_mb) == (None, ())
    assert (TRUE.host, TRUE.beyond_mb) == (Host(2), ())
    assert Run(Manifest(), RUN.samples).beyond_mb == ()


def test_chance_does_not_choose_among_sizes_that_run_alike() -> None:
    """10,240 MB was measured fastest, by 1 %: 4,096 MB ran on the same cores for less."""
    best = decide(curve([4000, 400, 300, 200, 198]), goal("speed"))
    assert best.memory_mb == 4096
    assert np.isnan(best.sure)
    assert best.as_good_mb == (10_240,)
    assert best.beyond_cores
    assert "fewer than its vCPUs" in best.reason


def test_a_smaller_size_wins_where_the_smallest_indistinguishable_is_no_better() -> None:
    best = decide(curve([4000, 400, 200, 201, 198]), goal("speed"))
    assert best.memory_mb == 3008
    assert best.sure > 0.9
    assert best.as_good_mb == ()
    assert best.untestable_mb == (4096, 10_240)


def test_what_loses_even_with_all_its_vcpus_is_not_held_back() -> None:
    """At 10,240 MB 2 cores stand for 5.8: on AWS it takes a third of the time at best."""
    flat = curve([50, 50, 50, 50, 50])
    assert untestable(flat, 0, goal("cost"), None) == ()
    assert untestable(flat, 0, goal("speed"), None) == (4096, 10_240)
    steep = curve([4000, 400, 50, 70, 130])
    assert untestable(steep, 2, goal("speed"), None) == (10_240,)
    assert untestable(replace(steep, host=None), 2, goal("speed"), None) == ()


def test_the_millisecond_that_is_billed_at_least_cannot_be_divided() -> None:
    """Half a millisecond at 10,240 MB costs a whole one with any number of vCPUs."""
    short = curve([5.5, 1.2, 0.8, 0.5, 0.5])
    billed = np.ceil(short.ms) * np.array(SIZES) * 1.6e-11 + 2e-7
    assert untestable(replace(short, usd=billed), 0, goal("cost"), None) == ()
    long = replace(short, ms=short.ms * 100, usd=billed * 100)
    assert untestable(long, 0, goal("cost"), None) == (10_240,)


@pytest.mark.parametrize("strategy", GOALS)
def test_no_goal_is_sure_of_a_size_that_was_held_back(strategy: str) -> None:
    limits = {"deadline_ms": 450.0, "budget_usd_per_million": 1e6}
    best = advice(RUN, "cpu", strategy, **limits)
    assert best.memory_mb not in {10_240}
    assert best.beyond_cores == bool(best.reason)
    assert best.beyond_mb == (4096, 10_240)


def test_where_nothing_is_held_back_nothing_changes() -> None:
    strategies = ("cost", "speed", "balanced")
    on_aws, small = (recommendations(study, strategies) for study in UNMARKED)
    assert {advice.strategy for advice in on_aws} == set(strategies)
    assert [advice for advice in on_aws if advice.beyond_mb or advice.reason] == []
    assert [advice for advice in small if advice.untestable_mb] == []


def test_sentences_say_it() -> None:
    winner = replace(
        advice(AWS, "cpu", "speed"),
        memory_mb=4096,
        sure=float("nan"),
        as_good_mb=(10_240,),
        reason="measured with 2 cores, fewer than its vCPUs on AWS",
        beyond_mb=(4096, 10_240),
        untestable_mb=(10_240,),
    )
    assert sentence(winner, DOLLARS).endswith(
        "; how sure cannot be said (measured with 2 cores, fewer than its vCPUs on AWS), "
        "10,240 MB cannot be told apart."
    )
    compared = replace(winner, memory_mb=3008, sure=0.8, reason="", as_good_mb=())
    assert sentence(compared, DOLLARS).endswith(
        "; 80 % sure; on AWS, 10,240 MB might be better: this host has fewer cores."
    )
    none = replace(compared, memory_mb=None, reason="no size keeps p95 within 5.00 ms")
    assert "; on AWS, 10,240 MB might be better" in sentence(none, DOLLARS)


def test_answer_overview_method_and_checks_say_it() -> None:
    for text in (str(STUDY.answer), STUDY.overview._repr_html_()):
        assert "on AWS" in text
    assert "4,096 and 10,240 MB: run with the 2 cores of this host" in str(study_of(RUN).method())
    assert "fewer vCPUs" not in str(study_of(AWS).method())
    (finding,) = [check for check in checks(RUN) if "beyond" in check.name]
    assert finding.cause.startswith("4,096 and 10,240 MB stand for more than the 2 cores")
    assert "up to 3,538 MB" in finding.next_step
    assert not [check for check in checks(AWS) if "beyond" in check.name]


FRAMES: dict[str, Callable[[Study], DataFrame]] = {
    "summary": lambda study: study.summary(),
    "pareto": lambda study: study.pareto(),
    "decisions": decisions,
    "predicted": lambda study: study.predict(),
    "recommendations": lambda study: study.recommend(),
    "cold starts": lambda study: study.cold_starts(),
    "cold decisions": lambda study: study.cold_decisions(),
    "bill": lambda study: study.bill(),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_of_sizes_has_the_column(name: str) -> None:
    for study, expected in zip(RESIZED, (3538.0, np.inf, 3538.0), strict=True):
        frame = FRAMES[name](study)
        assert frame[BEYOND].dtype == bool
        assert (frame[BEYOND] == (frame["memory_mb"] > expected)).all()


def test_functions_keep_their_own_hosts() -> None:
    other = Run(changed(AWS.manifest, {"function": "g"}), AWS.samples.assign(function="g"))
    both = merge([RUN, other])
    frame = summarise(both)
    marked = frame[frame[BEYOND]]
    assert set(marked["function"]) == {RUN.function}
    assert {part.function: part.beyond_mb for part in apart(both)} == {
        RUN.function: (4096, 10_240),
        "g": (),
    }
    assert [curve.host for curve in curves(both)] == [Host(2)] * 3 + [None] * 3
    html = table(frame)._repr_html_()
    assert html.count("lt-mark") == len(marked)


class TestTables:
    def test_sizes_have_a_dagger_that_a_note_explains(self) -> None:
        html = table(summarise(RUN), "Durations", ["payload", "memory_mb", "mean_ms"])._repr_html_()
        assert re.findall(r">([\d,]+ MB)<abbr", html) == ["4,096 MB", "10,240 MB"] * 2
        assert '<abbr class="lt-mark" title="more vCPUs than' in html
        assert html.count(NOTE) == 1
        assert html.index(NOTE) > html.index("</table>")
        text = str(table(summarise(RUN)))
        assert f"10,240 MB{DAGGER}" in text
        assert text.endswith(NOTE)

    def test_lists_of_sizes_and_captions_are_marked_too(self) -> None:
        frame = recommend(RUN, today_mb=10_240)
        shown = table(frame, "Sizes")
        assert shown.caption.endswith(f"today 10,240 MB{DAGGER}")
        assert f"4,096{DAGGER} and 10,240{DAGGER} MB" in str(shown)
        assert f"3,008{DAGGER}" not in str(shown)

    def test_files_have_a_boolean_column(self) -> None:
        data = table(summarise(RUN), "Durations", ["memory_mb"])._repr_mimebundle_()[TABLE_MIME]
        at = data["columns"].index(BEYOND)
        assert [row[at] for row in data["data"]] == [False, False, False, True, True] * 2
        assert len(data["ranks"]) == 1

    def test_on_aws_nothing_is_marked(self) -> None:
        for run in (AWS, TRUE):
            study = Study(run)
            for frame in (study.summary(), study.recommend(), study.bill()):
                assert DAGGER not in table(frame)._repr_html_() + str(table(frame))

    def test_memory_that_was_used_is_no_size(self) -> None:
        run = Run(RUN.manifest, RUN.samples.assign(max_memory_mb=9000))
        assert f"9,000 MB{DAGGER}" not in str(table(summarise(run)))


MARKED: dict[str, Plot] = PLOTS | {
    "init": lambda study: study.plot.cold_starts(),
    "share": lambda study: study.plot.cold_share(),
}
HATCHED = {"curves", "strategies", "compromise", "relative", "deadline", "init"}


class TestFigures:
    @pytest.mark.parametrize("name", MARKED)
    def test_every_figure_with_sizes_explains_its_marks(self, name: str) -> None:
        chart = MARKED[name](RESIZED[0])
        assert chart is not None
        shown = chart._repr_mimebundle_()
        for kind in ("image/svg+xml", NARROW_MIME):
            root = ElementTree.fromstring(shown[kind])
            words = " ".join("".join(element.itertext()) for element in root.iter() if element.text)
            words = re.sub(r"\s+", " ", words)
            assert f"{DAGGER}{' and hatched' if name in HATCHED else ''}: more vCPUs" in words
            assert "<pattern" not in shown[kind]
        assert "10,240 MB have more vCPUs than this host's 2 cores" in chart.alt
        assert "as 2 cores." in chart.alt

    @pytest.mark.parametrize("name", MARKED)
    def test_on_aws_no_figure_is_marked(self, name: str) -> None:
        for study in UNMARKED:
            chart = MARKED[name](study)
            assert chart is not None
            assert DAGGER not in to_svg(chart.figure, chart.title, chart.alt)
            assert "more vCPUs" not in chart.alt

    def test_lines_fill_the_box_and_stay_in_it(self) -> None:
        lines = hatching(2.0, 5.0, 0.5, 1.5)
        assert len(lines) > 40
        assert lines[..., 0].min() == pytest.approx(2, abs=0.05)
        assert lines[..., 0].max() == pytest.approx(5, abs=0.05)
        assert lines[..., 0].min() >= 2 - 1e-9
        assert lines[..., 0].max() <= 5 + 1e-9
        assert lines[..., 1].min() >= 0.5 - 1e-9
        assert lines[..., 1].max() <= 1.5 + 1e-9
        rise = np.diff(lines, axis=1)[:, 0]
        assert rise[:, 0] == pytest.approx(rise[:, 1])

    def test_one_core_marks_the_whole_right_half(self) -> None:
        about = {"endpoint": {"kind": "embedded", "cores": 1}}
        run = synthetic_run(KINDS[:2], (2048, 3008), about=about)
        chart = Study(run).plot.curves()
        assert run.beyond_mb == (2048, 3008)
        assert "1 core and were measured as 1 core." in chart.alt
