"""Changing the memory size: waited for, and tried again when Lambda itself was in between."""

from typing import Any

import pytest

from lambdatuning.core.errors import LambdaTuningError, NotFoundError, UsageError
from lambdatuning.functions.tuner.function import read, set_memory, settled
from tests.fakes.aws_lambda import ARN, FakeLambda

from .plans import Time


def test_it_waits_until_the_update_is_through(time: Time) -> None:
    client = FakeLambda(slow=3)
    assert set_memory(client, ARN, 512, time.sleep)["MemorySize"] == 512
    assert len(time.slept) == 3


def test_the_size_that_it_has_is_no_change(client: FakeLambda, time: Time) -> None:
    set_memory(client, ARN, 128, time.sleep)
    assert "UpdateFunctionConfiguration" not in client.calls


@pytest.mark.parametrize("code", ["PreconditionFailedException", "ResourceConflictException"])
def test_a_revision_that_changed_by_itself_is_read_again(
    client: FakeLambda, time: Time, code: str
) -> None:
    client.faults["UpdateFunctionConfiguration"] = [code, code]
    assert set_memory(client, ARN, 512, time.sleep)["MemorySize"] == 512


def test_it_gives_up_on_a_function_that_never_rests(client: FakeLambda, time: Time) -> None:
    client.faults["UpdateFunctionConfiguration"] = ["PreconditionFailedException"] * 99
    with pytest.raises(LambdaTuningError, match="being changed by someone else"):
        set_memory(client, ARN, 512, time.sleep)


def test_a_size_that_lambda_refuses_is_named(time: Time) -> None:
    with pytest.raises(UsageError, match="4,096 MB is refused"):
        set_memory(FakeLambda(largest_mb=3008), ARN, 4096, time.sleep)


def test_a_broken_function_is_not_waited_for(client: FakeLambda, time: Time) -> None:
    client.change(State="Failed", StateReason="the image is gone")
    with pytest.raises(LambdaTuningError, match="the image is gone"):
        settled(client, ARN, None, time.sleep)


def test_waiting_ends(client: FakeLambda, time: Time) -> None:
    client.change(State="Pending")
    with pytest.raises(LambdaTuningError, match="still Pending"):
        settled(client, ARN, None, time.sleep)


def test_no_function_is_named(client: FakeLambda) -> None:
    with pytest.raises(NotFoundError, match="there is no function nobody:7"):
        read(client, "nobody", "7")


def test_two_do_not_fight_over_a_size(client: FakeLambda, time: Time) -> None:
    update = client.update_function_configuration

    def changed_again(*given: Any, **more: Any) -> None:
        update(*given, **more)
        client.change(MemorySize=1024)

    client.update_function_configuration = changed_again  # type: ignore[method-assign]
    with pytest.raises(LambdaTuningError, match="being changed by someone else"):
        set_memory(client, ARN, 512, time.sleep)
    assert client.calls.count("UpdateFunctionConfiguration") == 1
