"""Folders and addresses: what is neither is refused, and makes no folder."""

from pathlib import Path

import pytest

from lambdatuning.core.address import checked_address
from lambdatuning.core.errors import UsageError


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("s3:/bucket/runs", "write s3://bucket/runs"),
        ("s3:bucket", "write s3://bucket"),
        ("s3:///bucket", "write s3://bucket"),
        ("S3://bucket", "write s3://bucket"),
        ("s3a://bucket/runs", "write s3://bucket/runs"),
        (" s3://bucket", "write s3://bucket"),
        ("s3://", "write s3://BUCKET/PREFIX"),
        (Path("s3://bucket/runs"), "write s3://bucket/runs"),
        ("gs://bucket", "name a folder, or s3://BUCKET/PREFIX"),
        ("nosuch:/x", "name a folder, or s3://BUCKET/PREFIX"),
        ("azure:x", "name a folder, or s3://BUCKET/PREFIX (a folder of this name is ./azure:x)"),
        ("file:///tmp/runs", "name the folder alone: /tmp/runs"),
    ],
)
def test_what_only_looks_like_an_address_is_refused(address: str | Path, advice: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked_address(address)
    assert str(refused.value).endswith(f"; {advice}")


@pytest.mark.parametrize(
    "address", ["runs", "./s3:x", "/srv/runs", "runs:today", "C:\\runs", "c:/runs", "s3://b/p", "."]
)
def test_folders_and_s3_are_taken(address: str) -> None:
    assert checked_address(address) == address


def test_other_schemes_are_taken_where_something_else_reads_them() -> None:
    assert checked_address("gs://bucket/reports", others=True) == "gs://bucket/reports"
    with pytest.raises(UsageError, match="write s3://bucket"):
        checked_address("S3://bucket", others=True)
