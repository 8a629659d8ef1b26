"""Buckets: the one for code packages, made when missing, and how a bucket is emptied."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import StackError
from ..session import Cloud
from .package import Artifact
from .status import WAITING, Waiting

_MISSING = {"404", "NoSuchBucket", "NotFound"}
_PATIENCE_S = 120.0


def artifact_bucket(cloud: Cloud) -> str:
    """Name of the account's bucket for code packages in its region."""
    return f"lambdatuning-artifacts-{cloud.account_id}-{cloud.region}"


def ensure_artifact_bucket(cloud: Cloud, waiting: Waiting = WAITING) -> str:
    """Its name, once it is there, private, encrypted and TLS only; StackError if not ours."""
    bucket = artifact_bucket(cloud)
    if not exists(cloud, bucket):
        _create(cloud, bucket, replace(waiting, patience_s=_PATIENCE_S))
    _secure(cloud, bucket)
    return bucket


def _create(cloud: Cloud, bucket: str, waiting: Waiting) -> None:
    """Make it; S3 refuses for a while where a bucket of that name was deleted just before."""
    s3 = cloud.client("s3")
    where = {} if cloud.region == "us-east-1" else {"LocationConstraint": cloud.region}
    for _ in waiting.pauses(f"the deletion of an older bucket {bucket}"):
        try:
            s3.create_bucket(
                Bucket=bucket,
                ObjectOwnership="BucketOwnerEnforced",
                **({"CreateBucketConfiguration": where} if where else {}),
            )
            break
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code == "BucketAlreadyOwnedByYou":
                break
            if code != "OperationAborted":
                raise _not_ours(bucket, exc) from exc
    s3.get_waiter("bucket_exists").wait(Bucket=bucket)


def exists(cloud: Cloud, bucket: str) -> bool:
    """Whether the bucket is there and this account's; StackError if it is somebody else's."""
    try:
        cloud.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=cloud.account_id)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in _MISSING:
            return False
        raise _not_ours(bucket, exc) from exc
    return True


def upload(cloud: Cloud, bucket: str, prefix: str, artifacts: list[Artifact]) -> dict[str, str]:
    """Logical ID -> key of each artifact; what lies there already is not sent again."""
    s3 = cloud.client("s3")
    there = {entry["Key"] for entry in _objects(cloud, bucket, f"{prefix}/")}
    keys: dict[str, str] = {}
    for artifact in artifacts:
        key = keys[artifact.logical_id] = f"{prefix}/{artifact.name}"
        if key not in there:
            s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=artifact.data,
                ExpectedBucketOwner=cloud.account_id,
            )
            there.add(key)
    return keys


def count(cloud: Cloud, bucket: str, prefix: str = "") -> int:
    """Number of objects under `prefix`, every version of each."""
    return sum(1 for _ in _versions(cloud, bucket, prefix)) if exists(cloud, bucket) else 0


def empty(cloud: Cloud, bucket: str, prefix: str = "") -> None:
    """Delete every object under `prefix`, with all versions; StackError names one that stays."""
    s3 = cloud.client("s3")
    batch: list[dict[str, str]] = []
    for version in _versions(cloud, bucket, prefix):
        batch.append(version)
        if len(batch) == 1000:
            _delete(s3, cloud, bucket, batch)
            batch = []
    if batch:
        _delete(s3, cloud, bucket, batch)


def remove_artifacts(cloud: Cloud, stack_name: str) -> None:
    """Delete a stack's code packages, and their bucket with those of the last stack."""
    bucket = artifact_bucket(cloud)
    if exists(cloud, bucket):
        empty(cloud, bucket, f"{stack_name}/")
        if next(_versions(cloud, bucket, ""), None) is None:
            cloud.client("s3").delete_bucket(Bucket=bucket, ExpectedBucketOwner=cloud.account_id)


def _delete(s3: Any, cloud: Cloud, bucket: str, batch: list[dict[str, str]]) -> None:
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": batch, "Quiet": True},
        ExpectedBucketOwner=cloud.account_id,
    )
    for error in answer.get("Errors", ()):
        where = f"s3://{bucket}/{error['Key']}"
        raise StackError(f"{where} cannot be deleted: {error['Message']}; delete it, then go on")


def _versions(cloud: Cloud, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
    pages = cloud.client("s3").get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=cloud.account_id):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def _objects(cloud: Cloud, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    pages = cloud.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=cloud.account_id):
        yield from page.get("Contents", ())


def _secure(cloud: Cloud, bucket: str) -> None:
    """Settings that make it private; put each time, since a crash may have left a bare bucket."""
    s3, owner = cloud.client("s3"), cloud.account_id
    s3.put_public_access_block(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        ServerSideEncryptionConfiguration={"Rules": [rule]},
    )
    s3.put_bucket_policy(
        Bucket=bucket, ExpectedBucketOwner=owner, Policy=json.dumps(_tls_only(cloud, bucket))
    )
    s3.put_bucket_tagging(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        Tagging={"TagSet": [{"Key": "project", "Value": "lambdatuning"}]},
    )


def _tls_only(cloud: Cloud, bucket: str) -> dict[str, Any]:
    arn = f"arn:{cloud.caller_arn.split(':')[1]}:s3:::{bucket}"
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _not_ours(bucket: str, exc: ClientError) -> StackError:
    code = exc.response["Error"]["Code"]
    return StackError(
        f"the bucket {bucket} is not this account's or not allowed to it ({code}); "
        "deploy in another region, or ask who owns it"
    )
