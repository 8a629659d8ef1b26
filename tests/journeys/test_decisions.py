"""One answer everywhere: what a run says, what it sets, what it stores, and what is listed."""

import json
from pathlib import Path

import pytest

import lambdatuning as lt

from .conftest import Place
from .functions import GC, JIT, TRIMMED, make_function

HARD = {"jit": (JIT, 512), "gc": (GC, 1024)}
"""Each with its cheapest size."""


@pytest.mark.parametrize("name", HARD)
def test_the_size_of_the_least_mean_cost_is_reported_stored_and_set(
    place: Place, tmp_path: Path, name: str
) -> None:
    source, cheapest = HARD[name]
    arn = make_function(place.cloud, f"hard-{name}", source=source, MemorySize=512)
    run = place.tune(
        function=arn,
        powers="512,1024",
        num=15,
        environments=3,
        auto_optimize=True,
        min_sure=0,
        strategy="cost",
        store=tmp_path,
        explore="grid",
    )
    warm = run.samples[~run.samples["cold"]]
    costs = warm.groupby("memory_mb", observed=True)["cost_usd"].mean()
    assert min((512, 1024), key=lambda size: float(costs[size])) == cheapest
    decision = run.manifest.decision
    assert decision is not None
    assert (decision.memory_mb, decision.applied_mb, decision.today_mb) == (cheapest, cheapest, 512)
    assert decision.cost_ratio == pytest.approx(costs[cheapest] / costs[512])
    assert run.manifest.output["power"] == cheapest
    client = place.client("lambda")
    assert client.get_function_configuration(FunctionName=arn)["MemorySize"] == cheapest
    assert lt.runs(tmp_path).frame["power"].tolist() == [cheapest]
    assert lt.load(tmp_path).manifest.decision == decision


def test_the_contracts_rule_stays_and_the_other_answer_is_reported(place: Place) -> None:
    """A script that expects Power Tuning's trimmed means gets them, and the words beside them."""
    arn = make_function(place.cloud, "trimmed", source=TRIMMED, MemorySize=512)
    # Of the six calls of each of three environments (one is a warm-up) the fourth is slow: 3 of 15.
    execution = place.run(
        lambdaARN=arn, num=15, environments=3, powerValues=[512, 1024], payload={}
    )
    output = json.loads(execution["output"])
    assert output["power"] == 1024
    warnings = [text for text in output["warnings"] if "by plain means 512 MB" in text]
    assert len(warnings) == 1
    assert "1,024 MB, which is what this execution names" in warnings[0]
    bucket, _, key = output["samples"].removeprefix("s3://").partition("/")
    body = place.client("s3").get_object(Bucket=bucket, Key=f"{key}_manifest.json")["Body"].read()
    manifest = json.loads(body)
    assert manifest["endpoint"]["kind"] == "embedded"
    assert manifest["decision"]["memoryMb"] == 512
    assert output["stateMachine"]["lambdaCost"] == pytest.approx(manifest["usd"])
