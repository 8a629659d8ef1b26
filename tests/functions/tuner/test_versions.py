"""Versions: ours are marked, the user's are never touched, and a duplicate number is noticed."""

from lambdatuning.core.tuning.plan import Work
from lambdatuning.functions.tuner import function
from tests.fakes.aws_lambda import ARN, FakeLambda

from .plans import Time


def test_each_size_is_a_version_with_our_mark(client: FakeLambda, time: Time) -> None:
    numbers = [
        function.publish(client, ARN, "run-1", Work(size, 0), time.sleep) for size in (256, 512)
    ]
    assert [client.versions[n]["MemorySize"] for n in numbers] == [256, 512]
    assert function.remove(client, ARN, "run-1".__eq__) == numbers
    assert client.versions == {}


def test_the_users_own_version_serves_and_survives(client: FakeLambda, time: Time) -> None:
    client.publish_version(ARN)
    assert function.publish(client, ARN, "run-1", Work(128, 0), time.sleep) == "1"
    assert function.remove(client, ARN, "run-1".__eq__) == []
    assert list(client.versions) == ["1"]


def test_a_cold_start_gets_an_unused_version(client: FakeLambda, time: Time) -> None:
    client.publish_version(ARN)
    first = function.publish(client, ARN, "run-1", Work(128, 1), time.sleep)
    second = function.publish(client, ARN, "run-1", Work(128, 2), time.sleep)
    assert len({"1", first, second}) == 3
    assert {client.versions[n]["MemorySize"] for n in (first, second)} == {128}


def test_the_winner_never_carries_our_mark(client: FakeLambda, time: Time) -> None:
    function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    kept = function.publish_for_good(client, ARN, "run-1", 512, time.sleep)
    assert client.versions[kept]["Description"] == "mine"
    function.remove(client, ARN, "run-1".__eq__)
    assert list(client.versions) == [kept]


def test_a_version_under_an_alias_of_the_user_stays(client: FakeLambda, time: Time) -> None:
    number = function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    client.create_alias(ARN, "live", number)
    assert function.remove(client, ARN, "run-1".__eq__) == []
    assert number in client.versions


def test_only_one_runs_versions_can_be_named(client: FakeLambda, time: Time) -> None:
    function.publish(client, ARN, "run-1", Work(256, 0), time.sleep)
    other = function.publish(client, ARN, "run-10", Work(512, 0), time.sleep)
    assert [v["Version"] for v in function.marked_versions(client, ARN, "run-10")] == [other]


def test_publishing_waits_for_an_update_in_progress(client: FakeLambda, time: Time) -> None:
    client.faults["PublishVersion"] = ["ResourceConflictException"] * 2
    assert function.publish(client, ARN, "run-1", Work(256, 0), time.sleep) == "1"
