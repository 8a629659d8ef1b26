"""`lambdatuning clean`: what is ours is listed and put back, and nothing else is touched."""

from datetime import UTC, datetime

import pytest

from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.tuning.cleaning import (
    Remains,
    clean_function,
    describe_remains,
    remains,
    what_is_left,
)
from lambdatuning.core.errors import LockedError, NotFoundError
from lambdatuning.core.tuning.plan import Work
from lambdatuning.functions.tuner import function, lock
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeStates, refusal

from .conftest import fake_cloud

EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Tuner:run-0"


def no_sleep(_: float) -> None:
    """Nothing settles slowly here."""


@pytest.fixture
def client() -> FakeLambda:
    """A function with a version and aliases of the user's."""
    client = FakeLambda()
    client.publish_version(ARN)
    client.create_alias(ARN, "live", "1")
    client.create_alias(ARN, "RAM128", "1")
    return client


def cloud(client: FakeLambda, states: FakeStates | None = None) -> Cloud:
    clients = {"lambda": client, "stepfunctions": states or FakeStates(), "logs": NoGroups()}
    return fake_cloud(**clients)


class NoGroups:
    def delete_log_group(self, **_: str) -> None:
        raise refusal("ResourceNotFoundException")


def crash(client: FakeLambda) -> None:
    """What a run leaves whose tuner was killed: a lock, two versions and another size."""
    other = lock.Lock("run-0", 128, EXECUTION)
    client.create_alias(ARN, lock.ALIAS, "$LATEST", other.describe())
    for size in (512, 1024):
        function.publish(client, ARN, "run-0", Work(size, 0), no_sleep)


def test_what_a_dead_run_left_is_listed_and_put_back(client: FakeLambda) -> None:
    crash(client)
    remaining = remains(cloud(client), "shop")
    assert remaining.lines == (
        "version 2 is removed",
        "version 3 is removed",
        "the lock of run run-0 is removed",
        "memory size 1,024 MB -> 128 MB",
    )
    assert describe_remains(remaining).splitlines()[0] == f"{ARN}:"
    done = clean_function(cloud(client), remaining, no_sleep)
    assert done == ["memory size 1,024 MB -> 128 MB", "version 2", "version 3", "lock of run run-0"]
    assert (client.memory_mb, sorted(client.versions), sorted(client.aliases)) == (
        128, ["1"], ["RAM128", "live"],
    )  # fmt: skip
    assert remains(cloud(client), ARN).lines == ()


def test_listing_changes_nothing(client: FakeLambda) -> None:
    crash(client)
    client.calls.clear()
    remains(cloud(client), ARN)
    assert not [call for call in client.calls if not call.startswith(("Get", "List"))]


def test_an_alias_with_the_name_of_a_lock_stays_and_is_named(client: FakeLambda) -> None:
    client.create_alias(ARN, lock.ALIAS, "$LATEST", "ours since 2019")
    remaining = remains(cloud(client), "shop")
    assert remaining.lines == ()
    assert remaining.stays == (f"alias {lock.ALIAS} stays: it is not the lock of a run",)
    assert clean_function(cloud(client), remaining, no_sleep) == []
    assert lock.ALIAS in client.aliases


def test_what_is_left_knows_the_size_that_was_to_be_set(client: FakeLambda) -> None:
    client.change(MemorySize=512)
    given = (cloud(client), ARN, "run-0", 128)
    assert what_is_left(*given, set_mb=512) == (
        "shop is set to the answer, 512 MB (before: 128 MB), and has no lock or version of the run",
        True,
    )
    assert what_is_left(*given, set_mb=256) == (
        "shop has 512 MB (before: 128 MB) and no lock or version of the run: somebody else set "
        "that size, or it is to be set back by hand",
        False,
    )
    client.create_alias(ARN, lock.ALIAS, "$LATEST", lock.Lock("run-0", 128, EXECUTION).describe())
    assert what_is_left(*given, set_mb=256) == (
        "shop has 512 MB instead of 128 MB, the lock of run run-0: `lambdatuning clean shop` puts "
        "it back",
        False,
    )


def test_a_run_that_goes_on_is_left_alone(client: FakeLambda) -> None:
    crash(client)
    with pytest.raises(LockedError, match="run-0 is going on"):
        remains(cloud(client, FakeStates({EXECUTION: "RUNNING"})), "shop")
    states = FakeStates({EXECUTION: "ABORTED"})
    assert remains(cloud(client, states), "shop").current_lock is not None


def test_versions_that_no_lock_confirms_stay_and_are_named(client: FakeLambda) -> None:
    """Only the tuner knows whether there was such a run: see `only_clean`."""
    function.publish(client, ARN, "run-0", Work(512, 0), no_sleep)
    client.change(MemorySize=128)
    remaining = remains(cloud(client), "shop")
    assert remaining.lines == (
        "version 2 is removed if the tuner knows run run-0, whose mark it bears",
    )
    assert clean_function(cloud(client), remaining, no_sleep) == []
    assert sorted(client.versions) == ["1", "2"]


@pytest.mark.parametrize(
    "description",
    ["lambdatuning is great", "lambdatuning run-0 512 MB", "lambdatuning run-0 256 MB round 0",
     "my lambdatuning run-0 512 MB round 0", "lambdatuning run-0 512 MB round 0, kept",
     "lambdatuning run-0 0512 MB round 0", "lambdatuning run-0 \u0665\u0661\u0662 MB round 0",
     "lambdatuning run-0 512 MB round 00", "lambdatuning run-0 512 MB round \u0660"],
)  # fmt: skip
def test_a_version_that_only_looks_like_ours_is_the_users(
    client: FakeLambda, description: str
) -> None:
    crash(client)
    client.change(MemorySize=512, CodeSha256="newer")
    client.publish_version(ARN, Description=description)
    client.change(MemorySize=128)
    remaining = remains(cloud(client), "shop")
    assert (remaining.versions, remaining.doubtful) == (("2", "3"), ())
    clean_function(cloud(client), remaining, no_sleep)
    assert sorted(client.versions) == ["1", "4"]


def test_a_version_under_an_alias_of_the_users_stays(client: FakeLambda) -> None:
    crash(client)
    client.update_alias(ARN, "live", FunctionVersion="2")
    clean_function(cloud(client), remains(cloud(client), "shop"), no_sleep)
    assert sorted(client.versions) == ["1", "2"]
    assert client.aliases["live"]["FunctionVersion"] == "2"


def test_a_clean_function_has_no_remains(client: FakeLambda) -> None:
    assert remains(cloud(client), f"{ARN}:live") == Remains(ARN, "us-east-1", 128, None, ())


def test_copies_that_a_killed_client_left_are_removed(client: FakeLambda) -> None:
    copy = {"FunctionName": "lambdatuning-copy-12-shop",
            "Description": f"lambdatuning: a copy of shop for {EXECUTION}",
            "LastModified": "2026-11-23T09:00:00.000+0000"}  # fmt: skip
    client.others = [
        copy,
        {**copy, "FunctionName": "lambdatuning-copy-34-shopping",
         "Description": f"lambdatuning: a copy of shopping for {EXECUTION}"},
        {"FunctionName": "lambdatuning-copy-of-mine"},
    ]  # fmt: skip
    started = datetime(2026, 11, 23, 9, 1, tzinfo=UTC)
    running = cloud(client, FakeStates({EXECUTION: "RUNNING"}))
    for at, why in (running, f"its run goes on ({EXECUTION})"), (cloud(client), "about to start"):
        remaining = remains(at, "shop", started)
        assert (remaining.copies, len(remaining.stays)) == ((), 1)
        assert remaining.stays[0].startswith("function lambdatuning-copy-12-shop stays: ")
        assert why in remaining.stays[0]
    remaining = remains(cloud(client, FakeStates({EXECUTION: "ABORTED"})), "shop", started)
    assert remaining.lines == ("function lambdatuning-copy-12-shop, a copy of it, is removed",)
    assert clean_function(cloud(client), remaining, no_sleep) == [
        "function lambdatuning-copy-12-shop"
    ]
    assert len(client.others) == 2
    client.faults["ListFunctions"] = ["AccessDeniedException"]
    assert remains(cloud(client), "shop").lines == ()


@pytest.mark.parametrize(
    ("code", "copies"),
    [
        ("AccessDeniedException", ()),
        ("ThrottlingException", ()),
        ("ServiceUnavailable", ()),
        ("ExecutionDoesNotExist", ("lambdatuning-copy-12-shop",)),
    ],
)
def test_a_copy_whose_run_cannot_be_looked_at_stays_however_old(
    client: FakeLambda, code: str, copies: tuple[str, ...]
) -> None:
    client.others = [
        {"FunctionName": "lambdatuning-copy-12-shop",
         "Description": f"lambdatuning: a copy of shop for {EXECUTION}",
         "LastModified": "2026-11-23T09:00:00.000+0000"},
    ]  # fmt: skip
    states = FakeStates({EXECUTION: "RUNNING"}, refuses=code)
    later = datetime(2026, 11, 23, 12, tzinfo=UTC)
    remaining = remains(cloud(client, states), "shop", later)
    assert remaining.copies == copies
    kept = [
        line for line in remaining.stays if f"cannot be looked at ({code}: {EXECUTION})" in line
    ]
    assert len(kept) == len(remaining.stays) == 1 - len(copies)


@pytest.mark.parametrize(
    ("name", "description", "named"),
    [
        ("lambdatuning-copy-0a1b2c3d-shop", "", True),
        ("lambdatuning-copy-12-shop", f"lambdatuning: a copy of shop for {EXECUTION} x", True),
        ("lambdatuning-copy-x", "lambdatuning: a copy of shop for", False),
        ("lambdatuning-copy-x", "lambdatuning: a copy of shop for me", True),
        ("lambdatuning-copy-0a1b2c3d-shopping", "", False),
        ("lambdatuning-copy-of-mine-shop", "", False),
        ("my-shop", f"lambdatuning: a copy of shop for {EXECUTION}", False),
    ],
)
def test_a_copy_without_the_exact_mark_stays_and_is_named(
    client: FakeLambda, name: str, description: str, named: bool
) -> None:
    client.others = [{"FunctionName": name, "Description": description}]
    remaining = remains(cloud(client), "shop")
    assert (remaining.copies, remaining.lines) == ((), ())
    assert len(remaining.stays) == named
    for line in remaining.stays:
        assert "not the exact mark" in line
        assert f"delete-function --function-name {name}`" in line
    assert clean_function(cloud(client), remaining, no_sleep) == []
    assert len(client.others) == 1


def test_cleaning_goes_on_where_throttling_broke_it_off(client: FakeLambda) -> None:
    crash(client)
    remaining = remains(cloud(client), "shop")
    client.faults["DeleteFunction"] = [None, "TooManyRequestsException"]
    with pytest.raises(client.exceptions.ClientError):
        clean_function(cloud(client), remaining, no_sleep)
    again = remains(cloud(client), "shop")
    assert again.lines == ("version 3 is removed", "the lock of run run-0 is removed")
    clean_function(cloud(client), again, no_sleep)
    assert remains(cloud(client), "shop").lines == ()


def test_a_function_that_is_not_there_is_named(client: FakeLambda) -> None:
    with pytest.raises(NotFoundError, match="no function nobody"):
        remains(cloud(client), "nobody")
