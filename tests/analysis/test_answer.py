from dataclasses import replace

from lambdatuning.analysis.answer.answer import (
    against_today,
    certainty,
    disagreement,
    sentence,
)
from lambdatuning.analysis.answer.recommendation import Recommendation
from lambdatuning.analysis.run import Run
from lambdatuning.core.format import DOLLARS
from lambdatuning.study import Study

from .studies import study_of
from .synthetic import Kind, changed, synthetic_run

RUN = synthetic_run()
ALL = study_of(RUN, strategy=("cost", "speed", "balanced"))
ADVICE = Recommendation(
    function="f",
    architecture="x86_64",
    payload="hash",
    strategy="cost",
    memory_mb=1536,
    mean_ms=168.75,
    cost_per_million_usd=4.43,
    sure=0.61,
    as_good_mb=(512, 1024),
    current_mb=128,
    saving=0.017,
    speedup=12.26,
    failing_mb=(),
    reason="",
    measured_mb=(128, 512, 1024, 1536),
)


def test_a_sentence_says_what_to_set_what_it_brings_and_how_sure_it_is() -> None:
    assert sentence(ADVICE, DOLLARS) == (
        "hash: 1,536 MB is cheapest (169 ms, $4.43 per million; 2 % cheaper, 12.3 times faster "
        "than 128 MB today); 61 % sure, 512 and 1,024 MB cannot be told apart."
    )


def test_keeping_todays_size_is_named() -> None:
    stay = replace(ADVICE, memory_mb=128, as_good_mb=(), sure=1.0)
    assert sentence(stay, DOLLARS) == (
        "hash: 128 MB, today's size, is cheapest (169 ms, $4.43 per million); > 99 % sure."
    )


def test_more_expensive_and_slower_are_named() -> None:
    worse = replace(ADVICE, saving=-0.5, speedup=0.5)
    assert against_today(worse) == "50 % more expensive, 2 times slower than 128 MB today"


def test_a_failing_size_today_is_named() -> None:
    failing = replace(ADVICE, saving=float("nan"), speedup=float("nan"), failing_mb=(128,))
    assert against_today(failing) == "128 MB today fails"
    assert against_today(replace(failing, failing_mb=())) == ""


def test_no_confidence_is_explained() -> None:
    unknown = replace(ADVICE, as_good_mb=None, reason="fewer than 3 execution environments")
    assert "cannot be said (fewer than 3 execution environments)" in certainty(unknown)


def test_no_size_is_explained() -> None:
    broken = replace(ADVICE, memory_mb=None, reason="no size is free of failures")
    assert sentence(broken, DOLLARS) == (
        "hash: no size can be recommended, since no size is free of failures."
    )


def test_the_headline_is_that_of_the_first_strategy_the_others_follow() -> None:
    text = str(ALL.answer)
    assert text.startswith(
        "Set LambdaFunctionOverHttps to 256 MB: 128 MB today fails for list-1mb."
    )
    assert "All payload types together: 3,008 MB is fastest" in text
    assert "list-1mb fails at 128 MB." in text


def test_the_embedded_aws_is_named_and_the_real_one_is_not() -> None:
    assert "embedded AWS (2 cores, CPU limited by cgroup v2), not on AWS" in str(ALL.answer)
    real = Run(changed(RUN.manifest, {"endpoint": {"kind": "aws"}}), RUN.samples)
    assert "embedded" not in str(Study(real).answer)


def test_payload_types_that_accept_a_common_size_do_not_disagree() -> None:
    one, other = replace(ADVICE, payload="a"), replace(ADVICE, payload="b", memory_mb=512)
    assert disagreement([one, replace(other, as_good_mb=(1536,))]) == ""
    sentence = disagreement([one, replace(other, as_good_mb=())])
    assert sentence == ""  # 512 MB is as good as 1,536 MB for "a"
    apart = disagreement([replace(one, as_good_mb=()), replace(other, as_good_mb=())])
    assert apart == (
        "Payload types disagree about the size for the lowest cost: 512 MB for b; 1,536 MB for a."
    )


def test_names_are_escaped() -> None:
    run = synthetic_run((Kind("<script>alert(1)</script>", 1, 1), Kind("b", 1, 100, needs_mb=300)))
    for shown in (Study(run).answer._repr_html_(), Study(run.select("b")).answer._repr_html_()):
        assert "<script>" not in shown


def test_one_payload_type_is_its_own_answer() -> None:
    run = synthetic_run((Kind("only", 5, 5),))
    answer = Study(run, strategy="speed").answer
    assert [advice.payload for advice in answer.lead] == ["only"]
    assert len(Study(run).recommend("speed")) == 1
