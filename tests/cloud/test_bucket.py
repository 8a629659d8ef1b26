"""The bucket for code packages, on the S3 of the embedded AWS."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.stack import bucket as buckets
from lambdatuning.cloud.stack.package import Artifact
from lambdatuning.cloud.stack.status import WAITING, Waiting
from lambdatuning.core.errors import StackError
from tests.cloud.conftest import fake_cloud

ONE = Artifact("One", "1.zip", b"one")
TWO = Artifact("Two", "2.zip", b"two")

Deleting = tuple[Stubber, Cloud, list[float], Waiting]


@pytest.fixture(autouse=True)
def _no_bucket_stays(embedded: Cloud) -> Iterator[None]:
    yield
    for bucket in embedded.client("s3").list_buckets()["Buckets"]:
        buckets.empty(embedded, bucket["Name"])
        embedded.client("s3").delete_bucket(Bucket=bucket["Name"])


def packages(cloud: Cloud, stack: str = "stack", bucket: str = "") -> buckets.Packages:
    return buckets.packages_of(cloud, stack, bucket)


def ensured(cloud: Cloud, waiting: Waiting = WAITING) -> str:
    buckets.ensure(cloud, packages(cloud), waiting)
    return buckets.artifact_bucket(cloud)


def keys(cloud: Cloud, bucket: str) -> list[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket)
    return [entry["Key"] for entry in listed.get("Contents", ())]


def test_it_is_made_once_for_tls_alone(embedded: Cloud) -> None:
    bucket = ensured(embedded)
    assert ensured(embedded) == bucket
    assert bucket == f"lambdatuning-artifacts-{embedded.account_id}-us-east-1"
    s3 = embedded.client("s3")
    [statement] = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Sid"]) == ("Deny", "TlsOnly")


def test_nothing_is_requested_that_s3_does_by_default() -> None:
    """Since 2023 a bucket is private, without ACLs and encrypted; organisations forbid to touch
    these settings (Amazon S3 User Guide, "Default settings for new S3 buckets")."""
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    cloud = fake_cloud(s3=s3)
    bucket = buckets.artifact_bucket(cloud)
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "404", http_status_code=404)
        stub.add_response("create_bucket", {}, {"Bucket": bucket})
        there = {"ResponseMetadata": {"HTTPStatusCode": 200}}
        stub.add_response("head_bucket", there, {"Bucket": bucket})
        stub.add_response("put_bucket_policy", {})
        stub.add_response("put_bucket_tagging", {})
        ensured(cloud)
        stub.assert_no_pending_responses()


def test_a_bucket_of_the_organisation_is_used_as_it_is(embedded: Cloud) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="company-packages")
    theirs = packages(embedded, bucket="company-packages")
    buckets.ensure(embedded, theirs)
    assert buckets.upload(embedded, theirs, [ONE]) == {"One": "lambdatuning/stack/1.zip"}
    s3.put_object(Bucket="company-packages", Key="of/others", Body=b"")
    buckets.remove(embedded, theirs)
    assert keys(embedded, "company-packages") == ["of/others"]
    assert not buckets.exists(embedded, buckets.artifact_bucket(embedded))


def test_a_bucket_that_is_not_there_is_named(embedded: Cloud) -> None:
    with pytest.raises(StackError, match="there is no bucket nowhere; pass another --bucket"):
        buckets.ensure(embedded, packages(embedded, bucket="nowhere"))


def test_packages_are_encrypted_by_the_key_of_the_stack() -> None:
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    cloud = fake_cloud(s3=s3)
    where = replace(packages(cloud, bucket="company"), kms_key_arn="arn:aws:kms:r:1:key/k")
    with Stubber(s3) as stub:
        stub.add_client_error("list_objects_v2", "AccessDenied")  # not listed: sent
        key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:r:1:key/k"}
        sent = {"Bucket": "company", "Key": "lambdatuning/stack/1.zip", "Body": b"one", **key}
        stub.add_response("put_object", {}, sent)
        buckets.upload(cloud, where, [ONE])
        stub.assert_no_pending_responses()


def test_each_region_has_a_bucket_of_its_own(embedded: Cloud) -> None:
    cloud = replace(embedded, region="eu-central-1")
    bucket = ensured(cloud)
    assert bucket.endswith("-eu-central-1")
    where = cloud.client("s3").get_bucket_location(Bucket=bucket)
    assert where["LocationConstraint"] == "eu-central-1"


def test_a_bucket_that_a_crash_left_bare_is_for_tls_alone(embedded: Cloud) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket=buckets.artifact_bucket(embedded))
    bucket = ensured(embedded)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"]


def test_somebody_else_s_bucket_is_refused_before_anything_is_sent() -> None:
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    cloud = fake_cloud(s3=s3)
    bucket = buckets.artifact_bucket(cloud)
    with Stubber(s3) as stub:
        owner = {"Bucket": bucket, "ExpectedBucketOwner": "111122223333"}
        stub.add_client_error("head_bucket", "403", http_status_code=403, expected_params=owner)
        with pytest.raises(StackError, match=f"{bucket} is not this account's"):
            ensured(cloud)


def test_a_name_that_somebody_takes_meanwhile_is_refused() -> None:
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "404", http_status_code=404)
        name = {"Bucket": ANY}
        stub.add_client_error("create_bucket", "BucketAlreadyExists", expected_params=name)
        with pytest.raises(StackError, match="BucketAlreadyExists"):
            ensured(fake_cloud(s3=s3))


def test_what_lies_there_is_not_sent_again(embedded: Cloud) -> None:
    bucket = ensured(embedded)
    first = buckets.upload(embedded, packages(embedded), [ONE])
    sent = embedded.client("s3").head_object(Bucket=bucket, Key=first["One"])["LastModified"]
    again = buckets.upload(embedded, packages(embedded), [ONE, TWO])
    assert again == {"One": "stack/1.zip", "Two": "stack/2.zip"}
    head = embedded.client("s3").head_object(Bucket=bucket, Key=first["One"])
    assert head["LastModified"] == sent


def test_a_stack_s_packages_go_without_those_of_its_neighbours(embedded: Cloud) -> None:
    bucket = ensured(embedded)
    for stack in ("stack", "stack-2"):
        buckets.upload(embedded, packages(embedded, stack), [ONE])
    buckets.remove(embedded, packages(embedded, "stack"))
    assert keys(embedded, bucket) == ["stack-2/1.zip"]
    buckets.remove(embedded, packages(embedded, "stack-2"))
    assert not buckets.exists(embedded, bucket)
    buckets.remove(embedded, packages(embedded, "stack-2"))


def test_emptying_takes_every_version_page_by_page(embedded: Cloud) -> None:
    s3, bucket = embedded.client("s3"), ensured(embedded)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(8):
        s3.put_object(Bucket=bucket, Key=f"k{number % 5}", Body=b"")
    s3.delete_object(Bucket=bucket, Key="k1")
    pages = list[int]()

    def three_a_page(params: dict[str, Any], **_: Any) -> None:  # a page of S3 has 1,000
        params["MaxKeys"] = 3
        pages.append(3)

    s3.meta.events.register("before-parameter-build.s3.ListObjectVersions", three_a_page)
    assert buckets.count(embedded, bucket) == 9
    assert len(pages) == 3
    buckets.empty(embedded, bucket)
    assert buckets.count(embedded, bucket) == 0
    s3.meta.events.unregister("before-parameter-build.s3.ListObjectVersions", three_a_page)
    s3.delete_bucket(Bucket=bucket)


@pytest.fixture
def deleting() -> Iterator[Deleting]:
    """An account without the bucket: what S3 will answer, and how long was slept."""
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    slept = list[float]()
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "404", http_status_code=404)
        yield stub, fake_cloud(s3=s3), slept, Waiting(lambda: sum(slept), slept.append)


def test_a_bucket_that_was_deleted_just_before_is_waited_for(deleting: Deleting) -> None:
    stub, cloud, slept, waiting = deleting
    for _ in range(3):
        stub.add_client_error("create_bucket", "OperationAborted", http_status_code=409)
    stub.add_client_error("create_bucket", "BucketAlreadyExists")
    with pytest.raises(StackError, match="BucketAlreadyExists"):
        ensured(cloud, waiting)
    assert len(slept) == 3


def test_patience_with_a_bucket_that_is_being_deleted_ends(deleting: Deleting) -> None:
    stub, cloud, _, waiting = deleting
    for _ in range(60):
        stub.add_client_error("create_bucket", "OperationAborted", http_status_code=409)
    with pytest.raises(StackError, match=r"deletion of an older bucket .* takes over 120 s"):
        ensured(cloud, waiting)
