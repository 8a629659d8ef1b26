"""What stands first in a report: the decision, its cards, and the figure that says why."""

import json
import re

import pytest

from lambdatuning.analysis.run import Run
from lambdatuning.core.errors import UsageError
from lambdatuning.study import Study

from .studies import study_of
from .synthetic import KINDS, Kind, synthetic_run

RUN = synthetic_run((KINDS[2], KINDS[9]), (128, 512, 1024, 1769))


def test_the_decision_stands_first_with_three_cards() -> None:
    study = study_of(RUN, strategy="value")
    front = study.front()
    assert front.first == study.headline.sentence
    markup = front._repr_html_()
    assert markup.count('class="lt-card"') == 3
    values = re.findall(r"<strong>([^<]+)</strong>", markup.partition("lt-three")[2])
    plain = [value.replace("&nbsp;", " ").replace("&gt;", ">") for value in values]
    assert plain == [card.value for card in study.headline.cards]


@pytest.mark.parametrize("question", ["payload_types", "strategies", "cold_starts"])
def test_a_question_is_answered_first_and_the_decision_stays_in_one_paragraph(
    question: str,
) -> None:
    study = study_of(RUN, strategy="value")
    front = study.front(question)
    assert front.first == front.lead != study.headline.sentence
    assert study.headline.sentence in str(front)
    assert 'class="lt-card"' not in front._repr_html_()
    with pytest.raises(UsageError, match='no question "bill"'):
        study.front("bill")


def test_the_figure_says_what_the_chosen_size_costs_and_buys() -> None:
    study = study_of(RUN, strategy="value")
    chart = study.plot.choice()
    curve = study.curve()
    assert curve is not None
    chosen, cheapest = study.headline.memory_mb, int(curve.usd.argmin())
    assert chosen is not None
    at = curve.sizes.index(chosen)
    more = round((curve.usd[at] / curve.usd[cheapest] - 1) * 100)
    assert at != cheapest
    assert chart.title.startswith(
        f"{chosen:,} MB costs {more} % more than the cheapest, {curve.sizes[cheapest]:,} MB "
        "(10 % is within the error);"
    )
    assert "hash is cheapest at" in chart.alt
    titles = {axes.get_title(loc="left") for axes in chart.figure.axes}
    assert {"weighted mix, cost per million", "mean duration", "read", "hash"} == titles
    cost = chart.figure.axes[0]
    assert cost.get_ylim()[0] == 0
    assert cost.get_yscale() == "linear"


def test_one_payload_type_has_no_small_panels_and_no_success_no_figure() -> None:
    one = Study(synthetic_run(KINDS[:1], (128, 512)), strategy="cost").plot.choice()
    assert len(one.figure.axes) == 2
    broken = Study(synthetic_run((Kind("broken", 5, 5, needs_mb=9999),), (128, 512)))
    assert broken.front().first.startswith("No size of ")
    for chart in (broken.plot.choice(), broken.plot.compromise()):
        assert chart.title == "No curve can be drawn: no invocation succeeded"


def test_one_size_leaves_nothing_to_choose_from() -> None:
    one = Study(synthetic_run(KINDS[:1], (512,)), strategy="value")
    sentence = "512 MB alone was measured: there is nothing to choose from"
    assert one.front("strategies").first == f"{sentence}."
    assert one.plot.choice().title == sentence


def test_titles_have_no_factor_of_one_and_no_amount_of_nothing() -> None:
    flat = Study(synthetic_run((Kind("flat", 50, 0),), (128, 1024), noise=0.001, host_spread=0))
    title = flat.plot.choice().title
    assert title.startswith("128 MB is the cheapest size")
    assert "×" not in title
    free = flat.run.samples.assign(cost_usd=0.0)
    study = Study(Run(flat.run.manifest, free), strategy="value")
    assert "nan" not in study.plot.choice().title + str(study.headline)
    json.dumps(study.to_json(), allow_nan=False)
