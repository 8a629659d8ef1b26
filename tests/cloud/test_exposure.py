"""What a run means for the function's own traffic, said and kept small."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdatuning.cloud.tuning.exposure import (
    callers_of_latest,
    calling_notes,
    exposure_note,
    large_enough,
    memory_used_mb,
)
from lambdatuning.core.arn import parse_function_arn
from lambdatuning.core.tuning.records import Target
from lambdatuning.functions.tuner import lock
from lambdatuning.functions.tuner.tunable import target_of
from tests.fakes.aws_lambda import ARN, FakeLambda, refusal

from .conftest import fake_cloud

FUNCTION = parse_function_arn(ARN)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
REPORT = (
    "REPORT RequestId: 1\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: {} MB"
)


def target(**settings: Any) -> Target:
    return target_of(FUNCTION, FakeLambda().config | settings)


class Reports:
    """CloudWatch Logs with the reports of a function, or one that refuses."""

    def __init__(self, *used_mb: int, refuses: str = "") -> None:
        self.used_mb, self.refuses = used_mb, refuses
        self.request: dict[str, Any] = {}

    def filter_log_events(self, **given: Any) -> dict[str, Any]:
        self.request = given
        if self.refuses:
            raise refusal(self.refuses)
        return {"events": [{"message": REPORT.format(used)} for used in self.used_mb]}


def test_the_memory_that_the_function_used_is_read_from_its_own_reports() -> None:
    logs = Reports(100, 310, 90)
    shared = target(LoggingConfig={"LogGroup": "/shared", "LogFormat": "JSON"})
    assert memory_used_mb(fake_cloud(logs=logs), shared, NOW) == 310
    assert logs.request["logGroupName"] == "/shared"
    assert logs.request["filterPattern"] == '{ $.type = "platform.report" }'
    assert memory_used_mb(fake_cloud(logs=Reports()), target(), NOW) is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException",
                                  "InvalidParameterException"])  # fmt: skip
def test_logs_that_cannot_be_read_leave_it_open(code: str) -> None:
    cloud = fake_cloud(logs=Reports(refuses=code))
    assert memory_used_mb(cloud, target(), NOW) is None


def test_sizes_below_what_is_used_are_left_out_and_named() -> None:
    kept, note = large_enough((128, 256, 512, 1024), 310, 512)
    assert kept == (512, 1024)
    assert note.startswith("128 and 256 MB left out: the function used up to 310 MB")
    assert large_enough((512, 1024), None, 512) == ((512, 1024), "")
    kept, note = large_enough((128, 1024), None, 512)
    assert kept == (128, 1024)
    assert "left out once its first invocations of the run tell" in note
    assert large_enough((128, 256), 100, 512) == ((128, 256), "")
    assert large_enough((128, 256), 400, 512)[0] == (512,)


def test_who_calls_the_unqualified_function_is_reported() -> None:
    client = FakeLambda()
    assert callers_of_latest(client, FUNCTION) == []
    client.mappings = [
        {"EventSourceArn": "arn:aws:sqs:us-east-1:111122223333:orders", "FunctionArn": ARN},
        {"EventSourceArn": "arn:aws:sqs:us-east-1:111122223333:x", "FunctionArn": f"{ARN}:live"},
        {"EventSourceArn": "arn:aws:sqs:us-east-1:111122223333:y", "FunctionArn": ARN,
         "State": "Disabled"},
        {"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b1:9096"]}},
         "FunctionArn": ARN, "State": "Enabled"},
    ]  # fmt: skip
    client.create_alias(ARN, "dev", "$LATEST")
    client.create_alias(ARN, "live", "7")
    client.create_alias(ARN, lock.ALIAS, "$LATEST")
    client.policy = {"Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Resource": ARN},
        {"Effect": "Allow", "Principal": "*", "Resource": f"{ARN}:live"},
    ]}  # fmt: skip
    client.url = "https://x.lambda-url.us-east-1.on.aws/"
    callers = callers_of_latest(client, FUNCTION)
    assert callers == [
        "the event source mapping of arn:aws:sqs:us-east-1:111122223333:orders",
        "the event source mapping of b1:9096",
        "s3.amazonaws.com, by its policy",
        "its URL https://x.lambda-url.us-east-1.on.aws/",
        "its alias dev",
    ]
    client.faults = {
        "ListEventSourceMappings": ["AccessDeniedException"],
        "GetPolicy": ["AccessDeniedException"],
    }
    assert callers_of_latest(client, FUNCTION) == callers[3:]


# What AWS answers: API_ListFunctionEventInvokeConfigs, API_ListFunctionUrlConfigs and
# API_GetFunctionRecursionConfig of the Lambda API Reference.
def test_callers_that_a_run_does_not_imitate_are_reported() -> None:
    client = FakeLambda()
    assert calling_notes(client, FUNCTION) == []
    client.policy = {"Statement": [
        {"Effect": "Allow", "Principal": {"Service": who}, "Resource": ARN}
        for who in ("s3.amazonaws.com", "apigateway.amazonaws.com", "sns.amazonaws.com")
    ]}  # fmt: skip
    client.event_settings = [
        {"FunctionArn": f"{ARN}:$LATEST", "DestinationConfig": {
            "OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:111122223333:done"},
            "OnFailure": {}}},
        {"FunctionArn": f"{ARN}:live", "MaximumRetryAttempts": 0},
    ]  # fmt: skip
    client.urls = [
        {"FunctionUrl": "https://b.on.aws/", "InvokeMode": "BUFFERED"},
        {"FunctionUrl": "https://s.on.aws/", "InvokeMode": "RESPONSE_STREAM"},
    ]
    client.recursive_loop = "Allow"
    events, stream, loop = calling_notes(client, FUNCTION)
    assert events.startswith(
        "shop is invoked asynchronously (by s3.amazonaws.com, by sns.amazonaws.com, for "
        "arn:aws:sqs:us-east-1:111122223333:done, by its settings of retries), the run invokes it "
        "synchronously"
    )
    assert stream.startswith("shop has a URL, https://s.on.aws/, that streams responses; the run")
    assert "RecursiveLoop Allow" in loop
    client.faults = {
        "ListFunctionEventInvokeConfigs": ["AccessDeniedException"],
        "ListFunctionUrlConfigs": ["AccessDeniedException"],
        "GetFunctionRecursionConfig": ["AccessDeniedException"],
        "GetPolicy": ["ResourceNotFoundException"],
    }
    assert calling_notes(client, FUNCTION) == []


def test_the_note_says_how_long_and_what_to_do_instead() -> None:
    note = exposure_note(FUNCTION, ["its URL x"], 12.4)
    assert "unqualified function (its URL x) meet other memory sizes for about 12 s" in note
    assert "--isolate" in note
