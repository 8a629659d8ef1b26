"""What a deployed schedule measures: as written by its client, so read by its function."""

import json
from dataclasses import replace

import pytest

from lambdatuning.core.tuning.estimate import EarlierRuns, Overhead, Workload
from lambdatuning.core.tuning.nightly import NightlyRun
from lambdatuning.core.tuning.payloads import PayloadType, Seed

NIGHTLY = NightlyRun(
    function="shop",
    folder="shop",
    region="us-east-1",
    architecture="arm64",
    input={"num": 10, "strategy": "value", "table": "orders", "exploration": "grid"},
    payloads=(PayloadType("get", {"n": 1}, weight=3, seed=(Seed(None, {"id": "{{n}}"}),)),),
    workload=Workload((512, 1024), {"get": 10}, environments=5, cold=2, timeout_s=3.0),
    earlier=EarlierRuns({("get", 512): 12.5}, {512: 300.0}, Overhead(0.0, 900.0, 700.0, 0.0)),
    seeds=80,
    key_names=("id",),
)


def test_it_survives_the_bucket() -> None:
    stored = json.loads(json.dumps(NIGHTLY.to_json()))
    assert NightlyRun.from_json(stored) == NIGHTLY
    assert {"priceBook", "keyNames"} <= stored.keys()
    assert NightlyRun.from_json({**stored, "ofANewerVersion": 1}) == NIGHTLY


def test_what_earlier_runs_taught_is_in_the_estimate_of_a_night() -> None:
    forgotten = replace(NIGHTLY, earlier=replace(NIGHTLY.earlier, overhead=None))
    assert NIGHTLY.estimate().tuner_usd < forgotten.estimate().tuner_usd


def test_snapshots_that_are_paid_for_are_in_the_estimate_of_a_night() -> None:
    snapshots = replace(NIGHTLY, workload=replace(NIGHTLY.workload, snapshots=True))
    read = NightlyRun.from_json(snapshots.to_json())
    assert read.estimate().usd > NIGHTLY.estimate().usd


def test_an_adaptive_night_is_expected_to_invoke_less_than_its_grid() -> None:
    adaptive = replace(NIGHTLY, input={**NIGHTLY.input, "exploration": "adaptive"})
    assert adaptive.adaptive
    share = adaptive.estimate().function_usd / NIGHTLY.estimate().function_usd
    assert share == pytest.approx(1 / 4)
