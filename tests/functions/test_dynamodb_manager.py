"""DynamoDBManager called directly, as a state machine or the CLI does."""

from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError


def call(manager: ModuleType, operation: str, payload: Any = None, **more: Any) -> Any:
    return manager.handler({"operation": operation, "payload": payload, **more}, None)


def test_crud_in_the_form_of_the_tutorial(manager: ModuleType, table: Any) -> None:
    own = {"tableName": "lambda-apigateway"}
    key = {"Key": {"id": "1234ABCD"}}
    call(manager, "create", {"Item": {"id": "1234ABCD", "number": 5}}, **own)
    assert call(manager, "read", key, **own)["Item"] == {"id": "1234ABCD", "number": 5}
    call(manager, "update", {**key, "AttributeUpdates": {"number": {"Value": 10}}}, **own)
    assert call(manager, "list", {}, **own)["Items"] == [{"id": "1234ABCD", "number": 10}]
    call(manager, "delete", key, **own)
    assert "Item" not in call(manager, "read", key, **own)
    assert table.scan()["Count"] == 0


def test_without_a_table_name_its_own_is_meant(manager: ModuleType, table: Any) -> None:
    call(manager, "create", {"Item": {"id": "a"}})
    assert table.get_item(Key={"id": "a"})["Item"] == {"id": "a"}


def test_expressions(manager: ModuleType, table: Any) -> None:
    call(manager, "create", {"Item": {"id": "a", "visits": 1, "name": "x"}})
    updated = call(
        manager,
        "update",
        {
            "Key": {"id": "a"},
            "UpdateExpression": "SET #n = :name ADD visits :one",
            "ExpressionAttributeNames": {"#n": "name"},
            "ExpressionAttributeValues": {":one": 1, ":name": {"first": "Ada"}},
            "ReturnValues": "ALL_NEW",
        },
    )
    assert updated["Attributes"] == {"id": "a", "visits": 2, "name": {"first": "Ada"}}
    listed = call(
        manager,
        "list",
        {
            "FilterExpression": "visits > :n",
            "ProjectionExpression": "visits",
            "ExpressionAttributeValues": {":n": 1.5},
        },
    )
    assert listed["Items"] == [{"visits": 2}]


def test_pages_are_followed_with_the_last_key(manager: ModuleType, table: Any) -> None:
    for number in range(3):
        call(manager, "create", {"Item": {"id": str(number)}})
    first = call(manager, "list", {"Limit": 2})
    rest = call(manager, "list", {"ExclusiveStartKey": first["LastEvaluatedKey"]})
    ids = [item["id"] for item in first["Items"] + rest["Items"]]
    assert sorted(ids) == ["0", "1", "2"]


def test_the_small_index_never_meets_the_rest(manager: ModuleType, table: Any) -> None:
    call(manager, "create", {"Item": {"id": "a", "small": "yes"}})
    call(manager, "create", {"Item": {"id": "b"}})
    listed = call(manager, "list", {"IndexName": "small"})
    assert [item["id"] for item in listed["Items"]] == ["a"]


@pytest.mark.parametrize(
    "number",
    [0, -7, 2**100, 0.1, 1e-9, 1e22, Decimal("12345678901234567890.123456789012345678")],
)
def test_numbers_survive(manager: ModuleType, table: Any, number: Any) -> None:
    call(manager, "create", {"Item": {"id": "a", "number": number}})
    assert call(manager, "read", {"Key": {"id": "a"}})["Item"]["number"] == Decimal(str(number))


def test_every_kind_of_json_value_survives(manager: ModuleType, table: Any) -> None:
    item = {"id": "a", "t": True, "n": None, "l": [1, "é", {"m": []}], "e": "", "d": {"k": False}}
    call(manager, "create", {"Item": item})
    assert call(manager, "read", {"Key": {"id": "a"}})["Item"] == item


def test_sets_written_by_others_are_read_as_lists(manager: ModuleType, table: Any) -> None:
    table.put_item(Item={"id": "a", "numbers": {1, 2}, "names": {"x"}})
    item = call(manager, "read", {"Key": {"id": "a"}})["Item"]
    assert sorted(item["numbers"]) == [1, 2]
    assert item["names"] == ["x"]


def test_binary_written_by_others_is_read_as_base64(manager: ModuleType, table: Any) -> None:
    """As DynamoDB's low-level API shows it."""
    table.put_item(Item={"id": "a", "picture": b"\x00\xff", "more": {b"a"}})
    table.put_item(Item={"id": "b", "name": "plain"})

    item = call(manager, "read", {"Key": {"id": "a"}})["Item"]
    assert item == {"id": "a", "picture": "AP8=", "more": ["YQ=="]}
    assert len(call(manager, "list", {})["Items"]) == 2
    with pytest.raises(ValueError, match="binary"):
        call(manager, "create", {"Item": {"id": "b", "picture": b"\x00"}})


@pytest.mark.parametrize("item", [{"id": "half \ud83d"}, {"id": "a", "\udc00": 1}])
def test_half_a_character_is_refused(manager: ModuleType, item: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"holds half a character \(a lone surrogate\)$"):
        call(manager, "create", {"Item": item})


def test_the_answer_has_no_transport_headers(manager: ModuleType, table: Any) -> None:
    answer = call(manager, "create", {"Item": {"id": "a"}})
    assert answer["ResponseMetadata"].keys() == {"RequestId", "HTTPStatusCode", "RetryAttempts"}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("payload", [None, 1, "text", {"a": [1, 2]}])
def test_echo_gives_back_what_it_gets(manager: ModuleType, payload: Any) -> None:
    assert call(manager, "echo", payload) == payload


def test_ping_needs_nothing(manager: ModuleType) -> None:
    assert manager.handler({"operation": "ping"}, None) == "pong"


def test_digest_is_pbkdf2(manager: ModuleType) -> None:
    answer = call(manager, "digest", {"text": "abc", "rounds": 1000})
    # openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:abc -kdfopt salt:lambdatuning
    #   -kdfopt iter:1000 PBKDF2
    assert answer == {
        "digest": "27a273950b0ec6fae0ac8075b2752e64c0b163d577d108e46050aa90c6980ca8",
        "rounds": 1000,
    }


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"text": "abc"},
        {"text": 1, "rounds": 1},
        {"text": "abc", "rounds": 0},
        {"text": "abc", "rounds": 2_000_001},
        {"text": "abc", "rounds": 1.5},
    ],
)
def test_digest_is_bounded(manager: ModuleType, payload: Any) -> None:
    with pytest.raises(ValueError, match="from 1 to 2000000"):
        call(manager, "digest", payload)


@pytest.mark.parametrize("operation", ["x", "", None, 1, ["create"]])
def test_an_unknown_operation_raises(manager: ModuleType, operation: Any) -> None:
    with pytest.raises(ValueError, match=r"^Unrecognized operation "):
        call(manager, operation)


@pytest.mark.parametrize("event", [None, 1, "ping", [], {}, {"payload": {}}])
def test_a_request_without_operation_raises(manager: ModuleType, event: Any) -> None:
    with pytest.raises(ValueError, match='must be a JSON object with "operation"'):
        manager.handler(event, None)


def test_another_table_is_refused(manager: ModuleType) -> None:
    with pytest.raises(PermissionError, match='"other" is not that of this function'):
        call(manager, "read", {"Key": {"id": "a"}}, tableName="other")


@pytest.mark.parametrize(
    ("operation", "payload", "message"),
    [
        ("read", None, 'Missing required parameter in input: "Key"'),
        ("read", [], '"payload" must be a JSON object'),
        ("read", {"Key": "a"}, "Attributes must be a JSON object"),
        ("read", {"Key": {"id": "a"}, "TableName": "other"}, 'Unknown argument "TableName"'),
        ("read", {"Key": {"id": "a"}, "ConsistentRead": "yes"}, "a JSON boolean, not string"),
        ("create", {"Item": {"id": "a", "n": float("inf")}}, "no number"),
        ("create", {"Item": {"id": "a", "n": 10**126}}, "DynamoDB cannot hold"),
        ("create", {"Item": {"id": "a", "n": 10**38 + 1}}, "DynamoDB cannot hold"),
        ("update", {"Key": {"id": "a"}, "AttributeUpdates": {"n": 1}}, "AttributeUpdates must be"),
    ],
)
def test_bad_arguments_raise_one_line(
    manager: ModuleType, operation: str, payload: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call(manager, operation, payload)
    assert "\n" not in str(caught.value)


def test_what_dynamodb_refuses_is_raised_as_it_is(manager: ModuleType, table: Any) -> None:
    payload = {"Key": {"id": "gone"}, "ConditionExpression": "attribute_exists(id)"}
    with pytest.raises(ClientError) as caught:
        call(manager, "delete", payload)
    assert type(caught.value).__name__ == "ConditionalCheckFailedException"
