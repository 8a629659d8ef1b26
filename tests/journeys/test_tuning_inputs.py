"""Every input of the contract, by real executions of functions that differ in configuration."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.api.prices import read_price_book
from lambdatuning.cloud.tuning import run as client
from lambdatuning.cloud.tuning.plan import TuneRequest, plan_tune
from lambdatuning.core.errors import DeclinedError, RunFailedError, UsageError
from lambdatuning.core.pricing import invocation_usd, load_price_book, restore_usd
from lambdatuning.core.tuning.records import Sample, decode_part
from lambdatuning.functions.tuner.function import settled

from .conftest import Place
from .functions import HANDLER, NAP, make_function, package

LEAN: dict[str, Any] = {"powerValues": [1024], "payload": {"a": 1}}
"""One size; see `Place.run` for the rest."""


def succeeded(place: Place, arn: str, **given: Any) -> tuple[dict[str, Any], list[Sample]]:
    """The output of a run that succeeds, and its samples; the function is as it was before."""
    region = arn.split(":")[3]
    before = place.looks(arn, region)
    execution = place.run(lambdaARN=arn, **{**LEAN, **given})
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert place.looks(arn, region) == before
    output = json.loads(execution["output"])
    return output, list(samples(place, output["samples"]))


def failed(place: Place, arn: str, **given: Any) -> str:
    execution = place.run(lambdaARN=arn, **{**LEAN, **given})
    assert execution["status"] == "FAILED"
    return str(json.loads(execution["cause"])["errorMessage"])


def samples(place: Place, url: str) -> Iterator[Sample]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    s3 = place.client("s3")
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}samples-")["Contents"]:
        yield from decode_part(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())


@pytest.fixture(scope="module")
def plain(place: Place) -> str:
    return make_function(place.cloud, "plain")


def test_snapstart_restores_are_measured_and_billed(place: Place) -> None:
    arn = make_function(place.cloud, "snap", SnapStart={"ApplyOn": "PublishedVersions"})
    output, samples = succeeded(place, arn, onlyColdStarts=True)
    (row,) = output["results"]
    assert (row["n"], row["cold"]["n"]) == (5, 5)
    assert all(s.cold and s.init_ms is None and (s.restore_ms or 0) > 0 for s in samples)
    assert all(s.billed_ms >= s.duration_ms + (s.restore_ms or 0) for s in samples)
    assert row["mean"] == pytest.approx(
        sum(s.duration_ms + (s.restore_ms or 0) for s in samples) / 5
    )
    book = load_price_book()
    for s in samples:
        used = invocation_usd(book, "us-east-1", "x86_64", 1024, s.billed_ms)
        assert s.cost_usd == pytest.approx(used + restore_usd(book, "us-east-1", 1024))


def test_a_function_that_logs_a_report_of_its_own_is_not_believed(place: Place, plain: str) -> None:
    """Power Tuning takes the first line that looks like one."""
    lie = "REPORT RequestId: {request_id}\tDuration: 0.01 ms\tBilled Duration: 1 ms\t"
    output, samples = succeeded(place, plain, payload={"say": lie, "sleep_s": 0.05})
    assert output["duration"] >= 50
    assert all(s.duration_ms >= 50 and s.billed_ms >= 50 for s in samples)


def test_a_function_of_another_region_architecture_and_log_format(place: Place) -> None:
    """Its logs lie in its region, as JSON, and it is priced as what it is there."""
    arn = make_function(
        place.cloud, "far", region="eu-south-1", Architectures=["arm64"],
        LoggingConfig={"LogFormat": "JSON"},
    )  # fmt: skip
    assert ":eu-south-1:" in arn
    output, samples = succeeded(place, arn, includeOutputResults=True)
    assert output["results"][0]["n"] == 5
    assert output["stats"][0]["averageDuration"] == output["duration"]
    assert {s.architecture for s in samples} == {"arm64"}
    assert all(s.duration_ms > 0 and s.environment and not s.error for s in samples)
    book = load_price_book()
    for s in samples:
        usd = invocation_usd(book, "eu-south-1", "arm64", 1024, s.billed_ms)
        assert s.cost_usd == pytest.approx(usd)


def test_a_preprocessor_makes_the_payload_and_a_postprocessor_gets_the_answer(
    place: Place, plain: str
) -> None:
    before = make_function(place.cloud, "before", Handler="app.before", region="eu-west-1")
    after = make_function(place.cloud, "after", Handler="app.after")
    succeeded(place, plain, preProcessorARN=before, postProcessorARN=after)
    logs = place.client("logs")
    events = logs.filter_log_events(logGroupName="/aws/lambda/after", filterPattern="AFTER")
    records = [json.loads(e["message"].removeprefix("AFTER ")) for e in events["events"]]
    assert len(records) == 5 + 1  # and a warm-up
    assert all(t["made_by"] == "before" and t["was"] == {"a": 1} for t in records)
    assert {t["memory"] for t in records} == {"1024"}
    cause = failed(place, plain, postProcessorARN=after)
    assert "processor" in cause
    assert "failed with ValueError" in cause


def test_allowed_exceptions_are_counted_and_the_size_may_win(place: Place, plain: str) -> None:
    given: dict[str, Any] = {"payload": {"fourth": True}, "num": 8}
    assert "2 of 9 invocations" in failed(place, plain, **given)
    output, samples = succeeded(place, plain, allowedExceptions=["Expected"], **given)
    (row,) = output["results"]
    assert (row["n"], row["failed"], row["allowed"]) == (8, 0, {"Expected": 2})
    assert sum(1 for s in samples if s.error == "Expected") == 2
    assert output["power"] == 1024


def test_the_pause_between_runs_is_kept(place: Place, plain: str) -> None:
    _, samples = succeeded(place, plain, sleepBetweenRunsMs=200)
    starts = sorted(datetime.fromisoformat(s.started_at).timestamp() for s in samples)
    assert len(starts) == 6
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(starts))


def test_payloads_stay_out_of_logs_and_errors(place: Place, plain: str) -> None:
    """Of an exception that is not allowed, which fails the size."""
    secret = "s3cr3t-of-the-user"
    cause = failed(
        place, plain, payload={"raise": secret}, allowedExceptions=["Expected"],
        disablePayloadLogs=True,
    )  # fmt: skip
    assert "ValueError" in cause
    logs = place.client("logs")
    control = place.client("lambda").get_function_configuration(
        FunctionName=place.outputs["TunerControlFunction"]
    )
    group = control["LoggingConfig"]["LogGroup"]
    messages = [e["message"] for e in logs.filter_log_events(logGroupName=group)["events"]]
    assert messages
    assert not [m for m in (*messages, cause) if secret in m]


def test_a_payload_larger_than_an_input_may_be(place: Place, plain: str) -> None:
    bucket = place.outputs["SamplesBucket"]
    body = json.dumps({"text": "x" * 400_000}).encode()
    place.client("s3").put_object(Bucket=bucket, Key="inputs/large file.json", Body=body)
    url = f"s3://{bucket}/inputs/large%20file.json"
    output, _ = succeeded(place, plain, payload=None, payloadS3=url)
    assert output["results"][0]["n"] == 5


def test_a_version_or_an_alias_is_tuned_while_its_code_is_latest(place: Place) -> None:
    arn, client = make_function(place.cloud, "versioned"), place.client("lambda")
    version = client.publish_version(FunctionName="versioned")["Version"]
    client.create_alias(FunctionName="versioned", Name="RAM1024", FunctionVersion=version)
    for qualifier in (version, "RAM1024"):
        output, _ = succeeded(place, f"{arn}:{qualifier}")
        assert output["power"] == 1024
    client.update_function_code(FunctionName="versioned", ZipFile=package(HANDLER + "\n# newer\n"))
    settled(client, "versioned", None, time.sleep)
    assert "has other code than $LATEST" in failed(place, f"{arn}:{version}")


def test_numbers_as_texts_and_clamped_shares(place: Place, plain: str) -> None:
    output, _ = succeeded(
        place, plain, num="5", powerValues=["1024"], balancedWeight="7", strategy="balanced",
        discardTopBottom=0.9, payload="just a text", parallelInvocation="false",
    )  # fmt: skip
    assert output["power"] == 1024


def test_an_unknown_input_is_refused_with_the_closest(place: Place, plain: str) -> None:
    assert 'did you mean "allowedExceptions"?' in failed(place, plain, allowedException=["E"])


def test_a_run_is_priced_by_the_book_that_it_is_given(place: Place, tmp_path: Path) -> None:
    book = json.loads(read_price_book())
    doubled = {"x86_64": [[None, "0.0000333334"]], "arm64": [[None, "0.0000266668"]]}
    dear = {**book["default"], "duration_usd_per_gb_s": doubled}
    file = tmp_path / "dear.json"
    file.write_text(json.dumps({**book, "version": "dear", "regions": {"us-east-1": dear}}))
    prices: list[str] = []
    run = place.tune(
        "ping", powers="512", price_book=file, store=tmp_path / "runs",
        confirm=lambda talk, _: prices.append(talk),
    )  # fmt: skip
    assert "at the prices of dear" in prices[0]
    assert run.manifest.price_book.version == "dear"
    gb_s = 0.5 * run.samples["billed_ms"] / 1000
    assert run.samples["cost_usd"].tolist() == pytest.approx(
        (gb_s * 0.0000333334 + 0.2e-6).tolist()
    )


def test_a_function_is_named_as_aws_names_it(place: Place, tmp_path: Path) -> None:
    """By partial ARN, and by name with an alias: as in AWS's own tools."""
    arn = make_function(place.cloud, "named")
    client = place.client("lambda")
    client.create_alias(FunctionName="named", Name="live", FunctionVersion="$LATEST")
    account = arn.split(":")[4]
    names = f"{account}:function:named", "named:live", f"{account}:function:named:live"
    for name in names:
        request = TuneRequest(name, place.outputs["StateMachineArn"], (NAP,), (256,))
        plan = plan_tune(place.cloud, request, datetime.now(UTC))
        assert (plan.function, str(plan.arn.unqualified)) == ("named", arn)
    run = place.tune({"sleep_s": 0}, function=names[-1], powers="256", store=tmp_path)
    assert (run.function, run.manifest.function_arn) == ("named", arn)


def test_a_table_that_is_not_named_is_refused_before_the_run(place: Place, tmp_path: Path) -> None:
    reads = lt.PayloadType("reads", {"TableName": "{{ table }}"})
    with pytest.raises(UsageError, match=r"placeholder \{\{table\}\}: name it with --table"):
        place.tune(reads, table="", store=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ({"DurableConfig": {"ExecutionTimeout": 3600}}, "it is a durable function"),
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "isolated by tenant"),
    ],
)
def test_a_function_of_another_kind_is_refused_before_the_price(
    place: Place, tmp_path: Path, kind: dict[str, Any], why: str
) -> None:
    arn = make_function(place.cloud, f"kind-{next(iter(kind))}", **kind)
    for isolate in (False, True):
        with pytest.raises(UsageError, match=f"cannot be tuned: .*{why}"):
            place.tune({}, function=arn, isolate=isolate, store=tmp_path)


def test_other_callers_of_a_function_are_listed_with_the_price(
    place: Place, tmp_path: Path
) -> None:
    arn, client = make_function(place.cloud, "called"), place.client("lambda")
    client.create_function_url_config(
        FunctionName=arn, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM"
    )
    client.put_function_event_invoke_config(FunctionName=arn, MaximumRetryAttempts=0)
    client.put_function_recursion_config(FunctionName="called", RecursiveLoop="Allow")

    def decline(text: str, _: str) -> None:
        raise DeclinedError(text)

    with pytest.raises(DeclinedError) as price:
        place.tune({}, function=arn, confirm=decline, store=tmp_path)
    for words in ("invoked asynchronously", "streams responses", "RecursiveLoop Allow"):
        assert words in str(price.value)


def test_a_tuner_deployed_by_an_earlier_version_is_named_as_the_cause(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client of tomorrow sends an input that the tuner of today refuses."""
    today = client._upload_input
    monkeypatch.setattr(client, "_upload_input", lambda *given: {**today(*given), "ofTomorrow": 1})
    before = place.looks()
    with pytest.raises(RunFailedError, match=r'"ofTomorrow".*run `lambdatuning deploy` again'):
        place.tune({"operation": "ping"})
    assert place.looks() == before
