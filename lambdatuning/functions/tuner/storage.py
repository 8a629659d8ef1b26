"""The samples bucket: price book, plan, sample parts, results and manifest of a run."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...core.address import parse_s3_path
from ...core.errors import UsageError
from ...core.pricing import PriceBook, load_price_book, parse_price_book
from ...core.tuning.manifest import MANIFEST_NAME, Manifest
from ...core.tuning.records import (
    PLAN_NAME,
    RunPlan,
    Sample,
    decode_part,
    encode_part,
    run_prefix,
)
from ...core.tuning.state import SizeResult, Step
from ...core.wire import read_record, write_record

STORE_PREFIX = "runs/"
STEP_PREFIX = "_step-"
STEP_NAME = STEP_PREFIX + "{:05d}.json"
_RESULT = "_size-{:05d}.json"
_LOST = "_lost"


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
        return RunPlan.from_json(self.read_json(PLAN_NAME))

    def owner(self) -> str | None:
        """The execution that wrote a plan here, None where nobody did."""
        if not any(self._keys(PLAN_NAME)):
            return None
        return str(self.read_json(PLAN_NAME)["execution"])

    def write_result(self, result: SizeResult) -> None:
        """What was measured at one size."""
        self.write_json(_RESULT.format(result.memory_mb), write_record(result))

    def read_result(self, memory_mb: int) -> SizeResult:
        """What `write_result` wrote of that size."""
        return read_record(SizeResult, self.read_json(_RESULT.format(memory_mb)))

    def write_step(self, number: int, step: Step) -> None:
        """What an adaptive run decided in a step, and why."""
        self.write_json(STEP_NAME.format(number), step.to_json())

    def read_steps(self) -> Iterator[Step]:
        """What `write_step` wrote, in order."""
        for key in self._keys(STEP_PREFIX):
            yield Step.from_json(self.read_json(key.removeprefix(self.prefix)))

    def write_manifest(self, manifest: Manifest) -> None:
        """The manifest: its presence says that the run is complete."""
        self.write_json(MANIFEST_NAME, manifest.to_json())

    def read_manifest(self) -> Manifest:
        """The inverse of `write_manifest`."""
        return Manifest.from_json(self.read_json(MANIFEST_NAME))

    def write_part(self, name: str, samples: Iterable[Sample], kind: str = "samples") -> None:
        """One part of samples, immutable."""
        self.s3.put_object(
            Bucket=self.bucket,
            Key=f"{self.prefix}{kind}-{name}.csv.gz",
            Body=encode_part(samples),
            ContentType="application/gzip",
        )

    def read_samples(self, part: str = "", kind: str = "samples") -> Iterator[Sample]:
        """The samples of the parts whose names begin so, part by part."""
        for key in self._keys(f"{kind}-{part}"):
            yield from self.read_part(key)

    def part_keys(self) -> list[str]:
        """The keys of all parts, those of samples whose answer never came included."""
        return [*self._keys("samples-"), *self._keys(f"{_LOST}-")]

    def read_part(self, key: str) -> Iterator[Sample]:
        """The samples of one part."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        return decode_part(answer["Body"].read())

    def write_lost(self, name: str, samples: Iterable[Sample]) -> None:
        """Samples whose answer never came: no part, until their reports have been looked for."""
        self.write_part(name, samples, _LOST)

    def read_lost(self, part: str = "") -> Iterator[Sample]:
        """What `write_lost` wrote under names that begin so."""
        return self.read_samples(part, _LOST)

    def _keys(self, name: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix + name
        )
        for page in pages:
            yield from (entry["Key"] for entry in page.get("Contents", []))


def folder(s3: Any, bucket: str, function: str, run_id: str) -> RunFolder:
    """The folder in which a run of a function lies."""
    return RunFolder(s3, bucket, STORE_PREFIX + run_prefix(function, run_id))


def read_text(s3: Any, url: str) -> str:
    """The text at `s3://bucket/key`; UsageError says what is wrong with the address."""
    bucket, key = parse_s3_path(url)
    try:
        return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except s3.exceptions.ClientError as exc:
        code = exc.response["Error"]["Code"]
        raise UsageError(
            f"{url} cannot be read ({code}); put it into the samples bucket, or let the tuner read "
            "it: deploy with --parameter PayloadArns=ARN"
        ) from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{url} is not UTF-8; fix the object") from exc


def read_url(s3: Any, url: str) -> Any:
    """The JSON value at `s3://bucket/key`; UsageError says what is wrong with it."""
    text = read_text(s3, url)
    try:
        return json.loads(text)
    except ValueError as exc:
        raise UsageError(f"{url} is not JSON; fix the object") from exc


# The price book of a run: the packaged one, or the one that the user put into S3.


def price_book(s3: Any, url: str | None) -> PriceBook:
    """The price book at `s3://bucket/key`, else the packaged one; UsageError says what is wrong."""
    return parse_price_book(read_text(s3, url), url) if url else load_price_book()
