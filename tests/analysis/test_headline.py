"""The headline: what to set, what that changes, how sure it is, in words that follow certainty."""

import math
from dataclasses import replace

import pytest

from lambdatuning.analysis.answer.headline import Alternative, Card, Headline
from lambdatuning.core.decision import Decision
from lambdatuning.core.format import DOLLARS, Money
from lambdatuning.study import Study
from tests.analysis.synthetic import Kind, synthetic_run

FIRM = Headline(
    function="shop-OrdersFunction-1JKHDUVWFRX5T",
    strategy="value",
    memory_mb=1024,
    today_mb=128,
    cost_ratio=1.06,
    change_usd=3.1,
    invocations=10e6,
    monthly=True,
    speedup=7.04,
    p95_speedup=6.5,
    sure=0.97,
    reason="",
    as_good_mb=(),
    more=0,
    alternative=Alternative(512, 1.0, 0.5),
    failing_today=False,
    unmeasured_today=False,
    applied_mb=None,
    evidence="warm",
    untestable_mb=(),
    money=DOLLARS,
)


def test_sure_enough_it_says_what_to_set_and_what_that_changes() -> None:
    assert str(FIRM) == (
        "Set OrdersFunction to 1,024 MB: 7 times faster than at 128 MB today (p95: 6.5 times), "
        "for 6 % more ($3.10 a month at 10 million invocations). 97 % sure that no size is "
        "better value by more than 5 %; next best: 512 MB, the same cost and 2 times slower."
    )
    assert FIRM.cards == (
        Card("costs more", "6 %", "$3.10 a month at 10 million invocations"),
        Card("faster", "7.0 ×", "p95: 6.5 ×"),
        Card("sure", "97 %", "that no size is better value by more than 5 %"),
    )


def test_fairly_sure_it_says_how_sure() -> None:
    assert replace(FIRM, sure=0.87).sentence.startswith(
        "Set OrdersFunction to 1,024 MB (87 % sure): 7 times faster"
    )


@pytest.mark.parametrize("sure", [0.62, math.nan])
def test_without_certainty_there_is_no_imperative(sure: float) -> None:
    guess = replace(FIRM, sure=sure, as_good_mb=(512,), more=240)
    assert guess.sentence == (
        "Probably 1,024 MB for OrdersFunction, measure about 240 more invocations to be sure: 512 "
        "and 1,024 MB cannot be told apart. Against 128 MB today it is 7 times faster (p95: 6.5 "
        "times), for 6 % more ($3.10 a month at 10 million invocations)."
    )


def test_saving_without_a_volume_is_per_million() -> None:
    saves = replace(
        FIRM, cost_ratio=0.55, change_usd=-1.234, invocations=1e6, monthly=False, speedup=0.8,
        p95_speedup=math.nan, money=Money("{} €", 0.5),
    )  # fmt: skip
    assert saves.sentence == (
        "Set OrdersFunction to 1,024 MB: 25 % slower than at 128 MB today, for 45 % less "
        "(0.617 € per million invocations)."
    )
    assert [card.label for card in saves.cards] == ["saves", "slower", "sure"]


@pytest.mark.parametrize("cost_ratio", [0.997, 1.0, 1.004])
def test_what_rounds_to_no_change_is_the_same(cost_ratio: float) -> None:
    same = replace(FIRM, cost_ratio=cost_ratio, change_usd=0.000139, speedup=1.004, p95_speedup=1.0)
    assert same.sentence == (
        "Set OrdersFunction to 1,024 MB: as fast as at 128 MB today, at the same cost."
    )
    assert same.cards[:2] == (Card("costs", "the same"), Card("speed", "the same", "p95: the same"))


@pytest.mark.parametrize(
    ("speedup", "p95_speedup", "words", "card"),
    [
        (0.8, 0.8, "25 % slower", Card("slower", "1.25 ×", "p95: 1.25 ×")),
        (0.8, 1.5, "25 % slower", Card("slower", "1.25 ×", "p95: 1.50 × faster")),
        (4.0, 0.5, "4 times faster", Card("faster", "4.0 ×", "p95: 2.0 × slower")),
        (4.0, 1.002, "4 times faster", Card("faster", "4.0 ×", "p95: the same")),
        (1.001, 0.5, "as fast", Card("speed", "the same", "p95: 2.0 × slower")),
    ],
)
def test_the_tail_says_its_own_direction(
    speedup: float, p95_speedup: float, words: str, card: Card
) -> None:
    head = replace(FIRM, speedup=speedup, p95_speedup=p95_speedup)
    assert f"1,024 MB: {words}" in head.sentence
    assert "p95: 0 %" not in head.sentence
    assert head.cards[1] == card


def test_todays_size_is_kept_and_never_argued_against_unmeasured() -> None:
    keeps = replace(FIRM, today_mb=1024)
    assert keeps.sentence == "Keep OrdersFunction at 1,024 MB: no size measured is better value."
    unmeasured = replace(FIRM, unmeasured_today=True, cost_ratio=math.nan, speedup=math.nan)
    assert unmeasured.sentence == (
        "Probably 1,024 MB for OrdersFunction, but 128 MB, today's size, was not measured: "
        "measure it, too."
    )
    assert unmeasured.cards[0] == Card("saves", "–", "today's size was not measured")


def test_a_size_that_was_set_is_done() -> None:
    assert replace(FIRM, applied_mb=1024).sentence.startswith(
        "Done: OrdersFunction is set to 1,024 MB, was 128 MB: 7 times faster"
    )


def test_a_size_measured_by_cold_starts_alone_is_marked() -> None:
    assert "seen by cold starts alone" in replace(FIRM, evidence="cold").certainty
    assert "by prediction alone" in replace(FIRM, evidence="").sentence


def test_a_study_has_the_headline_of_its_first_strategy() -> None:
    """CPU-bound up to one vCPU: twice the size is twice as fast at the same cost."""
    run = synthetic_run((Kind("cpu", 0, 400),))
    head = Study(run, strategy=("value", "speed"), today_mb=128, monthly_invocations=2e6).headline
    assert head.strategy == "value"
    assert head.memory_mb == 1536
    assert head.speedup == pytest.approx(1536 / 128, rel=0.1)
    assert head.cost_ratio == pytest.approx(1, abs=0.05)
    assert (head.monthly, head.invocations, head.evidence) == (True, 2e6, "warm")
    assert head.sure > 0.9


def test_how_many_more_invocations_is_computed() -> None:
    """Hosts that differ much leave sizes apart that more invocations would tell."""
    run = synthetic_run((Kind("cpu", 30, 300),), host_spread=0.3)
    head = Study(run, strategy="cost").headline
    assert head.sure < 0.95
    n = len(run.samples[~run.samples["cold"]])
    assert 0 < head.more < 64 * n


def test_one_size_alone_is_no_certain_answer() -> None:
    head = Study(synthetic_run((Kind("cpu", 0, 400),), (512,)), today_mb=512).headline
    assert math.isnan(head.sure)
    assert head.sentence == (
        "Probably 512 MB for LambdaFunctionOverHttps, but measure more (one size alone was "
        "measured)."
    )


def test_what_was_set_without_certainty_says_so() -> None:
    """A run that was asked to sets its answer in any case."""
    done = replace(FIRM, applied_mb=1024, sure=0.29, p95_speedup=math.nan)
    assert done.sentence == (
        "Done: OrdersFunction is set to 1,024 MB, was 128 MB (29 % sure): 7 times faster than at "
        "128 MB before, for 6 % more ($3.10 a month at 10 million invocations)."
    )


def test_what_was_to_be_set_and_was_not_sure_enough_says_so() -> None:
    unset = replace(FIRM, sure=0.29, more=90, withheld_below=0.8, p95_speedup=math.nan)
    assert unset.sentence.startswith(
        "Not set, as it is not 80 % sure: 1,024 MB for OrdersFunction, measure about 90 more "
        "invocations to be sure. Against 128 MB today it is 7 times faster"
    )
    firm = replace(unset, sure=0.87, withheld_below=0.95)
    assert firm.sentence.startswith(
        "Not set, as it is not 95 % sure: 1,024 MB for OrdersFunction, 87 % sure: 7 times faster"
    )


def test_the_cheapest_size_names_the_best_value_beside_it() -> None:
    cheapest = replace(FIRM, strategy="cost", by_value=Alternative(1536, 1.08, 5.4))
    assert cheapest.beside == (
        "The lowest cost was asked for; the best value, lambdatuning's default, would be "
        "1,536 MB, 8 % more expensive and 5.4 times faster."
    )
    run = synthetic_run([Kind("digest", 1, 40)], (128, 512, 1024))
    assert Study(run, strategy="value").headline.by_value is None


def test_what_is_pasted_into_a_pull_request_shows_names_as_they_are() -> None:
    run = synthetic_run(
        [Kind("digest", 1, 40)], (128, 512, 1024), about={"function": "@team|<b>#1"}
    )
    text = Study(run).to_markdown()
    assert "@\u200bteam\\|&lt;b&gt;#\u200b1" in text
    assert "@team" not in text
    assert "<b>" not in text


def test_a_bill_has_cents_and_a_price_per_million_three_digits() -> None:
    bill = replace(FIRM, cost_ratio=1.09, change_usd=0.5, monthly=True)
    assert "$0.50 a month" in bill.sentence
    assert "$0.500 per million" in replace(bill, monthly=False).sentence


def test_amounts_at_the_edge_of_a_digit_are_written_as_in_a_bill() -> None:
    for usd in (0.9996, 3.1, 999.6, 999.996, 1234.0):
        amount = DOLLARS.bill(usd)
        assert f"({amount} a month" in replace(FIRM, change_usd=usd).sentence


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (1, "1 invocation)"),
        (2e5, "200,000 invocations)"),
        (1.2345678e6, "1.23 million invocations)"),
        (1e12, "1,000,000 million invocations)"),
    ],
)
def test_a_volume_is_a_number_to_read(volume: float, words: str) -> None:
    assert f"a month at {words}" in replace(FIRM, invocations=volume).sentence


def test_what_takes_no_time_is_as_fast_and_not_nan_times_slower() -> None:
    samples = synthetic_run((Kind("cpu", 1, 1),)).samples.assign(duration_ms=0.0)
    study = Study(samples, today_mb=256)
    assert "nan" not in str(study.answer).lower()
    assert study.bill()["speedup"].eq(1).all()


def test_how_sure_it_is_names_the_studys_own_tolerance() -> None:
    study = Study(synthetic_run((Kind("cpu", 0, 400),)), tolerance=0.2)
    assert "by more than 20 %" in study.headline.cards[2].note
    assert "by more than 20 %" in study.headline.certainty


def test_what_a_run_decided_is_no_answer_to_another_question() -> None:
    run = synthetic_run((Kind("io", 9, 0.1), Kind("cpu", 1, 150)), (128, 1024))
    decided = replace(
        run, manifest=replace(run.manifest, strategy="speed", decision=Decision(128, "speed", 0.5))
    )
    assert Study(decided).decision.memory_mb == 128
    assert Study(decided, weights={"cpu": 1}).decision.memory_mb == 1024
    assert Study(decided).decision.sure == 0.5
    assert Study(decided, tolerance=0.2).decision.sure != 0.5


def test_a_size_that_only_measured_better_is_not_called_the_next_best() -> None:
    """By expected loss 1,024 MB is the answer, though its neighbour's means are better."""
    near = replace(FIRM, alternative=Alternative(1152, 1.001, 1.08))
    assert near.beside == (
        "Measured better, by less than it may err: 1,152 MB, the same cost and 8 % faster."
    )
    assert replace(FIRM, alternative=Alternative(1152, 1.02, 1.08)).beside.startswith("Next best")


def test_the_types_that_fail_today_are_named() -> None:
    fails = replace(FIRM, failing_today=True, failing_types=("list",))
    assert fails.sentence == "Set OrdersFunction to 1,024 MB: 128 MB today fails for list."
    many = replace(fails, failing_types=("a", "b", "c"))
    assert many.sentence.endswith("128 MB today fails for 3 payload types.")


def test_what_was_seen_by_cold_starts_alone_is_said_on_the_card() -> None:
    card = replace(FIRM, evidence="cold").cards[2]
    assert card.note.endswith("by more than 5 %, by cold starts alone")


def test_an_alias_that_was_set_is_named() -> None:
    head = replace(FIRM, applied_mb=FIRM.memory_mb, applied_alias="live")
    # `$LATEST` keeps its size, so that nothing "was" another one.
    assert head.sentence.startswith("Done: OrdersFunction:live is set to 1,024 MB: ")
    assert ", was" not in head.sentence


def test_where_no_size_keeps_a_deadline_nothing_else_is_claimed() -> None:
    study = Study(synthetic_run((Kind("cpu", 5, 100),)), strategy="deadline", deadline_ms=1)
    head = study.headline
    assert head.sentence.startswith("No size of LambdaFunctionOverHttps can be recommended: no ")
    assert not head.unmeasured_today
    assert {card.note for card in head.cards[:2]} == {"no size can be recommended"}
