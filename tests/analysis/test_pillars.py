"""What a run shows of the Well-Architected best practices, and no more than it shows."""

import json
from dataclasses import replace
from typing import Any

from lambdatuning.analysis.compare.comparison import compare
from lambdatuning.analysis.questions.pillars import FRAMEWORK, NAMES, SCHEMA_VERSION
from lambdatuning.analysis.run import Run
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.study import Study

from .studies import study_of
from .synthetic import KINDS, Kind, synthetic_run

EMBEDDED = synthetic_run((KINDS[2], KINDS[9]), (128, 512, 1769))
AWS = Run(replace(EMBEDDED.manifest, endpoint=Endpoint("aws")), EMBEDDED.samples)


def states(study: Study) -> dict[str, str]:
    frame = study.pillars().set_index("id")
    return {str(name): str(state) for name, state in frame["state"].items()}


def test_each_practice_has_its_published_name_a_state_and_evidence() -> None:
    frame = Study(EMBEDDED, strategy="cost").pillars()
    assert dict(zip(frame["id"], frame["practice"], strict=True)) == NAMES | {
        "COST06-BP02": "Select resource type, size, and number based on data",
        "PERF02-BP04": "Configure and right-size compute resources",
    }
    assert set(frame["state"]) <= {"met", "partly", "not", "not measured"}
    assert frame["evidence"].str.contains(r"\d").all()
    assert set(frame["pillar"]) == {
        "Cost optimization",
        "Performance efficiency",
        "Sustainability",
        "Reliability",
    }


def test_a_size_that_is_sure_and_set_meets_what_an_embedded_aws_meets_in_part() -> None:
    best = study_of(AWS, strategy="speed").headline.memory_mb
    given: dict[str, Any] = {"strategy": "speed", "today_mb": best, "monthly_invocations": 2e6}
    assert study_of(AWS, **given).headline.sure > 0.95
    on_aws, embedded = states(study_of(AWS, **given)), states(Study(EMBEDDED, **given))
    for name in ("COST06-BP01", "COST06-BP02", "PERF01-BP06", "PERF02-BP04"):
        assert (on_aws[name], embedded[name]) == ("met", "partly"), name
    other = states(study_of(AWS, **{**given, "today_mb": 128}))
    assert (other["COST06-BP02"], other["PERF02-BP04"]) == ("partly", "not")
    assert other["REL05-BP05"] == "not measured"


def test_the_size_is_named_with_what_it_is_best_for() -> None:
    for strategy, purpose in (("cost", "the lowest cost"), ("value", "the best value")):
        study = study_of(AWS, strategy=strategy)
        evidence = study.pillars().set_index("id").loc["COST06-BP02"]["evidence"]
        assert f" say {study.headline.memory_mb:,} MB for {purpose} (" in evidence


def test_gb_seconds_are_size_times_duration() -> None:
    study = study_of(AWS, strategy="cost")
    row = study.pillars().set_index("id").loc["SUS05-BP01"]
    curve, size = study.curve(), study.headline.memory_mb
    assert curve is not None
    assert size is not None
    used = size / 1024 * curve.ms[curve.sizes.index(size)] * 1000
    assert f"{used:,.0f} at {size:,} MB" in row["evidence"]


def test_failures_and_throttles_are_not_met() -> None:
    broken = synthetic_run((Kind("broken", 5, 5, needs_mb=9999),), (128, 512))
    frame = Study(broken).pillars()
    assert "met" not in set(frame["state"])
    throttled = AWS.samples.assign(retries=1)
    row = Study(Run(AWS.manifest, throttled)).pillars().set_index("id").loc["REL01-BP04"]
    assert row["state"] == "not"
    assert f"{len(throttled)} of {len(throttled)} invocations were throttled" in row["evidence"]


def test_the_evidence_is_json_with_a_version() -> None:
    evidence = json.loads(json.dumps(Study(EMBEDDED).evidence(), allow_nan=False))
    assert evidence["schema_version"] == SCHEMA_VERSION
    assert evidence["framework"] == FRAMEWORK
    assert evidence["measured_on"] == "embedded AWS"
    assert len(evidence["practices"]) == len(NAMES)
    assert set(evidence["practices"][0]) == {
        *("function", "pillar", "id", "practice", "state", "evidence", "next_step", "page"),
    }
    assert {practice["page"].rpartition("/")[0] for practice in evidence["practices"]} == {
        "https://docs.aws.amazon.com/wellarchitected/2024-06-27/framework"
    }


def test_a_comparison_and_a_history_have_what_is_true_there() -> None:
    both = compare([AWS, AWS], monthly_invocations=2e6).pillars().set_index("id")
    assert set(both.index) == set(NAMES)
    assert str(both.loc["PERF01-BP06", "evidence"]).startswith("two runs of ")
    assert "2,000,000 invocations at " in str(both.loc["COST05-BP06", "evidence"])
    alone = compare([AWS]).pillars()
    assert "two runs" not in " ".join(alone["evidence"])


def test_bills_stand_beside_each_other_at_three_volumes() -> None:
    study = study_of(AWS, strategy="cost", monthly_invocations=2_000_000)
    row = study.bill().set_index("choice").loc["cost"]
    assert row["month_usd"] == row["at_1_million_usd"] * 2
    assert row["at_100_million_usd"] == row["at_1_million_usd"] * 100
    markup = study.table("bill")._repr_html_()
    assert "Bill a month, yours at 2,000,000 invocations" in markup
    assert "at 100 million" in markup


def test_a_quantile_needs_three_samples_beyond_it() -> None:
    few = study_of(AWS).table("durations")._repr_html_()
    n = int(study_of(AWS).summary()["n"].iloc[0])
    assert n < 60
    assert few.count("n too small") == 2 * len(study_of(AWS).summary())
    many = synthetic_run(KINDS[:1], (128,), environments=6, per_environment=12)
    assert Study(many).summary()["n"].iloc[0] >= 60
    assert Study(many).table("durations")._repr_html_().count("n too small") == 1
