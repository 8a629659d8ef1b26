"""AWS clients, made once in an execution environment: making one takes a tenth of a second of its
small CPU share, as long as whole steps take."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10})
"""Lambda's control API takes 15 requests a second of a whole account."""

_TEN_S = 10


def client(service: str, region: str | None = None, config: Config | None = None) -> Any:
    """A boto3 client of the default session; the same one for the same arguments."""
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    return _made(boto3.DEFAULT_SESSION, service, region, config)


def invoking(region: str, within_s: float, connections: int) -> Any:
    """A Lambda client that sends an invocation once, since retries are ours to count, and waits
    for its answer no longer than `within_s` (in whole tens of seconds)."""
    return client("lambda", region, _once(max(1, int(within_s) // _TEN_S) * _TEN_S, connections))


@cache
def _once(read_timeout_s: int, connections: int) -> Config:
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        read_timeout=read_timeout_s,
        max_pool_connections=connections,
        tcp_keepalive=True,
    )


@cache
def _made(session: Any, service: str, region: str | None, config: Config | None) -> Any:
    return session.client(service, region_name=region, config=config)
