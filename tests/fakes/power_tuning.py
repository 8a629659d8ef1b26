"""Power Tuning's flow over recorded answers: invoke, read the tails, decide.

AWS is a dictionary of the case file: `config`, replies by `invoke` ARN (or ARN:RAMsize; the last
one is repeated), `s3` and `errors` by API call. All numbers come from `core.power_tuning.rules`;
what stands here is upstream's order of calls alone.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lambdatuning.core.address import parse_s3_path
from lambdatuning.core.errors import LambdaTuningError, UsageError
from lambdatuning.core.power_tuning import rules
from lambdatuning.core.power_tuning.javascript import (
    UNDEFINED,
    parse_int,
    to_number,
    to_string,
    truthy,
)
from lambdatuning.core.sizes import ALL_POWERS, DEFAULT_POWERS
from tests import oracle
from tests.oracle.power_tuning_values import parse_json, region_of_arn

_MISSING = "ResourceNotFoundException"
ATTEMPTS = 3
"""Its state machine tries a size three times."""


class FakeAws:
    """Recorded answers; each key's replies are given in turn."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        self.recorded = recorded
        self.calls: Counter[str] = Counter()

    def refuse(self, call: str, allowed: str = "") -> None:
        """Raise the error recorded for a call, unless its name is `allowed`."""
        error = self.recorded.get("errors", {}).get(call)
        if error and (not allowed or error.get("name") != allowed):
            raise LambdaTuningError(error["message"])

    def architecture(self) -> Any:
        self.refuse("GetFunctionConfiguration")
        architectures = self.recorded.get("config", {}).get("Architectures")
        return "x86_64" if architectures is None else [*architectures, UNDEFINED][0]

    def invoke(self, arn: str, alias: str = "") -> Mapping[str, Any]:
        self.refuse("Invoke")
        region_of_arn(arn)
        replies = self.recorded.get("invoke", {})
        key = f"{arn}:{alias}" if f"{arn}:{alias}" in replies else arn
        if not replies.get(key):
            raise LambdaTuningError(f"Function not found: {arn}")
        turn = min(self.calls[key], len(replies[key]) - 1)
        self.calls[key] += 1
        reply: Mapping[str, Any] = replies[key][turn]
        return reply


def fetch_payload(path: Any, s3: Mapping[str, Any]) -> tuple[str, str, Any]:
    """Bucket, key and value of an S3 payload; a body that is no JSON is itself the value."""
    bucket, key = parse_s3_path(path)
    if s3.get("status", 200) >= 300:
        raise LambdaTuningError(_s3_problem(s3, f"s3://{bucket}/{key}"))
    try:
        return bucket, key, parse_json(s3["body"])
    except ValueError:
        return bucket, key, s3["body"]


def run_size(event: Mapping[str, Any], aws: FakeAws) -> rules.SizeStatistics:
    """One attempt of a size (its executor): invoke `num` times and read the tails."""
    given, value = event["input"], parse_int(event.get("value", UNDEFINED))
    num = parse_int(given.get("num", UNDEFINED))
    payload = _payload(given, aws)
    if not given.get("lambdaARN") or not truthy(value) or not truthy(num):
        raise UsageError("Missing lambdaARN, invalid value or invalid num")
    if given.get("dryRun") is True:
        num = 1.0
    architecture = aws.architecture()
    replies = _invoke_all(
        given, aws, f"RAM{value:.0f}", oracle.generate_payloads(int(num), payload)
    )
    durations, billed = oracle.tail_totals(reply.get("log") for reply in replies)
    region = region_of_arn(given["lambdaARN"])
    return rules.size_statistics(
        int(value),
        durations,
        billed,
        base_cost_usd=rules.lambda_base_cost(region, architecture),
        trim=_trim(given),
    )


def run(event: Mapping[str, Any], aws: FakeAws, env: Mapping[str, str]) -> dict[str, Any]:
    """A whole execution: `status`, and `output` or `error`."""
    try:
        sizes = _initialise(event, aws)
    except LambdaTuningError as exc:
        return {"status": "FAILED", "error": str(exc)}
    try:
        stats = _measure(event, sizes, aws)
        output = {} if stats is None else analyse({**event, "stats": stats}, env)
    except LambdaTuningError as exc:
        return {"status": "FAILED", "error": str(exc)}
    return {"status": "SUCCEEDED", "output": output}


def analyse(event: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any] | None:
    """Its analyzer with the environment that its template sets."""
    overrides = {"base_url": env["visualizationURL"]} if "visualizationURL" in env else {}
    return rules.analyse(event, region=env.get("AWS_REGION", "us-east-1"), **overrides)


def _initialise(event: Mapping[str, Any], aws: FakeAws) -> list[Any]:
    if not event.get("lambdaARN"):
        raise UsageError("Missing or empty lambdaARN")
    num = parse_int(event.get("num", UNDEFINED))
    if not truthy(num) or num < 5:
        raise UsageError("Missing num or num below 5")
    region_of_arn(event["lambdaARN"])
    aws.refuse("GetFunctionConfiguration")
    sizes = event.get("powerValues")
    return list(ALL_POWERS if sizes == "ALL" else sizes or DEFAULT_POWERS)


def _measure(
    event: Mapping[str, Any], sizes: list[Any], aws: FakeAws
) -> list[rules.SizeStatistics] | None:
    """The statistics of all sizes; None where one fails, and an error where cleaning up does.

    Its CleanUpOnError ends the execution normally: the fault that our tuner does not share.
    """
    try:
        _publish(aws)
    except LambdaTuningError:
        _clean_up(aws, ("GetAlias",))  # no alias was made
        return None
    try:
        stats = [_with_retries({"value": size, "input": event}, aws) for size in sizes]
    except LambdaTuningError:
        _clean_up(aws, ("GetAlias", "DeleteAlias", "DeleteFunction"))
        return None
    _clean_up(aws, ("GetAlias", "DeleteAlias", "DeleteFunction"))
    return stats


def _publish(aws: FakeAws) -> None:
    try:
        for call in ("UpdateFunctionConfiguration", "PublishVersion", "GetAlias", "CreateAlias"):
            aws.refuse(call, _MISSING if call == "GetAlias" else "")
    except LambdaTuningError as exc:
        if "Alias already exists" not in str(exc):
            raise


def _clean_up(aws: FakeAws, calls: tuple[str, ...]) -> None:
    for call in calls:
        aws.refuse(call, _MISSING)


def _with_retries(event: Mapping[str, Any], aws: FakeAws) -> rules.SizeStatistics:
    for _ in range(ATTEMPTS - 1):
        try:
            return run_size(event, aws)
        except LambdaTuningError:
            continue
    return run_size(event, aws)


def _payload(given: Mapping[str, Any], aws: FakeAws) -> Any:
    if given.get("payloadS3"):
        return fetch_payload(given["payloadS3"], aws.recorded.get("s3", {}))[2]
    payload = given.get("payload")
    return payload if truthy(payload) else None


def _invoke_all(
    given: Mapping[str, Any], aws: FakeAws, alias: str, texts: list[Any]
) -> list[Mapping[str, Any]]:
    """In series up to the first failure; in parallel all of them, and then the first failure."""
    replies, problems = [], []
    for index, text in enumerate(texts):
        own = f"{alias}-{index}" if truthy(given.get("onlyColdStarts")) else alias
        try:
            replies.append(_invoke(given, aws, text, own))
        except LambdaTuningError as exc:
            problems.append(exc)
            if not truthy(given.get("parallelInvocation")):
                break
    if problems:
        raise problems[0]
    return replies


def _invoke(given: Mapping[str, Any], aws: FakeAws, text: Any, alias: str) -> Mapping[str, Any]:
    if given.get("preProcessorARN"):
        _process(aws, given["preProcessorARN"], "Pre")
    reply = aws.invoke(given["lambdaARN"], alias)
    if given.get("postProcessorARN"):
        _process(aws, given["postProcessorARN"], "Post")
    result = _parsed(reply)
    if reply.get("functionError"):
        name = result.get("errorType", UNDEFINED) if isinstance(result, dict) else UNDEFINED
        if not _is_allowed(name, given.get("allowedExceptions", [])):
            raise LambdaTuningError(f"Invocation error with payload {text}: {reply['payload']}")
    return reply


def _is_allowed(name: Any, allowed: Any) -> bool:
    """`allowed.includes(name)`, which a text knows, too."""
    if isinstance(allowed, str):
        return to_string(name) in allowed
    if not isinstance(allowed, list):
        raise LambdaTuningError(f"allowedExceptions must be a list, not {to_string(allowed)}")
    return name in allowed


def _process(aws: FakeAws, arn: str, which: str) -> None:
    reply = aws.invoke(arn)
    if reply.get("functionError"):
        raise LambdaTuningError(f"{which}Processor {arn} failed: {reply.get('payload')}")


def _parsed(reply: Mapping[str, Any]) -> Any:
    try:
        return parse_json(reply.get("payload") or "")
    except ValueError as exc:
        raise LambdaTuningError(f"the function's answer is not JSON: {exc}") from exc


def _trim(given: Mapping[str, Any]) -> float:
    trim = (
        0.0
        if truthy(given.get("onlyColdStarts"))
        else to_number(given.get("discardTopBottom", 0.2))
    )
    return min(max(trim, 0.0), 0.4)


def _s3_problem(s3: Mapping[str, Any], where: str) -> str:
    if s3["status"] == 403:
        return (
            f"Permission denied when trying to read {where}. You might need to re-deploy the app "
            "with the correct payloadS3Bucket parameter."
        )
    if s3["status"] == 404:
        return (
            f"The object {where} does not exist. Make sure you are trying to access an existing "
            "object in the correct bucket."
        )
    return f"Unknown error when trying to read {where}. {s3.get('message')}"
