"""Expressions of DynamoDB: broken ones are refused, sound ones are not."""

import json

import pytest
from botocore.exceptions import ClientError

from lambdatuning.local.apis.expressions import problem_of
from tests.local.conftest import Cloud


def _problem(kind: str, text: str) -> str:
    return problem_of(json.dumps({f"{kind}Expression": text}).encode())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Update", "SET n = :v"),
        ("Update", "set #a.b[0].c = if_not_exists(n, :v) + :w, m = n - :v REMOVE x, y[1]"),
        ("Update", "ADD n :v DELETE s :w"),
        ("Update", "SET l = list_append(l, :v)"),
        ("Condition", "attribute_not_exists(id)"),
        ("Condition", "NOT (a = :v OR b <> :w) AND size(c) > :n"),
        ("Filter", "n BETWEEN :a AND :b AND m IN (:a, :b, c)"),
        ("Filter", "begins_with(#n, :p) or contains(t, :v)"),
        ("KeyCondition", "id = :v AND begins_with(n, :p)"),
        ("KeyCondition", "id = :v and n between :a and :b"),
        ("Projection", "a, b.c[1], #d"),
        ("Condition", "size(#s) > :n AND attribute_type(nick, :t)"),
    ],
)
def test_sound_expressions_pass(kind: str, text: str) -> None:
    assert _problem(kind, text) == ""


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("Update", "SET n = :v, ", 'Syntax error; token: "<EOF>", near: ","'),
        ("Update", "SET a = foo(a, :v)", "Invalid function name; function: foo"),
        (
            "Update",
            "SET a = if_not_exists(a)",
            "Incorrect number of operands for operator or function; operator or function: "
            "if_not_exists, number of operands: 1",
        ),
        (
            "Update",
            "SET a = size(b)",
            "The function is not allowed in an update expression; function: size",
        ),
        (
            "Condition",
            "list_append(a, :v) = :w",
            "The function is not allowed in a condition expression; function: list_append",
        ),
        # "Reserved words in DynamoDB": in any case, in nested names, but not as functions.
        (
            "Update",
            "SET name = :v",
            "Attribute name is a reserved keyword; reserved keyword: name",
        ),
        (
            "Projection",
            "id, a.Status",
            "Attribute name is a reserved keyword; reserved keyword: Status",
        ),
        (
            "Condition",
            "attribute_not_exists(ttl)",
            "Attribute name is a reserved keyword; reserved keyword: ttl",
        ),
        (
            "KeyCondition",
            "year = :v",
            "Attribute name is a reserved keyword; reserved keyword: year",
        ),
        ("Filter", "size = :v", "Attribute name is a reserved keyword; reserved keyword: size"),
        ("Update", "SET n == :v", 'Syntax error; token: "=", near: "= = :v"'),
        ("Update", "SET n = :v extra", 'Syntax error; token: "extra", near: ":v extra"'),
        ("Update", "SET a[ = :v", 'Syntax error; token: "=", near: "[ = :v"'),
        ("Update", "SET n", 'Syntax error; token: "<EOF>", near: "n"'),
        (
            "Update",
            "SET n = :v SET m = :v",
            'The "SET" section can only be used once in an update expression;',
        ),
        ("Update", " ", "The expression can not be empty;"),
        ("Filter", "n <> :v &&", 'Syntax error; token: "&", near: "n <> :v &&"'),
        ("Filter", "n", 'Syntax error; token: "<EOF>", near: "n"'),
        ("Condition", "(n = :v", 'Syntax error; token: "<EOF>", near: ":v"'),
        ("Condition", "n IN ()", 'Syntax error; token: ")", near: "( )"'),
        (
            "KeyCondition",
            "id = :v OR id = :v",
            "Invalid operator used in KeyConditionExpression: OR",
        ),
        ("Projection", "n,", 'Syntax error; token: "<EOF>", near: ","'),
        ("Projection", "n..m", 'Syntax error; token: ".", near: ". . m"'),
        ("Projection", "n n", 'Syntax error; token: "n", near: "n n"'),
    ],
)
def test_broken_expressions_are_reported(kind: str, text: str, problem: str) -> None:
    assert _problem(kind, text) == f"Invalid {kind}Expression: {problem}"


def test_the_endpoint_refuses_them(cloud: Cloud) -> None:
    client = cloud.client("dynamodb")
    client.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    given = {"TableName": "table", "Key": {"id": {"S": "a"}}}
    values = {":v": {"N": "1"}}
    with pytest.raises(ClientError) as refused:
        client.update_item(
            **given, UpdateExpression="SET n = :v,", ExpressionAttributeValues=values
        )
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": 'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: ","',
    }
    client.update_item(**given, UpdateExpression="SET n = :v", ExpressionAttributeValues=values)
    assert client.get_item(**given)["Item"]["n"] == {"N": "1"}


def test_only_numbers_are_added() -> None:
    call = {"UpdateExpression": "SET n = n + :v", "ExpressionAttributeValues": {":v": {"S": "1"}}}

    assert problem_of(json.dumps(call).encode()) == (
        "Invalid UpdateExpression: Incorrect operand type for operator or function; "
        "operator or function: +, operand type: S"
    )
    call["ExpressionAttributeValues"] = {":v": {"N": "1"}}
    assert problem_of(json.dumps(call).encode()) == ""


def test_actions_of_a_transaction_are_checked() -> None:
    update = {"TableName": "t", "UpdateExpression": "SET status = :v"}
    call = {"TransactItems": [{"Put": {"TableName": "t"}}, {"Update": update}]}

    assert "reserved keyword: status" in problem_of(json.dumps(call).encode())
