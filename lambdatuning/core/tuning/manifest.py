"""The manifest of a run: on what it was measured, how, for how much, and what it answers."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..decision import Decision
from ..wire import camel, inside, known_fields, outside

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


@dataclass(frozen=True)
class PriceBookName:
    """Which price book a run was priced by."""

    version: str = ""
    source: str = ""


@dataclass(frozen=True)
class Code:
    """Which code was measured, as git and the CI say; `dirty` is that files differed from it."""

    commit: str = ""
    branch: str = ""
    dirty: bool = False
    url: str = ""


NO_CODE = Code()


@dataclass(frozen=True)
class TunerTime:
    """Billed ms of the tuner's own functions."""

    control: float = 0.0
    measure: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is stored beside the samples of a run; None and "" where something is not known.

    `endpoint` is what the session says of the AWS that measured, `input` and `output` are the
    execution's, in the contract's own words. `exploration` is what an adaptive run did and
    answered, empty for a grid. `exposed_ms` is how long callers of `$LATEST` could meet another
    memory size. `logs` is what was lost of the logs that a run was read from (`analysis.logs`),
    empty for a measured run. `currency` is that of all its costs, "" is USD. `parts` are the
    manifests of the runs that were merged into one. `labels` are the user's own words, `code`
    says which commit was measured.
    `extra` has the fields of a newer version, kept as they came.
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
    endpoint: Mapping[str, Any] = field(default_factory=dict)
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
    price_book: PriceBookName = PriceBookName()
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
    exploration: Mapping[str, Any] = field(default_factory=dict)
    decision: Decision | None = None
    logs: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple["Manifest", ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    code: Code = NO_CODE
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def execution_arn(self) -> str:
        """The execution, or the first of several; "" where there was none."""
        return next(iter(self.execution_arns), "")

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

    def to_json(self) -> dict[str, Any]:
        """The stored form; what is not known is left out."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
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
    own, _ = known_fields(ManifestPayload, value)
    return ManifestPayload(**{**own, "weight": float(own.get("weight") or 1)})


def _object(record: Any) -> Any:
    return lambda value: record(**known_fields(record, value)[0])


_READ: Mapping[str, Callable[[Any], Any]] = {
    "endpoint": inside,
    "execution_arns": tuple,
    "payloads": lambda value: tuple(map(_payload, value)),
    "sizes": _sizes,
    "sizes_beyond_cores": _sizes,
    "price_book": _object(PriceBookName),
    "tuner_ms": _object(TunerTime),
    "code": _object(Code),
    "warnings": tuple,
    "exploration": inside,
    "decision": Decision.from_json,
    "parts": lambda value: tuple(map(Manifest.from_json, value)),
}
"""How fields that are no plain values are read."""

_WRITE: Mapping[str, Callable[[Any], Any]] = {
    "endpoint": outside,
    "execution_arns": list,
    "payloads": lambda value: [vars(each) for each in value],
    "sizes": list,
    "sizes_beyond_cores": list,
    "price_book": lambda value: vars(value) if value.version else None,
    "tuner_ms": lambda value: vars(value) if value else None,
    "code": lambda value: vars(value) if value != NO_CODE else None,
    "exploration": outside,
    "decision": lambda value: outside(value.to_json()) if value else None,
    "parts": lambda value: [each.to_json() for each in value],
}
"""How the same are written."""
