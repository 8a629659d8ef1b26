"""Seeds: all of them in the table, whatever DynamoDB leaves out at first."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from lambdatuning.cloud.payloads import seed, unseed
from lambdatuning.cloud.session import Cloud
from lambdatuning.core.errors import LambdaTuningError, NotFoundError
from tests.cloud.conftest import fake_cloud

TABLE = "seeds"


@pytest.fixture
def table(embedded: Cloud) -> Iterator[Any]:
    resource = embedded.session.resource("dynamodb", endpoint_url=embedded.endpoint_url)
    table = resource.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    yield table
    table.delete()


def items(count: int) -> list[dict[str, Any]]:
    return [{"id": str(n), "share": n / 4, "inner": {"list": [n, None]}} for n in range(count)]


def test_every_item_is_there_and_goes_again(embedded: Cloud, table: Any) -> None:
    progress = list[int]()
    assert seed(embedded, TABLE, items(103), on_progress=progress.append) == 103
    assert (progress[-1], progress) == (103, sorted(progress))
    stored = table.scan()["Items"]
    assert len(stored) == 103
    assert {"id": "1", "share": Decimal("0.25"), "inner": {"list": [1, None]}} in stored
    table.put_item(Item={"id": "not ours"})
    assert unseed(embedded, TABLE, items(103)) == 103
    assert table.scan()["Items"] == [{"id": "not ours"}]


def test_of_two_items_of_one_key_the_last_wins(embedded: Cloud, table: Any) -> None:
    twice: list[dict[str, Any]] = [{"id": "a", "n": 1}, {"id": "b"}, {"id": "a", "n": 2}]
    assert seed(embedded, TABLE, twice) == 2
    assert table.get_item(Key={"id": "a"})["Item"]["n"] == 2


def test_nothing_to_seed_is_fine(embedded: Cloud, table: Any) -> None:
    assert seed(embedded, TABLE, []) == 0


def test_without_the_table_it_says_what_to_do(embedded: Cloud) -> None:
    with pytest.raises(NotFoundError, match=r'no table "gone".*lambdatuning deploy'):
        seed(embedded, "gone", items(1))


class Throttled:
    """A DynamoDB that takes `takes` requests of each call and leaves the others out."""

    class exceptions:  # noqa: N801 - as botocore names it
        ResourceNotFoundException = KeyError

    def __init__(self, takes: int) -> None:
        self.takes, self.written, self.calls = takes, list[str](), 0

    def describe_table(self, TableName: str) -> dict[str, Any]:  # noqa: N803
        return {"Table": {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}}

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        [(name, requests)] = RequestItems.items()
        assert len(requests) <= 25
        self.calls += 1
        self.written += [r["PutRequest"]["Item"]["id"]["S"] for r in requests[: self.takes]]
        left = requests[self.takes :]
        return {"UnprocessedItems": {name: left} if left else {}}


def test_what_is_left_out_is_sent_again_after_a_pause() -> None:
    dynamodb, pauses = Throttled(takes=10), list[float]()
    assert seed(fake_cloud(dynamodb=dynamodb), TABLE, items(60), sleep=pauses.append) == 60
    assert sorted(dynamodb.written, key=int) == [str(n) for n in range(60)]
    assert len(pauses) == dynamodb.calls - 3
    assert all(0 <= pause <= 5 for pause in pauses)


def test_a_table_that_takes_nothing_is_given_up() -> None:
    with pytest.raises(LambdaTuningError, match="keeps refusing items"):
        seed(fake_cloud(dynamodb=Throttled(takes=0)), TABLE, items(1), sleep=lambda _: None)
