"""Buckets: where code packages lie, made when missing, and how a bucket is emptied."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import StackError
from ..session import Cloud
from .package import Artifact
from .status import OURS, WAITING, Waiting

_MISSING = {"404", "NoSuchBucket", "NotFound"}
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Packages:
    """Where the code packages of a stack lie; one that is not `own` belongs to the organisation:
    it is neither made nor set up nor removed, and may be another account's."""

    bucket: str
    prefix: str
    own: bool = True
    kms_key_arn: str = ""


def packages_of(cloud: Cloud, stack_name: str, bucket: str = "") -> Packages:
    """In `bucket` if one is named, else in the account's own bucket for its region."""
    if bucket and bucket != artifact_bucket(cloud):
        return Packages(bucket, f"{OURS}/{stack_name}/", own=False)
    return Packages(artifact_bucket(cloud), f"{stack_name}/")


def artifact_bucket(cloud: Cloud) -> str:
    """Name of the account's bucket for code packages in its region."""
    return f"lambdatuning-artifacts-{cloud.account_id}-{cloud.region}"


def ensure(cloud: Cloud, packages: Packages, waiting: Waiting = WAITING) -> None:
    """See that the bucket is there; our own is made, for TLS alone. StackError if it is not ours.

    Private and encrypted is what S3 makes every bucket since 2023: nothing of it is asked for, as
    service control policies forbid to touch these settings.
    """
    if not packages.own:
        if not exists(cloud, packages.bucket, any_owner=True):
            raise StackError(f"there is no bucket {packages.bucket}; pass another --bucket")
        return
    if not exists(cloud, packages.bucket):
        _create(cloud, packages.bucket, replace(waiting, patience_s=_PATIENCE_S))
    _secure(cloud, packages.bucket)


def _create(cloud: Cloud, bucket: str, waiting: Waiting) -> None:
    """Make it; S3 refuses for a while where a bucket of that name was deleted just before."""
    s3 = cloud.client("s3")
    where = {} if cloud.region == "us-east-1" else {"LocationConstraint": cloud.region}
    for _ in waiting.pauses(f"the deletion of an older bucket {bucket}"):
        try:
            s3.create_bucket(
                Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {})
            )
            break
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code == "BucketAlreadyOwnedByYou":
                break
            if code != "OperationAborted":
                raise _not_ours(bucket, exc) from exc
    s3.get_waiter("bucket_exists").wait(Bucket=bucket)


def exists(cloud: Cloud, bucket: str, *, any_owner: bool = False) -> bool:
    """Whether the bucket is there; StackError if it must be this account's and is not."""
    try:
        cloud.client("s3").head_bucket(Bucket=bucket, **_expected(cloud, any_owner=any_owner))
    except ClientError as exc:
        if exc.response["Error"]["Code"] in _MISSING:
            return False
        raise _not_ours(bucket, exc) from exc
    return True


def upload(cloud: Cloud, packages: Packages, artifacts: list[Artifact]) -> dict[str, str]:
    """Logical ID -> key of each artifact; what lies there already is not sent again."""
    s3, uploaded = cloud.client("s3"), _uploaded(cloud, packages)
    key_arn = packages.kms_key_arn
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_arn} if key_arn else {}
    keys: dict[str, str] = {}
    for artifact in artifacts:
        key = keys[artifact.logical_id] = f"{packages.prefix}{artifact.name}"
        if key not in uploaded:
            s3.put_object(
                Bucket=packages.bucket,
                Key=key,
                Body=artifact.data,
                **_owner(cloud, packages),
                **encrypted,
            )
            uploaded.add(key)
    return keys


def _uploaded(cloud: Cloud, packages: Packages) -> set[str]:
    """Keys that need not be sent again; an organisation's bucket may not be listed by everybody."""
    pages = cloud.client("s3").get_paginator("list_objects_v2")
    listing = {"Bucket": packages.bucket, "Prefix": packages.prefix, **_owner(cloud, packages)}
    try:
        return {e["Key"] for page in pages.paginate(**listing) for e in page.get("Contents", ())}
    except ClientError:
        if packages.own:
            raise
        return set()


def _owner(cloud: Cloud, packages: Packages) -> dict[str, str]:
    return _expected(cloud, any_owner=not packages.own)


def _expected(cloud: Cloud, *, any_owner: bool) -> dict[str, str]:
    return {} if any_owner else {"ExpectedBucketOwner": cloud.account_id}


def count(cloud: Cloud, bucket: str, prefix: str = "", *, any_owner: bool = False) -> int:
    """Number of objects under `prefix`, every version of each."""
    if not exists(cloud, bucket, any_owner=any_owner):
        return 0
    return sum(1 for _ in _versions(cloud, bucket, prefix, any_owner=any_owner))


def empty(cloud: Cloud, bucket: str, prefix: str = "", *, any_owner: bool = False) -> None:
    """Delete every object under `prefix`, with all versions; StackError names one that stays."""
    s3, owner = cloud.client("s3"), _expected(cloud, any_owner=any_owner)
    versions = _versions(cloud, bucket, prefix, any_owner=any_owner)
    while batch := list(islice(versions, 1000)):
        _delete(s3, owner, bucket, batch)


def remove(cloud: Cloud, packages: Packages) -> None:
    """Delete a stack's code packages, and our own bucket with those of the last stack."""
    bucket = packages.bucket
    if exists(cloud, bucket, any_owner=not packages.own):
        empty(cloud, bucket, packages.prefix, any_owner=not packages.own)
        if packages.own and next(_versions(cloud, bucket, ""), None) is None:
            cloud.client("s3").delete_bucket(Bucket=bucket, ExpectedBucketOwner=cloud.account_id)


def _delete(s3: Any, owner: dict[str, str], bucket: str, batch: list[dict[str, str]]) -> None:
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True}, **owner)
    for error in answer.get("Errors", ()):
        where = f"s3://{bucket}/{error['Key']}"
        raise StackError(f"{where} cannot be deleted: {error['Message']}; delete it, then go on")


def _versions(
    cloud: Cloud, bucket: str, prefix: str, *, any_owner: bool = False
) -> Iterator[dict[str, str]]:
    pages = cloud.client("s3").get_paginator("list_object_versions")
    owner = _expected(cloud, any_owner=any_owner)
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, **owner):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def _secure(cloud: Cloud, bucket: str) -> None:
    """TLS alone; put each time, since a crash may have left a bare bucket."""
    s3, owner = cloud.client("s3"), cloud.account_id
    s3.put_bucket_policy(
        Bucket=bucket, ExpectedBucketOwner=owner, Policy=json.dumps(_tls_only(cloud, bucket))
    )
    s3.put_bucket_tagging(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        Tagging={"TagSet": [{"Key": OURS, "Value": "packages"}]},
    )


def _tls_only(cloud: Cloud, bucket: str) -> dict[str, object]:
    arn = f"arn:{cloud.partition}:s3:::{bucket}"
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
