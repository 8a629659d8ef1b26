"""What is said before something is billed, in the money in which it is billed."""

import pytest

from lambdatuning.api.consent import describe_price, require_budget
from lambdatuning.cloud.tuning.plan import TunePlan, Tuner, TuneRequest
from lambdatuning.core.arn import parse_function_arn
from lambdatuning.core.errors import DeclinedError
from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.estimate import EarlierRuns, Tariff, Workload, estimate_run
from lambdatuning.core.tuning.payloads import PayloadType
from lambdatuning.functions.tuner.tunable import target_of
from tests.cloud.conftest import fake_cloud


def plan(region: str, partition: str = "aws", **more: object) -> TunePlan:
    book = load_price_book()
    workload = Workload((512, 1024), {"a": 10}, 5, 0, 3.0)
    estimate = estimate_run(Tariff(book, region, "x86_64"), workload, EarlierRuns())
    arn = f"arn:{partition}:lambda:{region}:111122223333:function:shop"
    request = TuneRequest("shop", "", (PayloadType("a", {}),), (512, 1024), **more)  # type: ignore[arg-type]
    tuner = Tuner("", ours=True, bucket="")
    function = parse_function_arn(arn)
    target = target_of(function, {"MemorySize": 512, "Timeout": 3, "CodeSha256": "code"})
    return TunePlan(
        request, "run-1", tuner, function, target, workload, estimate, {}, book, estimate
    )


def test_a_price_in_china_is_in_yuan() -> None:
    text = describe_price(fake_cloud(), plan("cn-north-1", "aws-cn", explore="adaptive", max_usd=1))
    assert "about ¥" in text
    assert "ended by ¥1" in text
    assert "shop: 1 payload type, 2 sizes to choose from" in text
    assert "$" not in text
    assert "¥" not in describe_price(fake_cloud(), plan("us-east-1"))
    with pytest.raises(DeclinedError, match=r"estimated at ¥0\.\d+, more than the ¥0"):
        require_budget(plan("cn-north-1", "aws-cn"), 0)
