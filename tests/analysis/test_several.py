import pytest

from lambdatuning.analysis.run import Run, apart, merge, parts
from lambdatuning.core.errors import UsageError
from lambdatuning.study import Study

from .synthetic import KINDS, changed, synthetic_run

SIZES = (128, 512, 2048)
ONE = synthetic_run(KINDS[:2], SIZES, seed=1, about={"run_id": "1", "usd": 1.0})
TWO = synthetic_run(KINDS[1:3], SIZES, seed=2, about={"run_id": "2", "usd": 2.0, "num": 99})


def other(run: Run, function: str = "other", **about: object) -> Run:
    samples = run.samples.assign(function=function)
    return Run(changed(run.manifest, {"function": function, **about}), samples)


def test_runs_of_one_function_pool_their_samples_and_environments() -> None:
    both = merge([ONE, TWO])
    assert len(both.samples) == len(ONE.samples) + len(TWO.samples)
    assert both.function == ONE.function
    assert both.manifest.usd == 3
    assert both.manifest.num is None
    assert both.run_id == "1, 2"
    assert set(both.payloads) == {kind.name for kind in KINDS[:3]}
    again = merge([ONE, synthetic_run(KINDS[:2], SIZES, seed=3)])
    assert (Study(again).summary()["environments"] == 10).all()
    assert apart(both) == [both]


def test_functions_are_kept_apart_with_their_own_manifests() -> None:
    both = merge([ONE, other(TWO, current_memory_mb=512)])
    assert both.current_memory_mb is None
    assert [run.function for run in apart(both)] == [ONE.function, "other"]
    assert [run.current_memory_mb for run in apart(both)] == [128, 512]
    assert [run.manifest.num for run in apart(both)] == [ONE.manifest.num, 99]
    answer = Study(both, strategy="cost").answer
    assert "LambdaFunctionOverHttps" in answer.headline
    assert "other" in answer.headline
    assert len(answer.lead) == 2
    assert len(Study(both).overview.advice) == 6


def test_merging_is_flat_and_one_run_stays_itself() -> None:
    assert merge([ONE]) is ONE
    assert [manifest.run_id for manifest in parts(merge([merge([ONE, TWO]), TWO]))] == [
        "1",
        "2",
        "2",
    ]
    with pytest.raises(UsageError, match="no run"):
        merge([])


def test_the_overview_has_a_card_a_payload_type_the_mix_first() -> None:
    overview = Study(synthetic_run(), strategy="balanced").overview
    assert overview.advice[0].payload == "weighted mix"
    assert len(overview.advice) == len(KINDS) + 1
    html = overview._repr_html_()
    assert html.count("<dl>") == len(KINDS) + 1
    for word in ("today", "best balanced", "saves", "faster", "sure"):
        assert f"<dt>{word}</dt>" in html
    assert str(overview).startswith(
        "Payload types disagree: 1,536 MB is best balanced for 4 of 10 payload types; "
    )


def test_architectures_of_one_function_are_told_apart_in_every_sentence() -> None:
    arm = other(TWO, architecture="arm64", function=ONE.function)
    arm = Run(arm.manifest, arm.samples.assign(architecture="arm64"))
    study = Study(merge([ONE, arm]), strategy="cost")
    names = [f"{ONE.function} ({kind})" for kind in ("arm64", "x86_64")]
    assert [head.name for head in study.headlines] == names
    for name, head in zip(names, study.headlines, strict=True):
        assert name in head.sentence
    for text in (study.front("payload_types"), study.front("strategies"), study.overview):
        assert all(name in str(text) for name in names)
    (both,) = study.front().sentences
    assert both.startswith(f"{ONE.function} on ")
    assert both.endswith("`lambdatuning compare` tells how sure that is.")
    cold = study.front("cold_starts").sentences
    assert all(text.startswith(tuple(names)) for text in cold)
    assert {head["name"] for head in study.to_json()["headlines"]} == set(names)
