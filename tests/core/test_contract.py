"""The execution input: every default, every refusal."""

from typing import Any

import pytest

from lambdatuning.core.arn import FunctionArn, parse_function_arn, require_account
from lambdatuning.core.errors import UsageError
from lambdatuning.core.sizes import ALL_POWERS, DEFAULT_POWERS
from lambdatuning.core.tuning.contract import INPUTS, TuningInput, parse_input
from lambdatuning.core.tuning.payloads import PayloadType

ARN = "arn:aws:lambda:eu-west-1:111122223333:function:shop"
LEAST = {"lambdaARN": ARN, "num": 10}
TYPE = {"name": "read", "event": {"id": "{{n}}"}}


def test_defaults_are_power_tunings() -> None:
    assert parse_input(LEAST) == TuningInput(parse_function_arn(ARN), 10, fit_memory=True)
    given = parse_input(LEAST)
    assert (given.power_values, given.strategy, given.balanced_weight) == (
        DEFAULT_POWERS, "cost", 0.5,
    )  # fmt: skip
    assert (given.discard_top_bottom, given.sleep_between_runs_ms, given.payload) == (0.2, 0, None)
    assert (given.environments, given.seed, given.allowed_exceptions) == (5, None, ())
    flags = (given.parallel_invocation, given.auto_optimize, given.only_cold_starts)
    assert flags == (False, False, False)


def test_null_is_the_default() -> None:
    assert parse_input({**dict.fromkeys(INPUTS), **LEAST}) == parse_input(LEAST)


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("num", "25", "num", 25),
        ("powerValues", "ALL", "power_values", ALL_POWERS),
        ("powerValues", ["128", 256], "power_values", (128, 256)),
        ("powerValues", [], "power_values", DEFAULT_POWERS),
        ("balancedWeight", -3, "balanced_weight", 0.0),
        ("balancedWeight", "0.25", "balanced_weight", 0.25),
        ("discardTopBottom", 0.7, "discard_top_bottom", 0.4),
        ("strategy", "", "strategy", "cost"),
        ("parallelInvocation", "true", "parallel_invocation", True),
        ("dryRun", 1, "dry_run", True),
        ("autoOptimizeAlias", "", "auto_optimize_alias", None),
        ("preProcessorARN", "", "pre_processor_arn", None),
        ("payloadS3", "s3://bucket/k.json", "payload_s3", "s3://bucket/k.json"),
        ("allowedExceptions", ["KeyError"], "allowed_exceptions", ("KeyError",)),
        ("payload", {"a": [1]}, "payload", {"a": [1]}),
        ("payload", 0, "payload", 0),
        ("runId", "20261123T090500-3f9a1c", "run_id", "20261123T090500-3f9a1c"),
        ("payloadTypes", [TYPE], "payload_types", (PayloadType("read", {"id": "{{n}}"}),)),
        ("environments", 8, "environments", 8),
    ],
)
def test_inputs_are_read(name: str, value: Any, field: str, read: Any) -> None:
    assert getattr(parse_input({**LEAST, name: value}), field) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lambdaARN", "shop"), ("lambdaARN", ""), ("num", None), ("num", 4), ("num", 7.5),
        ("num", "many"), ("num", True), ("num", float("inf")),
        ("powerValues", "tiny"), ("powerValues", [64]), ("powerValues", 128), ("strategy", "sped"),
        ("strategy", ["cost"]), ("balancedWeight", "half"), ("discardTopBottom", [0.1]),
        ("parallelInvocation", "yes"), ("dryRun", 2), ("autoOptimizeAlias", 7),
        ("autoOptimizeAlias", "7"), ("autoOptimizeAlias", "a b"), ("autoOptimizeAlias", "$LATEST"),
        ("autoOptimizeAlias", "a" * 129), ("autoOptimizeAlias", "lambdatuning-lock"),
        ("preProcessorARN", "pre"), ("sleepBetweenRunsMs", -1), ("sleepBetweenRunsMs", 1.5),
        ("allowedExceptions", "KeyError"), ("allowedExceptions", [1]), ("payloadS3", "bucket/key"),
        ("runId", "a/b"), ("runId", ""), ("seed", -1), ("environments", 0), ("environments", 101),
        ("payloadTypes", {}), ("payloadTypes", [{"name": "x"}]), ("payloadTypes", [TYPE, TYPE]),
        ("priceBook", "prices.json"), ("lambdaArn", ARN), ("power", 128),
        ("payload", [{"payload": 1, "weight": 1}] * 11),
    ],
)  # fmt: skip
def test_bad_inputs_are_refused_in_one_line(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        parse_input({**LEAST, name: value})
    assert "\n" not in str(caught.value)


def test_messages_name_the_input_and_the_closest() -> None:
    with pytest.raises(UsageError, match='unknown input "powerValue"; did you mean "powerValues"'):
        parse_input({**LEAST, "powerValue": 1})
    with pytest.raises(UsageError, match=r'input "environments" must be .* from 1 to 100; not 0'):
        parse_input({**LEAST, "environments": 0})


def test_payload_types_exclude_payloads_and_need_no_five() -> None:
    assert parse_input({**LEAST, "num": 1, "payloadTypes": [TYPE]}).num == 1
    others: list[dict[str, Any]] = [
        {"payload": {}},
        {"payloadS3": "s3://b/k"},
        {"payloadTypesS3": "s3://b/k"},
    ]
    for other in others:
        with pytest.raises(UsageError, match="not both"):
            parse_input({**LEAST, "payloadTypes": [TYPE], **other})


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_an_input_that_is_no_object(value: Any) -> None:
    with pytest.raises(UsageError, match="must be a JSON object"):
        parse_input(value)


def test_dry_runs_invoke_once_and_cold_starts_trim_nothing() -> None:
    assert parse_input({**LEAST, "dryRun": True}).invocations == 1
    assert parse_input({**LEAST, "onlyColdStarts": True, "discardTopBottom": 0.3}).trim == 0


def test_qualified_arns() -> None:
    alias = parse_function_arn(f"{ARN}:live")
    assert alias == FunctionArn("aws", "eu-west-1", "111122223333", "shop", "live")
    assert str(alias) == f"{ARN}:live"
    assert str(alias.unqualified) == ARN
    assert parse_function_arn(f"{ARN}:$LATEST").qualifier == "$LATEST"
    assert parse_function_arn(ARN.replace(":aws:", ":aws-us-gov:")).partition == "aws-us-gov"


@pytest.mark.parametrize(
    "value",
    [None, "", "shop", f"{ARN}:a:b", f"{ARN}:", "arn:aws:lambda:eu-west-1:111122223333:layer:x",
     "arn:aws:lambda:eu-west-1:123:function:x", f"{ARN}\n"],
)  # fmt: skip
def test_what_is_no_function_arn(value: Any) -> None:
    with pytest.raises(UsageError, match="is not the ARN of a function"):
        parse_function_arn(value)


def test_another_account_is_refused() -> None:
    require_account(parse_function_arn(ARN), "111122223333")
    with pytest.raises(UsageError, match="belongs to account 111122223333, the tuner to 4444"):
        require_account(parse_function_arn(ARN), "444455556666")
