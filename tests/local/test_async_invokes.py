"""Asynchronous invocations and aliases: what becomes of an event, and which version gets it."""

import json
import re
import time
from collections import Counter
from typing import Any

import pytest

from tests.local.conftest import Cloud

FAILS = "def handler(event, context):\n    raise ValueError('as asked')\n"
ECHO = "def handler(event, context):\n    return event\n"


def _queue(cloud: Cloud) -> tuple[str, str]:
    """URL and ARN of a new queue."""
    client = cloud.client("sqs")
    url = client.create_queue(QueueName=f"q{next(cloud.numbers)}")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, arn["Attributes"]["QueueArn"]


def _message(cloud: Cloud, url: str) -> dict[str, Any]:
    """The first message of a queue, within 30 s."""
    client = cloud.client("sqs")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        messages = client.receive_message(
            QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        ).get("Messages")
        if messages:
            message: dict[str, Any] = messages[0]
            return message
    pytest.fail("no message came")


def _invoke(cloud: Cloud, name: str, payload: bytes, **more: str) -> None:
    cloud.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=payload, **more
    )


def test_a_destination_gets_the_record_of_a_success(cloud: Cloud) -> None:
    url, arn = _queue(cloud)
    name = cloud.function(ECHO)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )

    _invoke(cloud, name, b'{"a": 1}')
    record = json.loads(_message(cloud, url)["Body"])

    assert record["version"] == "1.0"
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestContext"]["functionArn"].endswith(f":{name}:$LATEST")
    assert record["requestPayload"] == record["responsePayload"] == {"a": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


@pytest.mark.parametrize("retries", [0, 1])
def test_a_destination_gets_the_record_of_a_failure(cloud: Cloud, retries: int) -> None:
    url, arn = _queue(cloud)
    name = cloud.function(FAILS)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=retries,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )

    _invoke(cloud, name, b"[1]")
    record = json.loads(_message(cloud, url)["Body"])

    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == retries + 1
    assert record["requestPayload"] == [1]
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "as asked"


def test_a_bucket_gets_the_record_of_a_failure(cloud: Cloud) -> None:
    """Under the name that Lambda gives it: `aws/lambda/async/NAME/YYYY/MM/DD/...`."""
    s3, bucket = cloud.client("s3"), f"failures-{next(cloud.numbers)}"
    s3.create_bucket(Bucket=bucket)
    name = cloud.function(FAILS)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )

    _invoke(cloud, name, b"[1]")
    deadline = time.monotonic() + 120
    while not (objects := s3.list_objects_v2(Bucket=bucket).get("Contents", [])):
        assert time.monotonic() < deadline, "no record came"
        time.sleep(0.1)

    (key,) = [entry["Key"] for entry in objects]
    day, moment = r"\d{4}/\d\d/\d\d", r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/async/{name}/{day}/{moment}-[0-9a-f-]{{36}}", key)
    record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert record["requestPayload"] == [1]
    assert record["requestContext"]["condition"] == "RetriesExhausted"


def test_a_dead_letter_queue_gets_the_event_as_it_came(cloud: Cloud) -> None:
    url, arn = _queue(cloud)
    name = cloud.function(FAILS, DeadLetterConfig={"TargetArn": arn})
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0
    )

    _invoke(cloud, name, b'{"a":   1.0}')
    message = _message(cloud, url)

    assert message["Body"] == '{"a":   1.0}'
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert attributes["ErrorCode"] == "200"
    assert attributes["ErrorMessage"] == "as asked"


def test_an_alias_has_settings_of_its_own(cloud: Cloud) -> None:
    url, arn = _queue(cloud)
    name = cloud.function(FAILS)
    client = cloud.client("lambda")
    cloud.settle(name)
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    client.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )

    _invoke(cloud, name, b"1", Qualifier="live")
    record = json.loads(_message(cloud, url)["Body"])

    assert record["requestContext"]["functionArn"].endswith(f":{name}:live")
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"]["executedVersion"] == version


def test_weights_of_an_alias_route(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    return context.function_version\n")
    client = cloud.client("lambda")
    versions = []
    for memory_mb in (512, 640):
        cloud.change(name, MemorySize=memory_mb)
        versions.append(client.publish_version(FunctionName=name)["Version"])
    client.create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion=versions[0],
        RoutingConfig={"AdditionalVersionWeights": {versions[1]: 0.5}},
    )

    counts: Counter[str] = Counter()
    for _ in range(60):
        answer = client.invoke(FunctionName=name, Qualifier="live")
        version = json.loads(answer["Payload"].read())
        assert answer["ExecutedVersion"] == version
        counts[version] += 1

    # Fewer than 10 of 60 have a chance of 1 in 10 million.
    assert min(counts[version] for version in versions) >= 10


@pytest.mark.parametrize("how", ["create", "update", "weights"])
def test_an_alias_leads_to_versions_that_exist(cloud: Cloud, how: str) -> None:
    name = cloud.function(ECHO)
    client = cloud.client("lambda")
    cloud.settle(name)
    version = client.publish_version(FunctionName=name)["Version"]
    if how != "create":
        client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    given: dict[str, Any] = {"FunctionVersion": "99"}
    if how == "weights":
        given = {"RoutingConfig": {"AdditionalVersionWeights": {"99": 0.1}}}
    change = client.create_alias if how == "create" else client.update_alias

    with pytest.raises(client.exceptions.ResourceNotFoundException) as refused:
        change(FunctionName=name, Name="live", **given)

    assert refused.value.response["Error"]["Message"] == (
        f"Function not found: arn:aws:lambda:us-east-1:111122223333:function:{name}:99"
    )
