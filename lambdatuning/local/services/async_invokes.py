"""Asynchronous invocations: retries, dead-letter queues and destinations, as on AWS.

By "Invoking a Lambda function asynchronously" and "Retaining records of asynchronous invocations"
in the Lambda Developer Guide. Between tries AWS waits one minute, then two; here, seconds.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..apis.calls import InvocationResult, current_call
from ..settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY

PAUSES_S = (1.0, 2.0)
MOST_AGE_S = 21_600
Record = dict[str, Any]


@dataclass(frozen=True)
class AsyncSettings:
    """What is configured for a function or one of its versions and aliases."""

    retries: int = 2
    most_age_s: float = MOST_AGE_S
    on_success: str = ""
    on_failure: str = ""
    dead_letters: str = ""


@dataclass(frozen=True)
class AsyncResult:
    """How it came out: after how many tries, why no more, and the last answer."""

    tries: int
    condition: str
    result: InvocationResult


def settings_of(root: Mapping[str, Any], config: Mapping[str, Any]) -> AsyncSettings:
    """The settings for what `config` describes, of the function whose record is `root`."""
    qualifier = [*config["FunctionArn"].split(":")[7:], "$LATEST"][0]
    configs = root.get("event_invoke_configs") or {}
    own = configs.get(qualifier) or (configs.get("") if qualifier == "$LATEST" else None) or {}
    destinations = own.get("DestinationConfig") or {}
    return AsyncSettings(
        retries=int(own.get("MaximumRetryAttempts", 2)),
        most_age_s=float(own.get("MaximumEventAgeInSeconds", MOST_AGE_S)),
        on_success=(destinations.get("OnSuccess") or {}).get("Destination", ""),
        on_failure=(destinations.get("OnFailure") or {}).get("Destination", ""),
        dead_letters=(config.get("DeadLetterConfig") or {}).get("TargetArn", ""),
    )


def invoker(
    execute: Callable[[Any, Any], InvocationResult],
    root_of: Callable[[dict[str, Any]], Mapping[str, Any]],
    endpoint_url: str,
) -> Callable[[Any, Any], None]:
    """What takes a function's record and an event, and invokes it in a thread of its own."""

    def run(func: Any, event: Any) -> None:
        config = func.get("config") or func
        settings = settings_of(root_of(config), config)
        outcome = _tried(lambda: execute(func, event), settings)
        sender = _Sender(endpoint_url, str(config["FunctionArn"]).split(":")[3])
        raw = current_call().sent(event)
        failed = outcome.condition != "Success"
        if target := settings.on_failure if failed else settings.on_success:
            sender.send(target, record(config, raw, outcome), failed=failed)
        if failed and settings.dead_letters:
            sender.dead_letter(settings.dead_letters, raw, outcome)

    def invoke(func: Any, event: Any) -> None:
        context = copy_context()
        threading.Thread(target=context.run, args=(run, func, event), daemon=True).start()

    return invoke


def _tried(execute: Callable[[], InvocationResult], settings: AsyncSettings) -> AsyncResult:
    started = time.monotonic()
    tries = 0
    while True:
        result = execute()
        if result.get("throttle"):
            # Nothing ran: that counts as no try, and goes on until the event is too old.
            pause_s, condition = PAUSES_S[0], "EventAgeExceeded"
        else:
            tries += 1
            if not result.get("error"):
                return AsyncResult(tries, "Success", result)
            if tries > settings.retries:
                return AsyncResult(tries, "RetriesExhausted", result)
            pause_s, condition = PAUSES_S[min(tries, len(PAUSES_S)) - 1], "EventAgeExceeded"
        if time.monotonic() - started + pause_s > settings.most_age_s:
            return AsyncResult(tries, condition, result)
        time.sleep(pause_s)


def record(config: Mapping[str, Any], raw: bytes, outcome: AsyncResult) -> Record:
    """The record of an invocation that a destination gets."""
    version = str(config.get("Version", "$LATEST"))
    arn = str(config["FunctionArn"])
    failed = outcome.condition != "Success"
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "version": "1.0",
        "timestamp": at,
        "requestContext": {
            "requestId": current_call().request_id or str(uuid.uuid4()),
            "functionArn": arn if len(arn.split(":")) == 8 else f"{arn}:$LATEST",
            "condition": outcome.condition,
            "approximateInvokeCount": outcome.tries,
        },
        "requestPayload": json.loads(raw),
        "responseContext": {
            "statusCode": 200,
            "executedVersion": version,
            **({"functionError": "Unhandled"} if failed else {}),
        },
        "responsePayload": _payload(outcome.result),
    }


def record_key(function_arn: str, at: datetime) -> str:
    """The key under which a bucket gets the record of a failure."""
    name = function_arn.split(":")[6]
    return f"aws/lambda/async/{name}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _payload(result: InvocationResult) -> Any:
    body = result.get("body")
    return json.loads(body) if isinstance(body, bytes) else body


class _Sender:
    """Sends to queues, topics, functions, event buses and buckets of this endpoint."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url = endpoint_url
        self._region = region

    def _client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self._endpoint_url,
            region_name=self._region,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )

    def send(self, target: str, content: Record, *, failed: bool) -> None:
        """Send the record of an invocation to a destination."""
        text = json.dumps(content)
        service = target.split(":")[2]
        if service == "sqs":
            queues = self._client("sqs")
            queues.send_message(QueueUrl=self._queue(queues, target), MessageBody=text)
        elif service == "sns":
            self._client("sns").publish(TopicArn=target, Message=text)
        elif service == "lambda":
            self._client("lambda").invoke(
                FunctionName=target, InvocationType="Event", Payload=text.encode()
            )
        elif service == "events":
            kind = "Failure" if failed else "Success"
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {kind}",
                "Detail": text,
                "EventBusName": target,
                "Resources": [content["requestContext"]["functionArn"]],
            }
            self._client("events").put_events(Entries=[entry])
        elif service == "s3":
            key = record_key(content["requestContext"]["functionArn"], datetime.now(UTC))
            self._client("s3").put_object(Bucket=target.split(":")[5], Key=key, Body=text.encode())

    def dead_letter(self, target: str, raw: bytes, outcome: AsyncResult) -> None:
        """Send the event as it came, with the error in attributes."""
        payload = _payload(outcome.result)
        message = str(payload.get("errorMessage", "")) if isinstance(payload, dict) else ""
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": current_call().request_id or "none"},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "none"},
        }
        text = raw.decode("utf-8", "replace")
        if target.split(":")[2] == "sns":
            self._client("sns").publish(TopicArn=target, Message=text, MessageAttributes=attributes)
            return
        queues = self._client("sqs")
        queues.send_message(
            QueueUrl=self._queue(queues, target), MessageBody=text, MessageAttributes=attributes
        )

    @staticmethod
    def _queue(queues: Any, arn: str) -> str:
        return str(queues.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])
