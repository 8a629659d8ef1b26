"""The execution input of AWS Lambda Power Tuning, and what we add to it, read and validated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import fields
from .arn import FunctionArn
from .errors import UsageError, closest
from .mix import shares, weighted_mix
from .plan import MAX_COLD, MAX_ENVIRONMENTS
from .sizes import DEFAULT_POWERS
from .strategies import DEFAULT_STRATEGY, DEFAULT_WEIGHT

EXPLORATIONS = ("grid", "adaptive")

MIN_NUM = 5
"""Fewest invocations a size in Power Tuning's contract, where 20 % is trimmed at each end."""

DEFAULT_TRIM = 0.2
DEFAULT_ENVIRONMENTS = 5
DEFAULT_PARALLEL_SIZES = 10
MAX_PARALLEL_SIZES = 40
"""A Map state runs no more iterations side by side."""


@dataclass(frozen=True)
class TuningInput:
    """A validated execution input. Names and defaults are Power Tuning's, in snake_case.

    Ours are: `run_id` (None: the tuner makes one), `seed` of order and placeholders (None: drawn
    and recorded), `environments` over which a size's samples are spread,
    `parallel_sizes` that are measured side by side, `shared_cores` that the environments of a size
    have together (None: each its own, as on AWS), `cold` starts that are measured on purpose at
    each size, `payload_types` (kept apart in the samples) or
    `payload_types_s3`, where they lie, the `table` that their `{{table}}` stands for,
    `price_book`, the S3 path of one that replaces the packaged one, and `about`, facts of the
    client that go into the manifest as they are. `exploration` is "grid" (every size, `num` times)
    or "adaptive" (after every step what tells most for its price, never more in all than the grid),
    which may be ended, sure or not, by `max_usd`, the price of its invocations, or `max_seconds`.
    """

    lambda_arn: FunctionArn
    num: int
    power_values: tuple[int, ...] = DEFAULT_POWERS
    payload: Any = None
    payload_s3: str | None = None
    parallel_invocation: bool = False
    strategy: str = DEFAULT_STRATEGY
    balanced_weight: float = DEFAULT_WEIGHT
    auto_optimize: bool = False
    auto_optimize_alias: str | None = None
    dry_run: bool = False
    pre_processor_arn: FunctionArn | None = None
    post_processor_arn: FunctionArn | None = None
    discard_top_bottom: float = DEFAULT_TRIM
    sleep_between_runs_ms: int = 0
    disable_payload_logs: bool = False
    include_output_results: bool = False
    only_cold_starts: bool = False
    allowed_exceptions: tuple[str, ...] = ()
    run_id: str | None = None
    seed: int | None = None
    environments: int = DEFAULT_ENVIRONMENTS
    parallel_sizes: int = DEFAULT_PARALLEL_SIZES
    shared_cores: float | None = None
    cold: int = 0
    payload_types: tuple[Mapping[str, Any], ...] = ()
    payload_types_s3: str | None = None
    price_book: str | None = None
    table: str | None = None
    about: Any = None
    exploration: str = EXPLORATIONS[0]
    max_usd: float | None = None
    max_seconds: float | None = None

    @property
    def adaptive(self) -> bool:
        """Whether each step is chosen by what was measured before it."""
        return self.exploration == "adaptive"

    @property
    def invocations(self) -> int:
        """How often each size is invoked (each payload type, if there are some)."""
        return 1 if self.dry_run else self.num

    @property
    def trim(self) -> float:
        """The share trimmed at each end of Power Tuning's averages; none of single cold starts."""
        return 0.0 if self.only_cold_starts else self.discard_top_bottom


def parse_input(value: Any) -> TuningInput:
    """The input of an execution; UsageError says which field is wrong and what it may be.

    As in Power Tuning, numbers may be strings, `powerValues` may be "ALL" or empty (the default),
    the weight and the trim are clamped, null means the default, and `payloadS3` wins over
    `payload`. Unlike it, unknown names are refused, and `num` may be below 5 where payload types
    are ours (nothing is trimmed there).
    """
    if not isinstance(value, Mapping):
        raise UsageError('the execution input must be a JSON object with "lambdaARN" and "num"')
    for name in value:
        if name not in INPUTS:
            raise UsageError(f'unknown input "{name}"; {closest(str(name), INPUTS)}')
    given = {name: entry for name, entry in value.items() if entry is not None or name == "payload"}
    for name in ("lambdaARN", "num"):
        if given.get(name) in (None, ""):
            raise UsageError(f'input "{name}" is missing; add it')
    read = {INPUTS[name][0]: INPUTS[name][1](name, entry) for name, entry in given.items()}
    return _consistent(TuningInput(**read))


def check_exploration(name: object) -> str:
    """The name of a known exploration; UsageError with the closest for any other."""
    if name not in EXPLORATIONS:
        raise UsageError(f'unknown exploration "{name}"; {closest(str(name), EXPLORATIONS)}')
    return str(name)


def _consistent(parsed: TuningInput) -> TuningInput:
    if parsed.payload_types and parsed.payload_types_s3:
        raise UsageError('give "payloadTypes" or "payloadTypesS3", not both')
    ours = bool(parsed.payload_types or parsed.payload_types_s3)
    if ours and (parsed.payload is not None or parsed.payload_s3):
        raise UsageError('give "payload" (or "payloadS3") or payload types, not both')
    if not ours and parsed.num < MIN_NUM:
        raise UsageError(f'input "num" is {parsed.num}; it must be {MIN_NUM} or more')
    _refuse_beside_exploring(parsed)
    mix = () if ours or parsed.payload_s3 or parsed.dry_run else weighted_mix(parsed.payload)
    if mix:
        shares([entry.weight for entry in mix], parsed.num)
    return parsed


def _refuse_beside_exploring(parsed: TuningInput) -> None:
    """An adaptive run measures warm invocations; limits are for what can end early."""
    ends = {"maxUsd": parsed.max_usd, "maxSeconds": parsed.max_seconds}
    fixed = {
        "dryRun": parsed.dry_run,
        "onlyColdStarts": parsed.only_cold_starts,
        "parallelInvocation": parsed.parallel_invocation,
        "cold": parsed.cold,
    }
    for name, value in fixed.items() if parsed.adaptive else ():
        if value:
            raise UsageError(f'"{name}" needs "exploration": "grid"; leave one of them out')
    for name, limit in ends.items() if not parsed.adaptive else ():
        if limit is not None:
            raise UsageError(f'"{name}" ends an adaptive run: give "exploration": "adaptive", too')


INPUTS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "lambdaARN": ("lambda_arn", fields.arn),
    "num": ("num", fields.whole(1)),
    "powerValues": ("power_values", fields.sizes),
    "payload": ("payload", fields.anything),
    "payloadS3": ("payload_s3", fields.s3_path),
    "parallelInvocation": ("parallel_invocation", fields.flag),
    "strategy": ("strategy", fields.strategy),
    "balancedWeight": ("balanced_weight", fields.weight),
    "autoOptimize": ("auto_optimize", fields.flag),
    "autoOptimizeAlias": ("auto_optimize_alias", fields.text),
    "dryRun": ("dry_run", fields.flag),
    "preProcessorARN": ("pre_processor_arn", fields.arn),
    "postProcessorARN": ("post_processor_arn", fields.arn),
    "discardTopBottom": ("discard_top_bottom", fields.trim),
    "sleepBetweenRunsMs": ("sleep_between_runs_ms", fields.whole(0)),
    "disablePayloadLogs": ("disable_payload_logs", fields.flag),
    "includeOutputResults": ("include_output_results", fields.flag),
    "onlyColdStarts": ("only_cold_starts", fields.flag),
    "allowedExceptions": ("allowed_exceptions", fields.names),
    "runId": ("run_id", fields.run_id),
    "seed": ("seed", fields.whole(0)),
    "environments": ("environments", fields.whole(1, MAX_ENVIRONMENTS)),
    "parallelSizes": ("parallel_sizes", fields.whole(1, MAX_PARALLEL_SIZES)),
    "sharedCores": ("shared_cores", fields.above_zero),
    "cold": ("cold", fields.whole(0, MAX_COLD)),
    "payloadTypes": ("payload_types", fields.types),
    "payloadTypesS3": ("payload_types_s3", fields.s3_path),
    "priceBook": ("price_book", fields.s3_path),
    "table": ("table", fields.text),
    "about": ("about", fields.anything),
    "exploration": ("exploration", fields.one_of(EXPLORATIONS)),
    "maxUsd": ("max_usd", fields.above_zero),
    "maxSeconds": ("max_seconds", fields.above_zero),
}
"""Every input by its name in the execution input, with the field and the rule that reads it."""
