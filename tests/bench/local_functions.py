"""Clients of an embedded AWS, and the functions that its benchmark invokes on it."""

import io
import zipfile
from itertools import count
from typing import Any

import boto3
from botocore.config import Config

from lambdatuning.local.endpoint import LocalEndpoint

BURN = """
import time
def handler(event, context):
    end = time.thread_time() + event["cpu_ms"] / 1e3
    while time.thread_time() < end:
        pass
    time.sleep(event.get("sleep_ms", 0) / 1e3)
"""
_numbers = count()


def client_of(endpoint: LocalEndpoint, service: str) -> Any:
    """A boto3 client that does not retry and waits long."""
    return boto3.client(
        service,
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=endpoint.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=20, read_timeout=300, retries={"total_max_attempts": 1}),
    )


def function(client: Any, source: str, memory_mb: int) -> str:
    """Make a function of one source file; its name."""
    name = f"bench{next(_numbers)}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", source)
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::111122223333:role/anyone",
        Handler="app.handler",
        MemorySize=memory_mb,
        Timeout=120,
        Code={"ZipFile": buffer.getvalue()},
    )
    return name
