"""DynamoDBManager behind API Gateway: a proxy event in, a status and JSON out."""

import base64
import json
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber


def post(manager: ModuleType, body: Any, **more: Any) -> tuple[int, Any]:
    """Status and parsed body of a request; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    event = {
        "httpMethod": "POST",
        "path": "/DynamoDBManager",
        "requestContext": {"stage": "Prod"},
        "body": text,
        "isBase64Encoded": False,
        **more,
    }
    answer = manager.handler(event, None)
    assert answer["headers"] == {"Content-Type": "application/json"}
    assert "Traceback" not in answer["body"]
    return answer["statusCode"], json.loads(answer["body"])


def refused(manager: ModuleType, body: Any, **more: Any) -> tuple[int, str, str]:
    status, answer = post(manager, body, **more)
    assert answer.keys() == {"error"}
    return status, answer["error"]["type"], answer["error"]["message"]


def test_crud(manager: ModuleType, table: Any) -> None:
    key = {"Key": {"id": "a"}}
    created, _ = post(manager, {"operation": "create", "payload": {"Item": {"id": "a", "n": 1.5}}})
    status, answer = post(manager, {"operation": "read", "payload": key})
    assert (created, status, answer["Item"]) == (200, 200, {"id": "a", "n": 1.5})
    assert post(manager, {"operation": "delete", "payload": key})[0] == 200
    assert refused(manager, {"operation": "read", "payload": key})[:2] == (404, "NotFound")


def test_numbers_are_exact_digit_for_digit(manager: ModuleType, table: Any) -> None:
    digits = "12345678901234567890.123456789012345678"
    text = f'{{"operation": "create", "payload": {{"Item": {{"id": "a", "n": {digits}}}}}}}'
    assert post(manager, text)[0] == 200
    event = {"requestContext": {}, "body": '{"operation": "read", "payload": {"Key": {"id": "a"}}}'}
    assert f'"n": {digits}' in manager.handler(event, None)["body"]


def test_ping_and_echo(manager: ModuleType) -> None:
    assert post(manager, {"operation": "ping"}) == (200, "pong")
    assert post(manager, {"operation": "echo", "payload": ["é", 1.5]}) == (200, ["é", 1.5])


def test_a_base64_body_is_decoded(manager: ModuleType) -> None:
    body = base64.b64encode(b'{"operation": "ping"}').decode()
    assert post(manager, body, isBase64Encoded=True) == (200, "pong")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "no body"),
        ("", "no body"),
        ("{", "not JSON"),
        ("NaN", "NaN is no JSON number"),
        ('{"operation": "echo", "payload": Infinity}', "Infinity is no JSON number"),
        ("[]", "JSON object"),
        ('"ping"', "JSON object"),
        ("{}", '"operation"'),
        ('{"operation": "drop"}', 'Unrecognized operation "drop"'),
        ('{"operation": {}}', "Unrecognized operation {}"),
        ('{"operation": "create", "payload": {"Item": null}}', "not null"),
        ('{"operation": "create", "payload": {"Item": [true]}}', "not [true]"),
        ('{"operation": "list", "payload": {"Limit": "x"}}', "Limit must be a JSON number, not"),
        ('{"operation": "list", "payload": {"Limit": [1]}}', "Limit must be a JSON number, not"),
        ('{"operation": "list", "payload": {"Limit": 1.5}}', "Limit must be a whole number"),
        ('{"operation": "echo", "payload": "\\ud83d"}', "half a character"),
        ('{"operation": "echo", "payload": "\\udE00"}', "half a character"),
        ('{"operation": "echo", "payload": {"\\uDfff": 1}}', "half a character"),
        ('{"operation": "echo", "payload": "\\ude00\\ud83d"}', "half a character"),
        ('\ufeff{"operation": "ping"}', "not JSON: it begins with a byte order mark"),
        ('{"operation": "echo", "payload": "\ud83d"}', "it is not UTF-8"),
        ('{"operation": "create", "payload": {"Item": 1}}', "Attributes must be"),
        ('{"operation": "read", "payload": {"Name": 1}}', 'Unknown argument "Name"'),
        ('{"operation": "digest", "payload": {"text": "\\ud800", "rounds": 1}}', "half a"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "not JSON: it holds a number of 5,000 digits"),
    ],
)
def test_a_bad_request_is_400(manager: ModuleType, body: str | None, message: str) -> None:
    status, kind, text = refused(manager, body)
    assert (status, kind) == (400, "BadRequest")
    assert message in text


@pytest.mark.parametrize("body", ["%%%", base64.b64encode(b"\xff\xfe\x00").decode()])
def test_a_binary_body_is_400(manager: ModuleType, body: str) -> None:
    assert refused(manager, body, isBase64Encoded=True)[:2] == (400, "BadRequest")


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_nesting_deeper_than_dynamodb_holds_is_400(
    opening: str, closing: str, manager: ModuleType, table: Any
) -> None:
    def create(levels: int) -> str:
        nested = opening * levels + "1" + closing * levels
        return f'{{"operation": "create", "payload": {{"Item": {{"id": "a", "x": {nested}}}}}}}'

    assert manager.respond({"body": create(32)})["statusCode"] == 200
    expected = (400, "BadRequest", "DynamoDB holds at most 32 levels of lists and maps")
    assert refused(manager, create(33)) == expected
    assert refused(manager, create(900))[:2] == expected[:2]


def test_another_table_is_403(manager: ModuleType) -> None:
    answer = refused(manager, {"operation": "list", "tableName": "other", "payload": {}})
    assert answer[:2] == (403, "Forbidden")


def test_a_failed_condition_is_409(manager: ModuleType, table: Any) -> None:
    payload = {"Key": {"id": "a"}, "ConditionExpression": "attribute_exists(id)"}
    answer = refused(manager, {"operation": "delete", "payload": payload})
    assert answer[:2] == (409, "ConditionalCheckFailedException")


def test_an_item_over_400_kb_is_413(manager: ModuleType, table: Any) -> None:
    item = {"id": "a", "text": "x" * 410_000}
    answer = refused(manager, {"operation": "create", "payload": {"Item": item}})
    assert answer[0] == 413


def test_a_result_that_lambda_could_not_return_is_413(manager: ModuleType) -> None:
    request = {"operation": "echo", "payload": '"' * 2_500_000}
    assert refused(manager, request)[:2] == (413, "ResponseTooLarge")


def test_a_large_result_that_fits_is_returned(manager: ModuleType) -> None:
    status, text = post(manager, {"operation": "echo", "payload": "x" * 5_000_000})
    assert (status, len(text)) == (200, 5_000_000)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ProvisionedThroughputExceededException", 429, "ProvisionedThroughputExceededException"),
        ("ThrottlingException", 429, "ThrottlingException"),
        ("RequestLimitExceeded", 429, "RequestLimitExceeded"),
        ("AccessDeniedException", 403, "AccessDeniedException"),
        (
            "ItemCollectionSizeLimitExceededException",
            413,
            "ItemCollectionSizeLimitExceededException",
        ),
        ("ResourceNotFoundException", 500, "InternalError"),
        ("InternalServerError", 500, "InternalError"),
    ],
)
def test_what_dynamodb_says_becomes_a_status(
    manager: ModuleType, operations: ModuleType, code: str, status: int, kind: str
) -> None:
    secret = "arn:aws:sts::111122223333:assumed-role/secret"
    with Stubber(operations.DYNAMODB) as stub:
        stub.add_client_error("get_item", code, f"User {secret} is not authorized")
        answer = refused(manager, {"operation": "read", "payload": {"Key": {"id": "a"}}})
    assert answer[:2] == (status, kind)
    assert (secret in answer[2]) == (status in {429, 413})


def test_an_unreachable_dynamodb_is_500_without_details(
    manager: ModuleType, operations: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    with Stubber(operations.DYNAMODB):  # answers nothing: any call is unexpected
        answer = refused(manager, {"operation": "read", "payload": {"Key": {"id": "a"}}})
    assert answer[:2] == (500, "InternalError")
    assert "unexpected error" in caplog.text
