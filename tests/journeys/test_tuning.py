"""Tuning runs on the embedded AWS, from the first call to a function that is as it was before."""

import functools
import json
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import lambdatuning as lt
from lambdatuning.api.executions import executions, show
from lambdatuning.api.runs import load, load_runs
from lambdatuning.core.errors import LockedError, RunFailedError, RunSkippedWarning, UsageError
from lambdatuning.functions.tuner import lock
from lambdatuning.functions.tuner.function import settled
from tests.waiting import until

from .conftest import Place
from .functions import gated, sleeping

FOREIGN = "arn:aws:states:us-east-1:111122223333:execution:Tuner:run-0"


def payload(name: str, event: Any) -> lt.PayloadType:
    return lt.PayloadType(name, event)


def hold(place: Place, execution: str, memory_mb: int = 128) -> None:
    """What a run leaves that was killed with its tuner: a lock, a version and another size."""
    client = place.client("lambda")
    client.update_function_configuration(FunctionName=place.function, MemorySize=1024)
    settled(client, place.function, None, time.sleep)
    client.publish_version(
        FunctionName=place.function, Description="lambdatuning run-0 1024 MB round 0"
    )
    client.create_alias(
        FunctionName=place.function,
        Name=lock.ALIAS,
        FunctionVersion="$LATEST",
        Description=lock.Lock("run-0", memory_mb, execution).describe(),
    )


@pytest.mark.usefixtures("untouched")
def test_two_payload_types_and_cold_starts_on_purpose(place: Place, tmp_path: Path) -> None:
    run = place.tune("ping", "echo", cold=2, seed=11, store=tmp_path)
    samples = run.samples
    warm = samples[samples["invocation"] >= 0]
    counts = warm.groupby(["payload", "memory_mb"], observed=True).size()
    assert counts.tolist() == [2, 2, 2, 2]
    apart = samples[samples["invocation"] < 0]
    assert 2 * (2 + 1) <= len(apart) <= 2 * (2 + (run.manifest.environments or 0))
    assert apart["cold"].all()
    assert apart["init_ms"].gt(0).all()
    assert (samples["error"] == "").all()
    assert (samples["environment"] != "").all()
    assert samples["environment"].nunique() >= len(apart)
    assert run.manifest.seed == 11
    assert (run.manifest.overhead or 0) > 1
    (stored,) = lt.runs(tmp_path).frame["run_id"]
    assert stored == run.run_id


def test_items_are_seeded_and_those_of_the_run_alone_removed(place: Place, tmp_path: Path) -> None:
    client, table = place.client("dynamodb"), place.outputs["TableName"]
    place.tune("delete", function=place.manager, powers="512", store=tmp_path)
    scan = client.scan(TableName=table)["Items"]
    assert [item for item in scan if item["id"]["S"].startswith("delete")] == []


@pytest.mark.usefixtures("untouched")
def test_a_size_that_fails_is_reported_and_the_others_go_on(place: Place, tmp_path: Path) -> None:
    """At 128 MB the function takes longer than its timeout."""
    client = place.client("lambda")
    before = client.get_function_configuration(FunctionName=place.function)["Timeout"]
    client.update_function_configuration(FunctionName=place.function, Timeout=3)
    settled(client, place.function, None, time.sleep)
    try:
        run = place.tune(sleeping(9, below_mb=1769), powers="128,1769", num=2, store=tmp_path)
    finally:
        client.update_function_configuration(FunctionName=place.function, Timeout=before)
        settled(client, place.function, None, time.sleep)
    assert run.manifest.output["power"] == 1769
    assert "Sandbox.Timedout" in run.manifest.failed_sizes["128"]


@pytest.mark.usefixtures("untouched")
def test_all_sizes_failing_is_a_failure_with_its_cause(place: Place, tmp_path: Path) -> None:
    """A payload that the function cannot serve: what the function says of that is told."""
    cause = r'128 MB: .* of bad failed: ValueError \(Unrecognized operation "x"\)'
    with pytest.raises(RunFailedError, match=cause) as caught:
        place.tune(
            payload("bad", {"operation": "x"}),
            powers="128",
            allowed_errors=["KeyError"],
            store=tmp_path,
        )
    assert "\n" not in str(caught.value)
    assert len(lt.runs(tmp_path)) == 0


def test_errors_that_are_allowed_count_and_are_priced_as_successes(
    place: Place, tmp_path: Path
) -> None:
    """A payload type that is meant to fail has an answer of its own, as in Power Tuning."""
    types = payload("bad", {"operation": "x"}), payload("good", {"operation": "ping"})
    run = place.tune(*types, powers="512", allowed_errors=["ValueError"], store=tmp_path)
    assert run.manifest.decision is not None
    assert run.manifest.decision.memory_mb == 512
    assert run.manifest.failed_sizes == {}
    assert any("of bad raised ValueError, which is allowed" in w for w in run.manifest.warnings)
    assert not (run.samples["error"] != "").any()
    bad = run.samples[(run.samples["payload"] == "bad") & ~run.samples["cold"]]
    assert (len(bad), bool((bad["cost_usd"] > 0).all())) == (2, True)


@pytest.mark.usefixtures("untouched")
def test_a_second_run_is_refused_with_the_run_that_holds_the_lock(
    place: Place, tmp_path: Path
) -> None:
    from lambdatuning.cloud.tuning.cleaning import remains

    states = place.client("stepfunctions")
    with socket.create_server(("127.0.0.1", 0)) as gate:
        # Minutes in all, but the second run may wait for a core until an event of these is over.
        body = {"lambdaARN": place.arn, "num": 60, "environments": 1, "powerValues": [256],
                "payload": gated(gate.getsockname()[1])}  # fmt: skip
        first = states.start_execution(
            stateMachineArn=place.outputs["StateMachineArn"], name="first", input=json.dumps(body)
        )["executionArn"]
        until(lambda: lock.read(place.client("lambda"), place.function), "the first run's lock")
        with pytest.raises(RunFailedError, match=r"run first holds .* since 20"):
            place.tune("ping", store=tmp_path)
        with pytest.raises(LockedError, match="run first is going on"):
            remains(place.cloud, place.function)
    assert place.ended(first)["status"] == "SUCCEEDED"


@pytest.mark.usefixtures("untouched")
def test_what_a_dead_run_left_is_taken_over_and_undone(place: Place, tmp_path: Path) -> None:
    hold(place, FOREIGN)
    run = place.tune("ping", powers="256", store=tmp_path)
    assert run.manifest.current_memory_mb == 128


@pytest.mark.usefixtures("untouched")
def test_clean_lists_and_removes_only_ours(place: Place) -> None:
    from lambdatuning.cloud.tuning.cleaning import clean_function, remains

    hold(place, FOREIGN)
    left = remains(place.cloud, place.function)
    assert len(left.lines) == 3
    clean_function(place.cloud, left, time.sleep)
    assert remains(place.cloud, place.function).lines == ()


@pytest.mark.usefixtures("untouched")
def test_a_killed_client_leaves_a_run_that_ends_by_itself(place: Place, tmp_path: Path) -> None:
    words = ["tune", place.function, "--payload", "ping", "--powers", "256",
             "--no-current", "--num", "3",
             "--yes", "--quiet", "--store", str(tmp_path)]  # fmt: skip
    with subprocess.Popen([sys.executable, "-m", "lambdatuning", *words]) as process:
        run_lock = until(
            lambda: lock.read(place.client("lambda"), place.function), "the run's lock"
        )
        assert run_lock is not None
        assert process.poll() is None
        process.kill()
    assert place.ended(run_lock.execution)["status"] == "SUCCEEDED"
    stored = f"s3://{place.outputs['SamplesBucket']}/runs"
    with warnings.catch_warnings():
        # Other journeys of this module left halves of runs in the bucket.
        warnings.simplefilter("ignore", RunSkippedWarning)
        run = load(stored, run_lock.run_id, cloud=place.cloud)
    assert run.manifest.output["power"] == 256


@pytest.mark.usefixtures("untouched")
def test_a_run_stopped_in_the_console_is_put_back_by_the_command(place: Place) -> None:
    """Nobody cleans after StopExecution: its Catch does not run, and no client follows."""
    from lambdatuning.cloud.tuning.cleaning import clean_function, remains

    states, client = place.client("stepfunctions"), place.client("lambda")
    body = {"lambdaARN": place.arn, "num": 5, "powerValues": [256, 512],
            "payload": {"operation": "ping"}, "sleepBetweenRunsMs": 3000}  # fmt: skip
    arn = states.start_execution(
        stateMachineArn=place.outputs["StateMachineArn"], input=json.dumps(body)
    )["executionArn"]
    versions = functools.partial(client.list_versions_by_function, FunctionName=place.function)
    until(lambda: len(versions()["Versions"]) == 3, "two published versions")
    time.sleep(1)
    states.stop_execution(executionArn=arn)
    left = remains(place.cloud, place.function)
    assert len([line for line in left.lines if line.startswith("version ")]) == 2
    clean_function(place.cloud, left, time.sleep)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("function", ["TunerControlFunction", "TunerMeasureFunction"])
def test_a_crash_of_a_tuner_function_leaves_nothing(place: Place, function: str) -> None:
    """Its role loses the bucket in the middle: what it does then fails, whatever it is."""
    client, name = place.client("lambda"), place.outputs[function]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"SAMPLES_BUCKET": "no-such-bucket-of-ours"}}
    )
    settled(client, name, None, time.sleep)
    try:
        execution = place.run(powerValues=[256])
    finally:
        client.update_function_configuration(FunctionName=name, Environment=variables)
        settled(client, name, None, time.sleep)
    assert execution["status"] == "FAILED"
    assert "NoSuchBucket" in execution["cause"]


@pytest.mark.usefixtures("untouched")
def test_the_contract_with_plain_boto3(place: Place) -> None:
    mix = [{"payload": {"operation": "ping"}, "weight": 3},
           {"payload": {"operation": "echo", "payload": {}}, "weight": 1}]  # fmt: skip
    key = "inputs/mix.json"
    bucket = place.outputs["SamplesBucket"]
    place.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(mix).encode())
    execution = place.run(
        num=8, payloadS3=f"s3://{bucket}/{key}", payload=None, includeOutputResults=True,
        strategy="balanced", balancedWeight="0.5", disablePayloadLogs=True,
    )  # fmt: skip
    output = json.loads(execution["output"])
    assert output["power"] in (256, 512)
    assert {*output} >= {"power", "cost", "duration", "stateMachine", "stats", "runId", "samples"}
    assert [stat["value"] for stat in output["stats"]] == [256, 512]
    curve = show(output["stateMachine"]["visualization"])
    assert curve["memory_mb"].tolist() == [256, 512]
    assert [(r["payload"], r["n"]) for r in output["results"]] == [
        ("payload-1", 6), ("payload-2", 2),
    ] * 2  # fmt: skip


@pytest.mark.usefixtures("untouched")
def test_only_cold_starts_and_all_at_once(place: Place) -> None:
    for given in ({"onlyColdStarts": True}, {"parallelInvocation": True}):
        output = json.loads(place.run(powerValues=[512], **given)["output"])
        (row,) = output["results"]
        assert (row["n"], row["cold"]["n"]) == (5, 5), given
        assert row["cold"]["mean"] > row["cold"]["init"] > 0
        assert output["duration"] > 0.5 * row["cold"]["mean"]  # a trimmed mean of the same


@pytest.mark.usefixtures("untouched")
def test_a_dry_run_answers_nothing(place: Place) -> None:
    execution = place.run(dryRun=True, autoOptimize=True)
    assert (execution["status"], execution["output"]) == ("SUCCEEDED", "null")


def test_processors_see_the_payload_and_the_answer(place: Place) -> None:
    execution = place.run(
        powerValues=[512],
        payload={"operation": "echo", "payload": {"operation": "ping"}},
        preProcessorARN=place.arn,
        postProcessorARN=place.arn,
    )
    assert execution["status"] == "FAILED"
    # "ping" answers a text, which is no event for the post-processor.
    assert "processor" in execution["cause"]


def test_a_function_of_another_account_is_refused_before_anything(place: Place) -> None:
    arn = "arn:aws:lambda:us-east-1:999999999999:function:shop"
    with pytest.raises(UsageError, match="belongs to account 999999999999"):
        place.tune("ping", function=arn)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lambdaARN": "shop"}, "is not the ARN of a function"),
        ({"powerValues": [64]}, "from 128 to 10240"),
        ({"power": [128]}, 'unknown input "power"'),
        ({"lambdaARN": "arn:aws:lambda:us-east-1:999999999999:function:x"}, "belongs to account"),
    ],
)
def test_bad_input_is_refused_at_once(place: Place, given: dict[str, Any], message: str) -> None:
    execution = place.run(**given)
    assert execution["status"] == "FAILED"
    assert message in json.loads(execution["cause"])["errorMessage"]
    events = place.client("stepfunctions").get_execution_history(
        executionArn=execution["executionArn"]
    )
    entered = [e.get("stateEnteredEventDetails", {}).get("name") for e in events["events"]]
    assert [name for name in entered if name] == [
        "WhatToDo",
        "Prepare",
        "CleanUpAfterError",
        "Failed",
    ]


@pytest.mark.usefixtures("untouched")
def test_a_copy_is_tuned_in_its_place_and_removed(place: Place, tmp_path: Path) -> None:
    revision = place.client("lambda").get_function_configuration(FunctionName=place.function)
    run = place.tune("ping", powers="256", isolate=True, store=tmp_path)
    after = place.client("lambda").get_function_configuration(FunctionName=place.function)
    assert after["RevisionId"] == revision["RevisionId"]
    assert run.function == place.function
    names = [f["FunctionName"] for f in place.client("lambda").list_functions()["Functions"]]
    assert not [name for name in names if name.startswith("lambdatuning-copy-")]
    with pytest.raises(UsageError, match="copy is removed"):
        place.tune("ping", isolate=True, auto_optimize=True, store=tmp_path)


def test_executions_are_read_back(place: Place) -> None:
    output = json.loads(place.run(powerValues=[256])["output"])
    assert place.run(lambdaARN="nonsense")["status"] == "FAILED"
    frame = executions(place.cloud, place.outputs["StateMachineArn"], limit=2)
    failed, done = frame.to_dict("records")
    assert (failed["status"], done["status"]) == ("FAILED", "SUCCEEDED")
    assert "nonsense" in failed["cause"]
    assert done["power"] == output["power"]
    assert done["wall_ms"] > 0


def test_the_winner_behind_an_alias_then_on_latest(place: Place) -> None:
    """Last: it leaves the function changed, as it was asked to."""
    client = place.client("lambda")
    output = json.loads(place.run(autoOptimize=True, autoOptimizeAlias="live")["output"])
    alias = client.get_alias(FunctionName=place.function, Name="live")
    tuned = client.get_function_configuration(
        FunctionName=place.function, Qualifier=alias["FunctionVersion"]
    )
    assert tuned["MemorySize"] == output["power"]
    assert "lambdatuning 2" not in tuned["Description"]
    assert place.looks()["config"]["MemorySize"] == 128
    output = json.loads(place.run(autoOptimize=True, strategy="speed")["output"])
    assert place.looks()["config"]["MemorySize"] == output["power"]
    assert place.looks()["aliases"] == [("live", alias["FunctionVersion"])]


def test_the_history_of_a_state_machine_is_loaded_with_all_samples(
    place: Place, tmp_path: Path
) -> None:
    run = place.tune(payload("ping", {"operation": "ping"}), environments=2, store=tmp_path)
    machine = place.outputs["StateMachineArn"]
    again = lt.load(runs=run.run_id, state_machine=machine, cloud=place.cloud)
    assert again.manifest.sizes == run.manifest.sizes
    order = ["memory_mb", "request_id"]
    assert_frame_equal(
        again.samples.sort_values(order, ignore_index=True).drop(columns="stolen_ms"),
        run.samples.sort_values(order, ignore_index=True).drop(columns="stolen_ms"),
        check_categorical=False,
    )
    newest = load_runs(runs="latest", state_machine=machine, cloud=place.cloud)
    assert newest[-1].run_id == run.run_id
