"""DynamoDBManager as it is deployed, in front of a DynamoDB that answers over HTTP."""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

TABLE = "lambda-apigateway"
PACKAGE = "lambdatuning.functions.dynamodb_manager"


@pytest.fixture(scope="module")
def dynamodb_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def environment(dynamodb_url: str) -> Iterator[dict[str, str]]:
    variables = {
        "TABLE_NAME": TABLE,
        "AWS_ENDPOINT_URL": dynamodb_url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables


@pytest.fixture(scope="module")
def operations(environment: dict[str, str]) -> ModuleType:
    """The operations, their client made with this environment."""
    return importlib.reload(importlib.import_module(f"{PACKAGE}.operations"))


@pytest.fixture(scope="module")
def manager(operations: ModuleType) -> ModuleType:
    """The handler's module."""
    return importlib.reload(importlib.import_module(f"{PACKAGE}.app"))


@pytest.fixture
def table(environment: dict[str, str]) -> Iterator[Any]:
    """The table of template.yaml, empty, as a boto3 resource."""
    table = boto3.resource("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "small", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "small",
                "KeySchema": [{"AttributeName": "small", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    yield table
    table.delete()
