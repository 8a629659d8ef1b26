"""The manifest of a run: on what it was measured, how, for how much, and what it answers."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from ..decision import Decision
from ..power_tuning.answer import TunerAnswer
from ..wire import camel, known_fields, read_record, write_record
from .endpoint import NO_ENDPOINT, Endpoint
from .explored import Explored

MANIFEST_NAME = "_manifest.json"
"""The name begins with "_", so that Athena, DuckDB and Spark pass it over beside the samples."""

SCHEMA = 2
"""1 was spelled in snake_case and had no decision; it is read as well."""

OURS, POWER_TUNING, MEANS, LOGS = "lambdatuning", "power-tuning", "means", "logs"
"""Kinds of runs: by our tuner, by AWS Lambda Power Tuning, published means alone, exported logs."""


@dataclass(frozen=True)
class ManifestPayload:
    """A payload type of a run; its event is not kept, since it may be secret."""

    name: str
    weight: float = 1.0
    description: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PriceBookName:
    """Which price book a run was priced by."""

    version: str = ""
    source: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


NO_BOOK = PriceBookName()


@dataclass(frozen=True)
class Code:
    """Which code was measured, as git and the CI say.

    `dirty`: files differed from the commit, or git could not tell whether they did.
    """

    commit: str = ""
    branch: str = ""
    dirty: bool = False
    url: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


NO_CODE = Code()


@dataclass(frozen=True)
class LogsRead:
    """The logs that a run was read from, and what of them was lost.

    `unread` counts lines with a report that could not be read (`example` is the first of them),
    `untold` the reports of which nothing tells whether the invocation failed.
    """

    files: tuple[str, ...] = ()
    unread: int = 0
    example: str = ""
    untold: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LogsRead":
        """The inverse of `to_json`."""
        return read_record(cls, value)

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        return write_record(self)


@dataclass(frozen=True)
class TunerTime:
    """Billed ms of the tuner's own functions."""

    control: float = 0.0
    measure: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is stored beside the samples of a run; None and "" where something is not known.

    `input` and `output` are the execution's, as they went over the wire in the contract's own
    words (of Power Tuning's runs, the output of each payload type by its name): what the kit reads
    of them are the properties below. `exploration` is what an adaptive run did and answered, None
    for a grid; `logs` what a run was read from that was not measured, else None. `exposed_ms` is
    how long callers of `$LATEST` could meet another memory size. `currency` is that of all its
    costs, "" is USD. `parts` are the manifests of the runs that were merged into one. `labels` are
    the user's own words, `code` says which commit was measured.
    `extra` has the fields of a newer version, kept as they came; so have the records in it.
    """

    run_id: str = ""
    function: str = ""
    kind: str = OURS
    schema: int = SCHEMA
    function_arn: str = ""
    code_sha256: str = ""
    runtime: str = ""
    architecture: str = ""
    current_memory_mb: int | None = None
    timeout_s: float | None = None
    region: str = ""
    account_id: str = ""
    endpoint: Endpoint = NO_ENDPOINT
    execution_arns: tuple[str, ...] = ()
    state_machine_arn: str = ""
    input: Mapping[str, Any] = field(default_factory=dict)
    payloads: tuple[ManifestPayload, ...] = ()
    sizes: tuple[int, ...] = ()
    sizes_beyond_cores: tuple[int, ...] = ()
    num: int | None = None
    environments: int | None = None
    seed: int | None = None
    strategy: str = ""
    weight: float | None = None
    speed_worth: float | None = None
    cost_tolerance: float | None = None
    price_book: PriceBookName = NO_BOOK
    currency: str = ""
    started_at: str = ""
    finished_at: str = ""
    wall_ms: float | None = None
    billed_ms_critical_path: float | None = None
    overhead: float | None = None
    tuner_ms: TunerTime | None = None
    exposed_ms: float | None = None
    invocations: int | None = None
    retries: int | None = None
    usd: float | None = None
    snapshots_usd: float | None = None
    failed_sizes: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    output: Mapping[str, Any] = field(default_factory=dict)
    exploration: Explored | None = None
    decision: Decision | None = None
    logs: LogsRead | None = None
    parts: tuple["Manifest", ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    code: Code = NO_CODE
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def execution_arn(self) -> str:
        """The execution, or the first of several; "" where there was none."""
        return next(iter(self.execution_arns), "")

    @property
    def answer_mb(self) -> int | None:
        """The size that it decided on; None where no decision is stored with it.

        The `power` of such an output was found by trimmed means, and a study may answer otherwise.
        """
        return self.decision.memory_mb if self.decision else None

    @property
    def answers(self) -> Mapping[str, TunerAnswer]:
        """Of Power Tuning's runs, what was answered for each payload type."""
        if self.kind != POWER_TUNING:
            return {}
        return {payload: TunerAnswer.of(output) for payload, output in self.output.items()}

    @property
    def allowed_errors(self) -> tuple[str, ...]:
        """Types of errors that count as successes, of payload types that are meant to fail."""
        return tuple(self.input.get("allowedExceptions") or ())

    @property
    def cold_starts(self) -> int:
        """Cold starts that a grid was asked to measure beside, at each size."""
        return int(self.input.get("cold") or 0)

    @property
    def set_if_sure(self) -> float | None:
        """How sure the answer had to be for the run to set it; None where it was not to set it."""
        return float(self.input.get("minSure") or 0) if self.input.get("autoOptimize") else None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Manifest":
        """The manifest in a JSON object of any schema; a newer one warns that it is newer."""
        own, extra = known_fields(cls, value)
        if arn := extra.pop("execution_arn", None):  # of schema 1
            own["execution_arns"] = [arn] if isinstance(arn, str) else arn
        schema = int(own.get("schema", 1))
        if schema > SCHEMA:
            warnings.warn(
                f"run {own.get('run_id', '')} was stored by a newer lambdatuning (schema {schema}, "
                f"this one knows {SCHEMA}): what is new in it is kept, but not used; upgrade",
                stacklevel=2,
            )
        present = {name: entry for name, entry in own.items() if entry is not None}
        read = {name: _READ.get(name, _as_is)(entry) for name, entry in present.items()}
        return cls(**read, extra=extra)

    def to_json(self) -> dict[str, object]:
        """The stored form; what is not known is left out."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain |= {name: write(plain[name]) for name, write in _WRITE.items()}
        fields_by_name = {camel(name): value for name, value in plain.items() if name != "extra"}
        filled = {
            name: value
            for name, value in fields_by_name.items()
            if value not in (None, "", (), {}, [])
        }
        return {**self.extra, **filled, "warnings": list(self.warnings)}


def read_manifest(data: bytes | str) -> Manifest:
    """The manifest in the text of its file; ValueError where it is not one."""
    value = json.loads(data)
    if not isinstance(value, dict) or not value.keys() & {"run_id", "runId"}:
        raise ValueError("not the manifest of a run: it has no run id")
    return Manifest.from_json(value)


def _as_is(value: Any) -> Any:
    return value


def _sizes(value: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in value)


def _payload(value: Mapping[str, Any]) -> ManifestPayload:
    payload = read_record(ManifestPayload, value)
    return replace(payload, weight=float(payload.weight or 1))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "endpoint": Endpoint.from_json,
    "execution_arns": tuple,
    "payloads": lambda value: tuple(map(_payload, value)),
    "sizes": _sizes,
    "sizes_beyond_cores": _sizes,
    "price_book": partial(read_record, PriceBookName),
    "tuner_ms": partial(read_record, TunerTime),
    "code": partial(read_record, Code),
    "warnings": tuple,
    "exploration": Explored.from_json,
    "decision": Decision.from_json,
    "logs": lambda value: LogsRead.from_json(value) if value else None,
    "parts": lambda value: tuple(map(Manifest.from_json, value)),
}
"""How fields that are no plain values are read."""

_WRITE: Mapping[str, Callable[[Any], Any]] = {
    "endpoint": Endpoint.to_json,
    "execution_arns": list,
    "payloads": lambda value: list(map(write_record, value)),
    "sizes": list,
    "sizes_beyond_cores": list,
    "price_book": lambda value: write_record(value) if value != NO_BOOK else None,
    "tuner_ms": lambda value: write_record(value) if value else None,
    "code": lambda value: write_record(value) if value != NO_CODE else None,
    "exploration": lambda value: value.to_json() if value else None,
    "logs": lambda value: value.to_json() if value else None,
    "decision": lambda value: write_record(value) if value else None,
    "parts": lambda value: [part.to_json() for part in value],
}
"""How the same are written."""
