"""What quotas leave room for, said before a run begins."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.tuning.plan import (
    ConcurrencyLimits,
    concurrency_limits,
    read_quotas,
)
from lambdatuning.core.arn import parse_function_arn
from lambdatuning.core.errors import UsageError
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.core.tuning.records import Target
from lambdatuning.functions.tuner.tunable import target_of
from tests.fakes.aws_lambda import ARN, FakeLambda

from .conftest import fake_cloud

FUNCTION = parse_function_arn(ARN)


def target(client: FakeLambda) -> Target:
    return target_of(FUNCTION, client.config)


def room(client: FakeLambda, environments: int = 5) -> ConcurrencyLimits:
    return limits(fake_cloud(**{"lambda": client}), client, environments)


def limits(
    cloud: Cloud, client: FakeLambda, environments: int, sizes_mb: Sequence[int] = ()
) -> ConcurrencyLimits:
    quotas = read_quotas(cloud, target(client))
    return concurrency_limits(cloud, target(client), quotas, environments, sizes_mb)


def fitting(client: FakeLambda, *, isolated: bool = False) -> int:
    cloud = fake_cloud(**{"lambda": client})
    return read_quotas(cloud, target(client), isolated=isolated).fitting_environments(5)


@pytest.fixture
def client() -> FakeLambda:
    return FakeLambda()


def test_a_usual_account_has_room(client: FakeLambda) -> None:
    assert room(client) == ConcurrencyLimits(10, None, ())


def test_sizes_that_are_measured_at_once_share_the_cores_of_one_host(client: FakeLambda) -> None:
    host = Endpoint("embedded", cores=4, measuring_cores=3.25)
    cloud = replace(fake_cloud(**{"lambda": client}), endpoint=host)
    assert limits(cloud, client, 5) == ConcurrencyLimits(2, 1.625, ())


def test_a_new_account_measures_one_size_at_a_time(client: FakeLambda) -> None:
    """Ten sizes at once would fill it with tuner functions that wait for each other."""
    client.unreserved = 10
    small = room(client, 4)
    assert small.sizes == 1
    assert "10 unreserved concurrent executions, of which half stay for other" in small.notes[0]
    assert fitting(client) == 4


def test_too_few_executions_are_refused_with_a_number_that_works(client: FakeLambda) -> None:
    client.unreserved = 9
    with pytest.raises(UsageError, match="--environments 3"):
        room(client)
    assert room(client, 3).sizes == 1


def test_reserved_concurrency_bounds_and_is_reported(client: FakeLambda) -> None:
    client.reserved = 20
    small = room(client)
    assert small.sizes == 2
    assert "reserved concurrency of shop lets 2 instead of 10" in small.notes[0]
    assert small.notes[1] == (
        "10 of its 20 reserved concurrent executions stay for its own traffic"
    )
    client.reserved = 6
    with pytest.raises(
        UsageError, match="raise it to 10, or pass --environments 3, or tune a copy"
    ):
        room(client)
    assert fitting(client) == 3


@pytest.mark.parametrize("reserved", [0, 1])
def test_a_concurrency_that_leaves_nothing_gets_advice_that_works(
    client: FakeLambda, reserved: int
) -> None:
    client.reserved = reserved
    assert fitting(client) == 1
    with pytest.raises(UsageError, match=r"raise it to 2, or tune a copy.* with --isolate"):
        room(client, 1)
    assert fitting(client, isolated=True) == 5
    cloud = fake_cloud(**{"lambda": client})
    quotas = read_quotas(cloud, target(client), isolated=True)
    assert concurrency_limits(cloud, target(client), quotas, 5).sizes == 10


def test_a_vpc_is_reported(client: FakeLambda) -> None:
    client.change(VpcConfig={"SubnetIds": ["subnet-1"]})
    assert "shop is in a VPC" in room(client).notes[0]


def test_quotas_that_may_not_be_read_bound_nothing(client: FakeLambda) -> None:
    client.faults["GetFunctionConcurrency"] = ["AccessDeniedException"]
    client.faults["GetAccountSettings"] = ["AccessDeniedException"]
    assert room(client) == ConcurrencyLimits(10, None, ())
    client.faults["GetAccountSettings"] = ["ServiceException"]
    with pytest.raises(client.exceptions.ClientError):
        room(client)


def test_sizes_beyond_the_cores_of_one_host_are_reported(client: FakeLambda) -> None:
    host = Endpoint("embedded", cores=2, measuring_cores=1.25)
    cloud = replace(fake_cloud(**{"lambda": client}), endpoint=host)
    notes = limits(cloud, client, 3, (128, 4096, 10_240)).notes
    assert notes == (
        "4,096 and 10,240 MB: more vCPUs than this host's 2 cores, so measured as 2 cores; "
        "only AWS can tell such sizes apart",
    )
    assert limits(cloud, client, 3, (128, 3008)).notes == ()
    aws = replace(cloud, endpoint=Endpoint("aws"))
    assert limits(aws, client, 3, (10_240,)).notes == ()
