"""What passes between the tuner's steps: its state, what came of batches and sizes, decisions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..decision import Evidence
from ..exploration.question import BestSoFar, Prediction
from ..power_tuning.rules import SizeStatistics
from ..wire import camel, known_fields
from .plan import Batch


@dataclass(frozen=True)
class RunPlace:
    """Which run it is, of which function, and where its samples lie."""

    id: str
    name: str
    arn: str
    url: str


@dataclass(frozen=True)
class Apply:
    """What is to be done with the answer: set it (behind an alias), if it is so sure at least."""

    auto_optimize: bool = False
    alias: str | None = None
    min_sure: float = 0.0

    def to_json(self) -> dict[str, object]:
        """The form in which it travels."""
        own = {"autoOptimize": self.auto_optimize, "alias": self.alias}
        return own | ({"minSure": self.min_sure} if self.min_sure else {})


@dataclass(frozen=True)
class BatchSummary:
    """What came of a batch: how far its chains are, and whether another batch must go on.

    `critical_ms` is the billed time that had to go by, `took_ms` what the measuring function is
    billed for. `error` fails the size, `warning` does not.
    """

    batch: Batch
    left: bool
    critical_ms: float
    error: str = ""
    took_ms: float = 0
    warning: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "BatchSummary":
        """The inverse of `to_json`, and of what the state machine says of a batch that crashed."""
        own, _ = known_fields(cls, value)
        return cls(**{**own, "batch": Batch.from_json(own["batch"])})

    def to_json(self) -> dict[str, object]:
        """The form in which it travels."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {camel(name): value for name, value in plain.items()} | {
            "batch": self.batch.to_json()
        }


@dataclass(frozen=True)
class SizeResult:
    """What was measured at one size, as the analysing step reads it from the bucket.

    `rows` has the statistics of each payload type as the execution's output has them, `allowed` how
    often each allowed error came, by payload type. `evidence` is what decides, `cold_evidence` what
    does where nothing was warm. `placed` says whether it is known which environments were measured.
    `statistics` are Power Tuning's in its own words, None where the size cannot win, and then
    `reason` says why. `warm`, `invocations`, `retries` and `usd` are totals.
    """

    memory_mb: int
    reason: str
    rows: tuple[Mapping[str, Any], ...]
    allowed: Mapping[str, Mapping[str, int]]
    evidence: tuple[Evidence, ...]
    cold_evidence: tuple[Evidence, ...]
    warm: int
    placed: bool
    statistics: SizeStatistics | None
    invocations: int
    retries: int
    usd: float


@dataclass(frozen=True, kw_only=True)
class TunerState:
    """The state of a run between two steps of the state machine.

    `works` versions are to be published, `published` of them are; `batches` are measured next.
    `failed` says by memory size why it is out. `events` estimates the execution's history,
    `critical_ms` is billed time that had to go by, `control_ms` and `measure_ms` what the tuner's
    functions are billed for, `exposed_ms` how long `$LATEST` had another size than its own.

    `step` is that of an adaptive run, None for a grid; `versions` are those published so far by
    memory size, `sent` how often each payload type was, `took_s` and `at_s` how long the step
    before took and when it ended. `extra` are fields of others, kept as they came.
    """

    run: RunPlace
    parallel: int = 1
    sizes: tuple[int, ...] = ()
    works: int = 0
    published: int = 0
    batches: tuple[Batch, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    events: int = 0
    critical_ms: float = 0
    control_ms: float = 0
    measure_ms: float = 0
    exposed_ms: float = 0
    apply: Apply = Apply()
    step: int | None = None
    versions: Mapping[int, str] = field(default_factory=dict)
    sent: tuple[int, ...] = ()
    took_s: float = 0.0
    at_s: float = 0.0
    output: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TunerState":
        """The inverse of `to_json`."""
        own, extra = known_fields(cls, value)
        return cls(
            **{
                **own,
                "run": RunPlace(**own["run"]),
                "sizes": tuple(own.get("sizes", ())),
                "batches": tuple(map(Batch.from_json, own.get("batches", ()))),
                "failed": _by_size(own.get("failed", {})),
                "warnings": tuple(own.get("warnings", ())),
                "apply": Apply(**known_fields(Apply, own.get("apply", {}))[0]),
                "versions": _by_size(own.get("versions", {})),
                "sent": tuple(own.get("sent", ())),
                "extra": extra,
            }
        )

    def to_json(self) -> dict[str, object]:
        """The form in which it travels; `step` is there for adaptive runs alone."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain |= {
            "run": asdict(self.run),
            "sizes": list(self.sizes),
            "batches": [batch.to_json() for batch in self.batches],
            "failed": {str(size): reason for size, reason in self.failed.items()},
            "warnings": list(self.warnings),
            "apply": self.apply.to_json(),
            "versions": {str(size): version for size, version in self.versions.items()},
            "sent": list(self.sent),
        }
        del plain["extra"]
        if self.step is None:
            for name in ("step", "versions", "sent", "took_s", "at_s"):
                del plain[name]
        return {**self.extra, **{camel(name): value for name, value in plain.items()}}

    def with_warnings(self, *texts: str) -> "TunerState":
        """The state with more warnings, each once."""
        return replace(self, warnings=tuple(dict.fromkeys([*self.warnings, *texts])))


@dataclass(frozen=True)
class Spending:
    """Invocations, the GB-seconds they were billed, and their price in USD."""

    invocations: int
    gb_s: float
    usd: float


@dataclass(frozen=True)
class Planned:
    """What a step has measured next: `count` invocations of a payload type at a size, by when so
    many `environments` have served the size."""

    memory_mb: int
    payload: str
    count: int
    environments: int


@dataclass(frozen=True)
class Step:
    """One decision of an adaptive run, as it is stored beside the samples.

    `stopped` is "" while it goes on. `answers` are those of each payload type, then of the mix.
    `spent` is what was invoked until then, `grid` what the grid would, None where that is unknown.
    `placed` says whether it is known which environments were measured: else nothing is sure.
    """

    stopped: str
    reason: str
    answers: tuple[BestSoFar, ...]
    batch: tuple[Planned, ...]
    elapsed_s: float
    spent: Spending
    grid: Spending | None = None
    warnings: tuple[str, ...] = ()
    placed: bool = True

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Step":
        """The inverse of `to_json`."""
        own, _ = known_fields(cls, value)
        return cls(
            **{
                **own,
                "answers": tuple(map(_answer, own["answers"])),
                "batch": tuple(Planned(**item) for item in own["batch"]),
                "spent": Spending(**own["spent"]),
                "grid": Spending(**own["grid"]) if own.get("grid") else None,
                "warnings": tuple(own.get("warnings", ())),
            }
        )

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def without_curves(self) -> "Step":
        """The same without the curves, which are most of it: only the last step keeps them."""
        return replace(self, answers=tuple(replace(answer, curve=()) for answer in self.answers))


def _answer(value: Mapping[str, Any]) -> BestSoFar:
    curve = tuple(Prediction(**point) for point in value["curve"])
    return BestSoFar(**{**value, "curve": curve})


def _by_size(value: Mapping[str, str]) -> dict[int, str]:
    return {int(size): text for size, text in value.items()}
