"""The records that travel between the rooms: the sample, and the plan of a run."""

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from operator import attrgetter
from typing import Any, get_args

from ..sizes import vcpus
from ..strategies import WORTH, Worth
from .endpoint import UNKNOWN, Endpoint
from .payloads import PayloadType
from .plan import Batch, Invocation, Work, cold_starts, deal, schedule, seed_number


@dataclass(frozen=True, slots=True)
class Sample:
    """One invocation, as Lambda billed it.

    `duration_ms` is the handler's time alone; `init_ms` (cold start) and `restore_ms` (SnapStart)
    stand beside it. `error` is the error type, "" for success, and `message` what it said.
    `environment` names the execution environment, "" where it could not be learnt. `stolen_ms` is
    CPU time lost to other load, known on the embedded AWS only. `cost_usd` is duration plus request
    fee at the price book's rates.
    """

    payload: str
    memory_mb: int
    invocation: int
    cold: bool
    environment: str
    started_at: str
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    restore_ms: float | None
    max_memory_mb: int | None
    error: str
    cost_usd: float
    request_id: str
    architecture: str
    retries: int = 0
    stolen_ms: float | None = None
    message: str = ""


COLUMNS = tuple(field.name for field in fields(Sample))
"""Columns of a stored part; `function` and `run_id` are in its Hive-style path."""

TYPES: Mapping[str, type] = {
    field.name: next(iter(get_args(field.type) or (field.type,))) for field in fields(Sample)
}
"""The one type of each column in every file, whether or not a cell of it may be empty."""


def encode_part(samples: Iterable[Sample]) -> bytes:
    """Samples as gzipped CSV with a header, a line a sample (line breaks become spaces)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, samples))
    return gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0)


def decode_part(data: bytes) -> Iterator[Sample]:
    """The samples of one part; columns that a newer version added are left out."""
    text = io.StringIO(gzip.decompress(data).decode(), newline="")
    rows: Iterator[list[Any]] = csv.reader(text)
    columns = [(n, name) for n, name in enumerate(next(rows, ())) if name in TYPES]
    readers = [(n, _READERS[TYPES[name]]) for n, name in columns if TYPES[name] is not str]
    for row in filter(None, rows):
        for n, read in readers:
            row[n] = read(row[n])
        yield Sample(**{name: row[n] for n, name in columns})


_cells = attrgetter(*COLUMNS)
_TEXTS = [n for n, name in enumerate(COLUMNS) if TYPES[name] is str]
_FLAGS = [n for n, name in enumerate(COLUMNS) if TYPES[name] is bool]


def _row(sample: Sample) -> list[Any]:
    """The cells of a sample; what is None is empty."""
    row = list(_cells(sample))
    for n in _FLAGS:
        row[n] = "true" if row[n] else "false"
    for n in _TEXTS:
        if not row[n].isprintable():
            row[n] = " ".join(row[n].splitlines())
    return row


_READERS: Mapping[type, Callable[[str], Any]] = {
    bool: "true".__eq__,
    int: lambda text: int(text) if text else None,
    float: lambda text: float(text) if text else None,
}
"""What a cell that is no text says; None where it is empty."""


def used_memory_mb(samples: Iterable[Sample]) -> int | None:
    """The most memory that was used at the size that was measured first; None where no report told.

    Later sizes do not count: some runtimes use more where they have more.
    """
    uses = [(one.started_at, one.memory_mb, one.max_memory_mb) for one in samples]
    first_mb = min(uses, default=("", 0, None))[1]
    return max((used for _, size, used in uses if used and size == first_mb), default=None)


# The plan of one tuning run, written to the bucket once and read by every step.


PLAN_NAME = "_plan.json"
"""The name begins with "_", so that Athena, DuckDB and Spark pass it over beside the samples."""


@dataclass(frozen=True)
class Target:
    """The function under test, as it was before the run touched it."""

    arn: str
    name: str
    region: str
    architecture: str
    runtime: str
    memory_mb: int
    timeout_s: int
    code_sha256: str
    log_group: str
    log_format: str = "Text"
    ephemeral_mb: int = 512
    image: bool = False
    vpc: bool = False
    snapstart: bool = False
    settings_sha256: str = ""
    """Of the settings beside code and memory size: who changes one, changes what is measured."""
    named_mb: int | None = None
    """The memory size of the version or alias that was named, which is what callers have today."""

    @property
    def today_mb(self) -> int:
        """The memory size that its callers have today."""
        return self.named_mb or self.memory_mb

    @property
    def pays_for_restores(self) -> bool:
        """Reading a SnapStart snapshot is billed for Python and .NET, not for Java."""
        return not self.runtime.startswith("java")


@dataclass(frozen=True)
class Question:
    """What is asked of the samples once they are measured."""

    num: int
    strategy: str
    weight: float
    trim: float
    include_output: bool
    dry_run: bool
    allowed_errors: tuple[str, ...]
    input: Mapping[str, Any]
    about: Mapping[str, Any]
    rule: str = "contract"
    speed_worth: float = WORTH.speed_worth
    cost_tolerance: float = WORTH.cost_tolerance
    silent: bool = False
    """Whether what functions say of payloads (`disablePayloadLogs`) is kept nowhere."""

    @property
    def worth(self) -> Worth:
        """What speed is worth to strategy "value"."""
        return Worth(self.speed_worth, self.cost_tolerance)

    @property
    def endpoint(self) -> Endpoint:
        """What measures, as the run's client or the tuner itself wrote it into `about`."""
        return Endpoint.from_json(self.about.get("endpoint", {"kind": UNKNOWN}))


ACCEPTED_REGRET = 0.02
"""An adaptive run ends where its answer is expected to be worse than the best by no more."""


@dataclass(frozen=True)
class Limits:
    """Where an adaptive run ends, sure or not: never above what the grid would invoke.

    `regret` is how much worse than the best (as a share) the answer may be expected to be. With
    `for_compare` a run that is sure goes on until another run can be compared with it.
    """

    max_invocations: int
    max_usd: float | None = None
    max_seconds: float | None = None
    regret: float = ACCEPTED_REGRET
    for_compare: bool = False


@dataclass(frozen=True)
class RunPlan:
    """Everything that measuring needs to know; `counts` are invocations a size, by payload type.

    `mode` is "warm" (a warm-up apart, then warm samples), "first" (no warm-up: whatever comes
    first counts, as `parallelInvocation` and `dryRun` want it) or "cold" (every invocation on an
    environment of its own). `cold` is how many cold starts are measured beside, at each size.
    `limits` are those of an adaptive run, None for the grid. `shared_cores` are those of the one
    host that runs a size's environments, None where each has its own, as on AWS. `fits_memory`
    leaves out the sizes that are smaller than the memory that the function uses.
    """

    run_id: str
    execution: str
    target: Target
    sizes: tuple[int, ...]
    payloads: tuple[PayloadType, ...]
    counts: tuple[int, ...]
    environments: int
    seed: int
    table: str
    mode: str
    cold: int
    sleep_ms: int
    pre_processor: str | None
    post_processor: str | None
    price_book: str | None
    question: Question
    limits: Limits | None = None
    shared_cores: float | None = None
    fits_memory: bool = False

    @property
    def warm(self) -> bool:
        """Whether environments are woken first, so that cold starts stay out of the samples."""
        return self.mode == "warm"

    @property
    def work(self) -> tuple[Work, ...]:
        """The versions that are measured, in the order in which they are published.

        Sizes take turns, since Lambda publishes nothing that equals the version before. Today's
        comes first: publishing it changes nothing for anybody. Where sizes must hold what the
        function uses, those that are below today's come last: only the others tell.
        """
        today_mb = self.target.memory_mb
        sizes = sorted(self.sizes, key=lambda size: size != today_mb)
        if self.fits_memory:
            sizes.sort(key=lambda size: size in self.too_small(None))
        starts = sum(self.counts) if self.mode == "cold" else self.cold
        rounds = [*range(1, 1 + -(-starts // self.environments))]
        if self.mode != "cold":
            rounds.insert(0, 0)
        return tuple(Work(size, number) for number in rounds for size in sizes)

    def too_small(self, used_mb: int | None) -> tuple[int, ...]:
        """The sizes that must not be published where the function used so much memory; while that
        is not known, those that are below today's, or all but the largest."""
        if not self.fits_memory:
            return ()
        least_mb = min(self.target.memory_mb, max(self.sizes)) if used_mb is None else used_mb
        return tuple(size for size in self.sizes if size < least_mb)

    def chains(self, work: Work) -> tuple[tuple[Invocation, ...], ...]:
        """The chains of invocations of one version, one for each execution environment."""
        index, wide = self.sizes.index(work.memory_mb), self.environments
        if work.round == 0:
            return schedule(self.counts, wide, size_index=index, seed=self.seed)
        if self.mode == "cold":
            (starts,) = schedule(self.counts, 1, size_index=index, seed=self.seed)
        else:
            starts = cold_starts(len(self.counts), self.cold, wide, size_index=index)
        first = (work.round - 1) * wide
        return tuple((invocation,) for invocation in starts[first : first + wide])

    def chains_of(self, batch: Batch) -> tuple[tuple[Invocation, ...], ...]:
        """The chains of a batch: those of its version, or those that an adaptive step wants."""
        if batch.trial is None:
            return self.chains(batch.work)
        return deal(batch.trial, seed=f"{self.seed}/{batch.memory_mb}/{batch.work.round}")

    def lanes(self, batch: Batch, chains: int) -> int:
        """How many of a batch's chains may invoke at once: all, or where they share cores, as many
        as have their CPU there. More would wait for one another, and for nothing else.

        What must start on environments of its own is always sent at once.
        """
        apart = batch.trial is None and batch.work.round > 0
        if self.shared_cores is None or not self.warm or apart:
            return chains
        return min(chains, max(1, int(self.shared_cores / vcpus(batch.memory_mb))))

    def number(self, invocation: Invocation) -> int:
        """The `{{n}}` that an invocation's placeholders see."""
        count, apart = self.counts[invocation.payload], self.environments + self.cold
        return seed_number(invocation, count, len(self.sizes), apart)

    def to_json(self) -> dict[str, object]:
        """The plan as plain JSON values."""
        return asdict(self) | {"payloads": [payload.to_json() for payload in self.payloads]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RunPlan":
        """The inverse of `to_json`."""
        question, limits = value["question"], value.get("limits")
        return cls(
            **{
                **value,
                "target": Target(**value["target"]),
                "sizes": tuple(value["sizes"]),
                "counts": tuple(value["counts"]),
                "limits": Limits(**limits) if limits else None,
                "payloads": tuple(map(PayloadType.from_json, value["payloads"])),
                "question": Question(
                    **{**question, "allowed_errors": tuple(question["allowed_errors"])}
                ),
            }
        )


def run_prefix(function: str, run_id: str) -> str:
    """The Hive-style folder of a run within a store."""
    return f"function={function}/run={run_id}/"
