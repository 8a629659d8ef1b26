"""The samples bucket: the plan, the parts and the manifest of a run."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...core.errors import UsageError
from ...core.run import MANIFEST_NAME, PLAN_NAME, RunPlan, plan_from_json, run_prefix
from ...core.samples import Sample, decode_part, encode_part

STORE_PREFIX = "runs/"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run in the bucket; `s3` is a boto3 client."""

    s3: Any
    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        """Where the run lies, for people and for the client."""
        return f"s3://{self.bucket}/{self.prefix}"

    def write_json(self, name: str, value: Any) -> None:
        """One JSON object of the run."""
        body = json.dumps(value, separators=(",", ":")).encode()
        self.s3.put_object(
            Bucket=self.bucket,
            Key=self.prefix + name,
            Body=body,
            ContentType="application/json",
        )

    def read_json(self, name: str) -> Any:
        """The inverse of `write_json`."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=self.prefix + name)
        return json.loads(answer["Body"].read())

    def write_plan(self, plan: RunPlan) -> None:
        """The plan, read by every later step."""
        self.write_json(PLAN_NAME, plan.to_json())

    def read_plan(self) -> RunPlan:
        """The plan that `write_plan` wrote."""
        return plan_from_json(self.read_json(PLAN_NAME))

    def write_manifest(self, manifest: Any) -> None:
        """The manifest: its presence says that the run is complete."""
        self.write_json(MANIFEST_NAME, manifest)

    def write_part(self, name: str, samples: Iterable[Sample]) -> None:
        """One part of samples, immutable."""
        self.s3.put_object(
            Bucket=self.bucket,
            Key=f"{self.prefix}samples-{name}.csv.gz",
            Body=encode_part(samples),
            ContentType="application/gzip",
        )

    def read_samples(self) -> Iterator[Sample]:
        """Every sample of the run, part by part."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}samples-"
        )
        for page in pages:
            for entry in page.get("Contents", []):
                answer = self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])
                yield from decode_part(answer["Body"].read())


def folder(s3: Any, bucket: str, function: str, run_id: str) -> RunFolder:
    """The folder in which a run of a function lies."""
    return RunFolder(s3, bucket, STORE_PREFIX + run_prefix(function, run_id))


def read_url(s3: Any, url: str) -> Any:
    """The JSON value at `s3://bucket/key`; UsageError says what is wrong with the address."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key:
        raise UsageError(f"{url!r} is no S3 address; give s3://BUCKET/KEY")
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as exc:
        code = exc.response["Error"]["Code"]
        raise UsageError(
            f"{url} cannot be read ({code}); put it into the samples bucket, which the tuner reads"
        ) from exc
    try:
        return json.loads(body)
    except ValueError as exc:
        raise UsageError(f"{url} is not JSON ({exc}); mend the object") from exc
